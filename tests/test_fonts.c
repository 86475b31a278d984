/* Which fonts are taken for letters, which are left out; damaged ones, a system that fails, and memory that is out. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include <cotangent/cotangent.h>

#include "polygon_fonts.h"
#include "refuse.h"

static ct_error error;

TestSuite(fonts, .init = into_a_folder, .fini = remove_the_folder);

static const struct polygon box_h = { 'H', 4, { 0, 0, 600, 600 }, { 0, 1000, 1000, 0 } };
static const struct polygon box_b = { 'B', 4, { 100, 100, 500, 500 }, { -200, 800, 800, -200 } };
static const struct polygon bar_w = { 'W', 4, { 0, 0, 5000, 5000 }, { 0, 200, 200, 0 } };
static const struct polygon ell = { 'L', 6, { 0, 0, 200, 200, 600, 600 }, { 0, 1000, 1000, 200, 200, 0 } };
static const struct polygon empty_e = { 'E', 0, { 0 }, { 0 } };
static const struct polygon flat_f = { 'F', 3, { 0, 300, 600 }, { 0, 0, 0 } };
static const struct polygon slim_s = { 'S', 3, { 7, 7, 7 }, { 0, 500, 900 } };

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

Test(fonts, fonts_that_suit)
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

Test(fonts, files_that_are_no_fonts)
{
    write_bytes("a.ttf", "", 0), write_bytes("b.ttf", "no font at all, but a text", 26), write_bytes("c.ttf", bitmap_font, sizeof bitmap_font - 1);
    cr_expect_eq(fonts_with("H"), 0);
    FILE *large = fopen("large.ttf", "w");
    cr_assert(large != NULL && ftruncate(fileno(large), (32 << 20) + 1) == 0 && fclose(large) == 0);
    cr_expect_eq(fonts_with("H"), 0);
    write_font("z.ttf", FONT(0, &box_h));
    cr_expect_eq(fonts_with("H"), 1);
    struct bytes apple = FONT(0, &box_h);
    memcpy(apple.data, "true", 4);
    write_font("y.ttf", apple);
    cr_expect_eq(fonts_with("H"), 2);
}

/* Every truncation of a font and every byte of it changed: what FreeType still takes is drawn. */
Test(fonts, damage, .timeout = 120)
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

Test(fonts, a_thousand_fonts_are_enough)
{
    const struct bytes font = FONT(0, &box_h);
    for (int i = 0; i < 1002; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d.ttf", i);
        write_font(name, font);
    }
    cr_expect_eq(fonts_with("H"), 1000);
}

/* A file of 28 KiB with 3,008,000 points, of which so many are kept that memory has a bound. */
Test(fonts, points_are_bounded)
{
    enum { LETTERS = 94 };
    struct polygon polygon[LETTERS];
    const struct polygon *polygons[LETTERS];
    char characters[LETTERS + 1] = "", name[] = "0.ttf";
    for (int i = 0; i < LETTERS; i++) {
        polygon[i] = (struct polygon){ '!' + i, 32000, { 0, 600 }, { 0, 0, 1000 } };
        polygons[i] = &polygon[i], characters[i] = (char)('!' + i);
    }
    const struct bytes font = font_of(LETTERS, polygons, 0, false);
    for (; name[0] < '5'; name[0]++)
        write_font(name, font);
    cr_expect_eq(fonts_with(characters), 3); /* the third has the 8,388,609th point */
}

/* One glyph of `count` others, each `step` after the last. */
static void put_composite(struct bytes *glyf, int count, int first, int step)
{
    PUT16(glyf, -1, 0, -200, 5000, 1000);
    for (int i = 0; i < count; i++)
        PUT16(glyf, i + 1 < count ? 0x22 : 0x02, first + i * step, 0); /* by places, of which each is a byte; more follow */
    while (glyf->size % 4 != 0)
        put(glyf, 1, 0);
}

/* An H of a thousand parts, each of a thousand empty ones: 20 KB that FreeType would work on for minutes. It takes each part only once,
 * but all have the same place: a glyph whose successor's place is before its own reaches to the end. */
Test(fonts, time_is_bounded, .timeout = 60)
{
    enum { PARTS = 1000, GLYPHS = 2 * PARTS + 4 }; /* 0 is empty, 2 the H, 4 a box and its first part; odd ones are only successors */
    static struct bytes table[TABLES];
    struct bytes *glyf = &table[GLYF];
    size_t place[3];
    put(glyf, 4, 0);
    place[0] = glyf->size, put_composite(glyf, PARTS, 4, 2);
    place[1] = glyf->size, put_polygon(glyf, &box_h);
    place[2] = glyf->size, put_composite(glyf, PARTS, 0, 0);
    for (int i = 0; i <= GLYPHS; i++)
        put(&table[LOCA], 4, i % 2 == 1 || i == 0 || i == GLYPHS ? 0 : place[i < 6 ? i / 2 - 1 : 2]);
    PUT16(&table[CMAP], 0, 1, 3, 10), put(&table[CMAP], 4, 12);
    PUT16(&table[CMAP], 12, 0, 0, 28, 0, 0, 0, 1, 0, 'H', 0, 'H', 0, 2);
    PUT16(&table[MAXP], 1, 0, GLYPHS, 65535, 100, 65535, 100, 1, 0, 0, 0, 0, 0, 0, 65535, 65535);
    PUT16(&table[HMTX], 700, 0);
    put_head_and_hhea(table, 1);
    write_font("a.ttf", font_of_tables(table)), write_font("b.ttf", FONT(0, &box_h));
    cr_expect_eq(fonts_with("H"), 1);
}

/* A Macintosh's resources whose data begin at 65536, which are a TrueType font's first bytes: FreeType would find the font in them. */
Test(fonts, resources_are_no_font)
{
    enum { DATA = 65536 };
    const struct bytes font = FONT(0, &box_h);
    struct bytes head = { 0 }, map = { 0 };
    put(&head, 4, DATA), put(&head, 4, DATA + 4 + font.size), put(&head, 4, 4 + font.size), put(&head, 4, 50);
    memcpy(map.data, head.data, map.size = head.size);
    PUT16(&map, 0, 0, 0, 0, 28, 50, 0), put(&map, 4, 0x73666e74), PUT16(&map, 0, 10, 0, -1, 0, 0, 0, 0); /* 'sfnt' */
    static uint8_t file[2 * DATA];
    memcpy(file, head.data, head.size);
    file[DATA + 2] = (uint8_t)(font.size >> 8), file[DATA + 3] = (uint8_t)font.size;
    memcpy(file + DATA + 4, font.data, font.size), memcpy(file + DATA + 4 + font.size, map.data, map.size);
    write_bytes("a.ttf", file, DATA + 4 + font.size + map.size);
    cr_expect_eq(fonts_with("H"), 0);
}

Test(fonts, arguments_are_refused)
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

Test(fonts, fonts_that_cannot_be_read_are_not_passed_over)
{
    cr_assert_eq(mkdir("fonts", 0777), 0);
    write_font("fonts/a.ttf", FONT(0, &box_h)), write_font("fonts/b.ttf", FONT(0, &box_b, &box_h));
    why = "cannot list fonts: Input/output error";
    REFUSE(open_refused, { SYS_getdents64, EIO });
    why = "cannot read fonts/a.ttf: Input/output error";
    REFUSE(open_refused, { SYS_read, EIO });
}

/* But for those that this user may never read, in the folder or in one below. */
Test(fonts, forbidden_fonts_are_left_out)
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
Test(fonts, each_allocation_fails)
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
