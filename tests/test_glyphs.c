/* Letters: drawn as they should be, from fonts made here, whose outlines are known; which fonts are taken; and memory that is out. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include <cotangent/cotangent.h>

#include "files.h"
#include "refuse.h"

static ct_error error;

TestSuite(glyphs, .init = into_a_folder, .fini = remove_the_folder);

/* ---- a TrueType font of polygons ---- */

struct polygon {
    int code; /* the character */
    int points;
    int16_t x[8], y[8];
};

static const struct polygon box_h = { 'H', 4, { 0, 0, 600, 600 }, { 0, 1000, 1000, 0 } };
static const struct polygon box_b = { 'B', 4, { 100, 100, 500, 500 }, { -200, 800, 800, -200 } };
static const struct polygon bar_w = { 'W', 4, { 0, 0, 5000, 5000 }, { 0, 200, 200, 0 } };
static const struct polygon ell = { 'L', 6, { 0, 0, 200, 200, 600, 600 }, { 0, 1000, 1000, 200, 200, 0 } };
static const struct polygon empty_e = { 'E', 0, { 0 }, { 0 } };
static const struct polygon flat_f = { 'F', 3, { 0, 300, 600 }, { 0, 0, 0 } };
static const struct polygon slim_s = { 'S', 3, { 7, 7, 7 }, { 0, 500, 900 } };

struct bytes {
    size_t size;
    uint8_t data[4096];
};

static void put(struct bytes *bytes, int width, uint64_t value)
{
    for (int i = width - 1; i >= 0; i--)
        bytes->data[bytes->size++] = (uint8_t)(value >> 8 * i);
}

static void put_all16(struct bytes *bytes, size_t count, const int values[])
{
    for (size_t i = 0; i < count; i++)
        put(bytes, 2, (uint64_t)(int64_t)values[i]);
}
#define PUT16(bytes, ...) put_all16(bytes, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), (int[]){ __VA_ARGS__ })

/* glyf's part of one polygon; nothing for one without points. */
static void put_polygon(struct bytes *glyf, const struct polygon *polygon)
{
    int x = 0, y = 0;
    if (polygon->points == 0)
        return;
    PUT16(glyf, 1, 0, -200, 5000, 1000, polygon->points - 1, 0); /* contours, a box that nobody reads, last point, no instructions */
    for (int i = 0; i < polygon->points; i++)
        put(glyf, 1, 1); /* on the curve */
    for (int i = 0; i < polygon->points; x = polygon->x[i++])
        PUT16(glyf, polygon->x[i] - x);
    for (int i = 0; i < polygon->points; y = polygon->y[i++])
        PUT16(glyf, polygon->y[i] - y);
    while (glyf->size % 4 != 0)
        put(glyf, 1, 0);
}

enum { CMAP, GLYF, HEAD, HHEA, HMTX, LOCA, MAXP, OS2, TABLES };

/* By code. weight 0: without the table that says it. `shared`: every character the first polygon. */
static struct bytes font_of(int count, const struct polygon *const polygons[], int weight, bool shared)
{
    static const char *const tags[TABLES] = { "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "OS/2" };
    static struct bytes table[TABLES];
    memset(table, 0, sizeof table);
    PUT16(&table[CMAP], 0, 1, 3, 10), put(&table[CMAP], 4, 12);
    PUT16(&table[CMAP], 12, 0), put(&table[CMAP], 4, 16 + 12 * (uint64_t)count), put(&table[CMAP], 4, 0), put(&table[CMAP], 4, (uint64_t)count);
    PUT16(&table[MAXP], 1, 0, count + 1, 100, 10, 100, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    put(&table[LOCA], 4, 0), put(&table[LOCA], 4, 0); /* glyph 0 is empty */
    for (int i = 0; i < count; i++) {
        put_polygon(&table[GLYF], polygons[i]);
        put(&table[LOCA], 4, table[GLYF].size);
        for (int k = 0; k < 2; k++)
            put(&table[CMAP], 4, (uint64_t)polygons[i]->code);
        put(&table[CMAP], 4, shared ? 1 : (uint64_t)i + 1);
        PUT16(&table[HMTX], 700, 0);
    }
    PUT16(&table[HMTX], 700, 0);
    PUT16(&table[HEAD], 1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, -200, 5000, 1000, 0, 8, 2, 1, 0);
    PUT16(&table[HHEA], 1, 0, 1000, -200, 0, 5000, 0, 0, 5000, 1, 0, 0, 0, 0, 0, 0, 0, count + 1);
    if (weight > 0) {
        PUT16(&table[OS2], 0, 500, weight, 5, 0);
        while (table[OS2].size < 78)
            put(&table[OS2], 2, 0);
    }
    const int tables = weight > 0 ? TABLES : OS2;
    struct bytes font = { 0 };
    put(&font, 4, 0x00010000), PUT16(&font, tables, 128, 3, 16 * tables - 128);
    for (int i = 0, at = 12 + 16 * tables; i < tables; at += (int)(table[i++].size + 3) / 4 * 4) {
        memcpy(font.data + font.size, tags[i], 4);
        font.size += 4;
        put(&font, 4, 0), put(&font, 4, (uint64_t)at), put(&font, 4, table[i].size);
    }
    for (int i = 0; i < tables; i++) {
        cr_assert(font.size + table[i].size + 4 < sizeof font.data);
        memcpy(font.data + font.size, table[i].data, table[i].size);
        font.size += (table[i].size + 3) / 4 * 4;
    }
    return font;
}

#define FONT(weight, ...) \
    font_of(sizeof((const struct polygon *[]){ __VA_ARGS__ }) / sizeof(void *), (const struct polygon *[]){ __VA_ARGS__ }, weight, false)

static void write_font(const char *path, struct bytes font)
{
    write_bytes(path, font.data, font.size);
}

/* ---- drawing ---- */

/* What a picture's light says of the letter in it: how much there is, where, how it is turned; y goes up. */
struct light {
    double area, x, y, angle; /* of the longer axis to the vertical, turned counter-clockwise */
    double right, above;      /* of the middle of the light's box: shares of the light */
    bool border;              /* whether the outermost pixels have any */
};

static struct light look_at(const float *pixel, int size)
{
    struct light light = { 0 };
    double xx = 0, xy = 0, yy = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < size * size; i++) {
            const double x = i % size + 0.5 - size / 2.0, y = size / 2.0 - i / size - 0.5, dx = x - light.x, dy = y - light.y, p = (pixel[i] + 1) / 2;
            if (pass == 0)
                light.area += p, xx += p * x, yy += p * y;
            else
                xx += p * dx * dx, xy += p * dx * dy, yy += p * dy * dy;
            light.border |= p > 0 && (i % size == 0 || i % size == size - 1 || i / size == 0 || i / size == size - 1);
            if (i == size * size - 1 && pass == 0)
                light.x = xx / light.area, light.y = yy / light.area, xx = yy = 0;
        }
    light.angle = -0.5 * atan2(2 * xy, yy - xx);
    return light;
}

struct range {
    double least, most;
};

static void widen(struct range *range, double value)
{
    range->least = fmin(range->least, value), range->most = fmax(range->most, value);
}

enum { SIZE = 64, MANY = 600 };

static const float *draw_many(const char *characters, ct_tensor **batch)
{
    ct_glyphs *glyphs = ct_glyphs_open(".", characters, &error);
    cr_assert_not_null(glyphs, "%s", error.message);
    *batch = ct_tensor_full(CT_F32, CT_SHAPE(MANY, 1, SIZE, SIZE), NAN);
    cr_assert_eq(ct_glyphs_draw(glyphs, *batch, 7, 3, &error), CT_OK, "%s", error.message);
    ct_glyphs_close(glyphs);
    return ct_tensor_data(*batch);
}

/* A box as high as a capital: light, place and turn are what the header says, and take all values that it says. */
Test(glyphs, a_box_is_where_it_should_be)
{
    write_font("a.ttf", FONT(0, &box_b, &box_h));
    ct_tensor *batch;
    const float *pixels = draw_many("B", &batch);
    struct range height = { 9, 0 }, x = { 9, -9 }, y = { 9, -9 }, angle = { 9, -9 };
    for (int i = 0; i < MANY; i++) {
        const struct light light = look_at(pixels + i * SIZE * SIZE, SIZE);
        widen(&height, sqrt(light.area / 0.4) / SIZE); /* 400 of 1,000 wide */
        widen(&x, light.x / SIZE), widen(&y, light.y / SIZE), widen(&angle, light.angle);
    }
    cr_expect(height.least > 0.63 && height.least < 0.634 && height.most > 0.724 && height.most < 0.73, "%g … %g", height.least, height.most);
    cr_expect(x.least > -0.0315 && x.least < -0.0308 && x.most < 0.0315 && x.most > 0.0308, "%g … %g", x.least, x.most);
    cr_expect(y.least > -0.0315 && y.least < -0.0308 && y.most < 0.0315 && y.most > 0.0308, "%g … %g", y.least, y.most);
    cr_expect(angle.least > -0.121 && angle.least < -0.118 && angle.most < 0.121 && angle.most > 0.118, "%g … %g", angle.least, angle.most);
    ct_tensor_release(batch);
}

/* The light of an L is left below the middle of its box: nothing is upside down or mirrored. */
Test(glyphs, letters_are_upright)
{
    write_font("a.ttf", FONT(400, &box_h, &ell));
    ct_tensor *batch;
    const float *pixels = draw_many("L", &batch);
    const double light = 280000, box = 1000; /* square units; the light's middle is at (186, 386) of a box with the middle (300, 500) */
    for (int i = 0; i < MANY; i++) {
        const struct light seen = look_at(pixels + i * SIZE * SIZE, SIZE);
        const double unit = sqrt(seen.area / light), slack = SIZE / 32.0 + 0.12 * box / 2 * unit;
        cr_expect(fabs(seen.x - (186 - 300) * unit) < slack && fabs(seen.y - (386 - 500) * unit) < slack, "%d: (%g, %g)", i, seen.x, seen.y);
        cr_expect(seen.x < 0 && seen.y < 0, "%d: (%g, %g)", i, seen.x, seen.y);
    }
    ct_tensor_release(batch);
}

Test(glyphs, wide_letters_fit)
{
    write_font("a.ttf", FONT(0, &box_h, &bar_w));
    ct_tensor *batch;
    const float *pixels = draw_many("W", &batch);
    for (int i = 0; i < MANY; i++) {
        const struct light light = look_at(pixels + i * SIZE * SIZE, SIZE);
        const double width = sqrt(light.area * 25) / SIZE; /* 5,000 by 200 */
        cr_expect(!light.border && fabs(width - 0.92 / 1.08) < 0.005, "%d: %g", i, width);
    }
    ct_tensor_release(batch);
}

/* Font and character are drawn evenly: three characters of two fonts, one of which is a bar in both. */
Test(glyphs, a_picture_depends_on_seed_step_and_place_alone)
{
    write_font("a.ttf", FONT(0, &box_b, &box_h, &bar_w));
    ct_glyphs *glyphs = ct_glyphs_open(".", "HHW", &error), *again = ct_glyphs_open(".", "HHW", &error);
    ct_tensor *many = ct_tensor_zeros(CT_F32, CT_SHAPE(300, 1, 16, 16)), *few = ct_tensor_full(CT_F32, CT_SHAPE(3, 1, 16, 16), 5);
    const float *a = ct_tensor_data(many), *b = ct_tensor_data(few);
    const size_t three = sizeof(float[3 * 16 * 16]);
    cr_assert_eq(ct_glyphs_draw(glyphs, many, 1ull << 40, 9, &error), CT_OK);
    cr_assert_eq(ct_glyphs_draw(again, few, 1ull << 40, 9, &error), CT_OK);
    cr_expect_arr_eq(a, b, three);
    cr_assert_eq(ct_glyphs_draw(glyphs, few, 1ull << 40, 10, &error), CT_OK);
    cr_expect_arr_neq(a, b, three);
    cr_assert_eq(ct_glyphs_draw(glyphs, few, 1, 9, &error), CT_OK);
    cr_expect_arr_neq(a, b, three);
    int bars = 0;
    for (int i = 0; i < 300; i++)
        bars += look_at(a + i * 256, 16).area < 0.1 * 256;
    cr_expect(bars > 70 && bars < 130, "%d of 300 are W, a third expected", bars); /* 3.7 standard deviations */
    ct_tensor_release(many), ct_tensor_release(few);
    ct_glyphs_close(glyphs), ct_glyphs_close(again);
}

Test(glyphs, batches_are_refused)
{
    write_font("a.ttf", FONT(0, &box_h));
    ct_glyphs *glyphs = ct_glyphs_open(".", "H", &error);
    static const ct_shape wrong[] = { { 3, { 1, 16, 16 } }, { 4, { 1, 3, 16, 16 } }, { 4, { 1, 1, 16, 8 } }, { 4, { 1, 1, 0, 0 } }, { 4, { 0, 1, 4097, 4097 } } };
    for (int i = 0; i < 6; i++) {
        ct_tensor *batch = i < 5 ? ct_tensor_zeros(CT_F32, wrong[i]) : ct_tensor_zeros(CT_F64, CT_SHAPE(1, 1, 16, 16));
        cr_assert_not_null(batch);
        cr_expect_eq(ct_glyphs_draw(glyphs, batch, 1, 1, &error), CT_BAD_SHAPE);
        cr_expect_not_null(strstr(error.message, "needs float32 (n, 1, size, size), size 1 … 4096"), "%s", error.message);
        ct_tensor_release(batch);
    }
    cr_expect_eq(ct_glyphs_draw(glyphs, NULL, 1, 1, &error), CT_BAD_ARGUMENT);
    ct_tensor *batch = ct_tensor_zeros(CT_F32, CT_SHAPE(1, 1, 16, 16));
    cr_expect_eq(ct_glyphs_draw(NULL, batch, 1, 1, NULL), CT_BAD_ARGUMENT);
    ct_tensor_release(batch), ct_glyphs_close(glyphs), ct_glyphs_close(NULL);
}

/* ---- which fonts ---- */

/* How many fonts here have the characters; 0 when none has, with the message for that. */
static int fonts_with(const char *characters)
{
    ct_glyphs *glyphs = ct_glyphs_open(".", characters, &error);
    const int count = glyphs != NULL ? ct_glyphs_fonts(glyphs) : 0;
    cr_expect(glyphs != NULL || (error.status == CT_BAD_FORMAT && strstr(error.message, "no font under . has all of") != NULL), "%s", error.message);
    ct_glyphs_close(glyphs);
    return count;
}

Test(glyphs, fonts_that_suit)
{
    cr_assert(mkdir("below", 0777) == 0 && mkdir(".hidden", 0777) == 0);
    const struct bytes good = FONT(400, &box_b, &box_h);
    write_font("below/a.OTF", good), write_font("below/a.txt", good), write_font("a", good), write_font(".hidden/a.ttf", good);
    cr_expect_eq(fonts_with("HB"), 1);
    cr_expect_eq(fonts_with("H"), 1);
    cr_expect_eq(fonts_with("HBE"), 0); /* has no E */
    cr_assert(symlink("below/a.OTF", "b.ttf") == 0 && link("below/a.OTF", "c.ttf") == 0 && symlink("nowhere", "d.ttf") == 0);
    cr_expect_eq(fonts_with("HB"), 1); /* once, though three names lead to it */
    write_font("e.ttf", good);
    cr_expect_eq(fonts_with("HB"), 2);
    write_font("f.ttf", FONT(100, &box_b, &box_h)), write_font("g.ttf", FONT(250, &box_b, &box_h)); /* thin */
    cr_expect_eq(fonts_with("HB"), 2);
    write_font("h.ttf", FONT(5, &box_b, &box_h)), write_font("i.ttf", FONT(300, &box_b, &box_h)); /* an old scale of weights; light */
    cr_expect_eq(fonts_with("HB"), 4);
    write_font("j.ttf", FONT(0, &box_b, &box_h)); /* says no weight */
    cr_expect_eq(fonts_with("HB"), 5);
    write_font("k.ttf", font_of(2, (const struct polygon *[]){ &box_b, &box_h }, 0, true)); /* H and B are the same */
    cr_expect_eq(fonts_with("HB"), 5);
    cr_expect_eq(fonts_with("HH"), 6);
    write_font("l.ttf", FONT(0, &empty_e, &box_h)), write_font("m.ttf", FONT(0, &flat_f, &box_h)), write_font("n.ttf", FONT(0, &box_h, &slim_s));
    cr_expect_eq(fonts_with("E"), 0);
    cr_expect_eq(fonts_with("F"), 0);
    cr_expect_eq(fonts_with("S"), 0);
    write_font("o.ttf", FONT(0, &bar_w)), write_font("p.ttf", FONT(0, &(struct polygon){ 'H', 0, { 0 }, { 0 } }, &bar_w)); /* nothing to measure by */
    cr_expect_eq(fonts_with("W"), 0);
    write_font("q.ttf", FONT(0, &box_h, &bar_w));
    cr_expect_eq(fonts_with("W"), 1);
}

/* One pixel a letter: a font, but without outlines. */
static const char bitmap_font[] = "STARTFONT 2.1\nFONT x\nSIZE 8 75 75\nFONTBOUNDINGBOX 8 8 0 0\nSTARTPROPERTIES 2\nCHARSET_REGISTRY \"ISO10646\"\n"
                                  "CHARSET_ENCODING \"1\"\nENDPROPERTIES\nCHARS 1\nSTARTCHAR H\nENCODING 72\nSWIDTH 500 0\nDWIDTH 8 0\nBBX 8 8 0 0\nBITMAP\n"
                                  "81\n81\n81\nFF\n81\n81\n81\n81\nENDCHAR\nENDFONT\n";

Test(glyphs, files_that_are_no_fonts)
{
    write_bytes("a.ttf", "", 0), write_bytes("b.ttf", "no font at all, but a text", 26), write_bytes("c.ttf", bitmap_font, sizeof bitmap_font - 1);
    cr_expect_eq(fonts_with("H"), 0);
    FILE *large = fopen("large.ttf", "w");
    cr_assert(large != NULL && ftruncate(fileno(large), (32 << 20) + 1) == 0 && fclose(large) == 0);
    cr_expect_eq(fonts_with("H"), 0);
    write_font("z.ttf", FONT(0, &box_h));
    cr_expect_eq(fonts_with("H"), 1);
}

/* Every truncation of a font and every byte of it changed: what FreeType still takes is drawn. */
Test(glyphs, damage, .timeout = 120)
{
    const struct bytes font = FONT(400, &box_h, &ell);
    ct_tensor *batch = ct_tensor_zeros(CT_F32, CT_SHAPE(8, 1, 16, 16));
    int taken = 0, tried = 0;
    for (size_t i = 0; i < 3 * font.size; i++, tried++) {
        struct bytes damaged = font;
        if (i < font.size)
            damaged.size = i;
        else if (i < 2 * font.size)
            damaged.data[i - font.size] ^= 0xff;
        else
            damaged.data[i - 2 * font.size] += 1;
        write_font("a.ttf", damaged);
        ct_glyphs *glyphs = ct_glyphs_open(".", "HL", &error);
        cr_assert(glyphs != NULL || error.status == CT_BAD_FORMAT, "%zu: %s", i, error.message);
        if (glyphs == NULL)
            continue;
        taken++;
        cr_expect_eq(ct_glyphs_draw(glyphs, batch, i, 0, &error), CT_OK);
        for (int64_t k = 0; k < ct_tensor_count(batch); k++)
            cr_assert(fabs(ct_tensor_at(batch, k)) <= 1);
        ct_glyphs_close(glyphs);
    }
    cr_expect(taken > tried / 20 && taken < tried, "%d of %d", taken, tried);
    ct_tensor_release(batch);
}

Test(glyphs, a_thousand_fonts_are_enough)
{
    const struct bytes font = FONT(0, &box_h);
    for (int i = 0; i < 1002; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d.ttf", i);
        write_font(name, font);
    }
    cr_expect_eq(fonts_with("H"), 1000);
}

Test(glyphs, arguments_are_refused)
{
    static const char *const wrong[] = { "", "A B", "É", "A\x7f", NULL };
    for (int i = 0; i < 5; i++) {
        cr_expect_null(ct_glyphs_open(".", wrong[i], &error));
        cr_expect_eq(error.status, CT_BAD_ARGUMENT);
        cr_expect_not_null(strstr(error.message, "needs one or more of ASCII's characters"), "%s", error.message);
    }
    cr_expect_null(ct_glyphs_open(NULL, "A", NULL));
    cr_expect_null(ct_glyphs_open("nowhere", "A", &error));
    cr_expect_str_eq(error.message, "cannot list nowhere: No such file or directory");
}

/* ---- the system ---- */

static const char *why;

static void open_refused(void)
{
    cr_expect_null(ct_glyphs_open("fonts", "H", &error));
    cr_expect_eq(error.status, CT_IO_ERROR);
    cr_expect_str_eq(error.message, why);
}

Test(glyphs, fonts_that_cannot_be_read_are_not_passed_over)
{
    cr_assert_eq(mkdir("fonts", 0777), 0);
    write_font("fonts/a.ttf", FONT(0, &box_h)), write_font("fonts/b.ttf", FONT(0, &box_b, &box_h));
    why = "cannot list fonts: Input/output error";
    REFUSE(open_refused, { SYS_getdents64, EIO });
    why = "cannot read fonts/a.ttf: Input/output error";
    REFUSE(open_refused, { SYS_read, EIO });
}

/* But for those that this user may never read, in the folder or in one below. */
Test(glyphs, forbidden_fonts_are_left_out)
{
    cr_assert(mkdir("fonts", 0755) == 0 && mkdir("fonts/closed", 0755) == 0 && mkdir("fonts/names-only", 0755) == 0);
    write_font("fonts/a.ttf", FONT(0, &box_h)), write_font("fonts/b.ttf", FONT(0, &box_h));
    write_font("fonts/closed/c.ttf", FONT(0, &box_h)), write_font("fonts/names-only/d.ttf", FONT(0, &box_h));
    cr_assert(chmod("fonts/b.ttf", 0) == 0 && chmod("fonts/closed", 0) == 0 && chmod("fonts/names-only", 0444) == 0 && chmod(".", 0755) == 0);
    const uid_t user = geteuid();
    cr_assert(user != 0 || seteuid(65534) == 0);
    ct_glyphs *glyphs = ct_glyphs_open("fonts", "H", &error);
    cr_expect(glyphs != NULL && ct_glyphs_fonts(glyphs) == 1, "%s", error.message);
    ct_glyphs_close(glyphs);
    cr_expect_null(ct_glyphs_open("fonts/closed", "H", &error));
    cr_expect_str_eq(error.message, "cannot list fonts/closed: Permission denied");
    cr_expect_null(ct_source_folder("fonts", &(ct_source_options){ .size = 8 }, &error)); /* whose pictures are all meant */
    cr_expect_str_eq(error.message, "cannot list fonts/closed: Permission denied");
    cr_assert(seteuid(user) == 0 && chmod("fonts/closed", 0755) == 0 && chmod("fonts/names-only", 0755) == 0);
}

/* ---- memory ---- */

static struct {
    long calls, chosen, blocks;
} ledger;

static void *take(void *context, size_t size)
{
    (void)context;
    void *memory = ++ledger.calls == ledger.chosen ? NULL : aligned_alloc(64, (size + 63) / 64 * 64);
    ledger.blocks += memory != NULL;
    return memory;
}

static void give(void *context, void *memory, size_t size)
{
    (void)context, (void)size;
    ledger.blocks--;
    free(memory);
}

/* Fails at each allocation: refused, and nothing lost. FreeType would go on without what it had no memory for, and give others' letters. */
Test(glyphs, each_allocation_fails)
{
    write_font("a.ttf", FONT(400, &box_b, &box_h)), write_font("b.ttf", FONT(400, &box_h, &ell));
    ct_set_allocator(&(ct_allocator){ take, give, NULL });
    ct_glyphs *glyphs = ct_glyphs_open(".", "H", &error);
    const long count = ledger.calls;
    cr_assert(glyphs != NULL && ct_glyphs_fonts(glyphs) == 2 && count > 50, "%ld", count);
    ct_glyphs_close(glyphs);
    cr_expect_eq(ledger.blocks, 0);
    for (long i = 1; i <= count; i++) {
        ledger.calls = 0, ledger.chosen = i;
        glyphs = ct_glyphs_open(".", "H", &error);
        cr_assert(glyphs == NULL && error.status == CT_NO_MEMORY && ledger.blocks == 0, "allocation %ld: %s", i, glyphs ? "taken" : error.message);
    }
    ct_set_allocator(NULL);
}
