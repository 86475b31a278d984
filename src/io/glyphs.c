/* Letters of TrueType and OpenType fonts, by FreeType, each a little turned, scaled and shifted. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_MODULE_H
#include FT_OUTLINE_H
#include FT_TRUETYPE_TABLES_H

#include "pixels.h"
#include "walk.h"

enum { MOST_FONTS = 1000, MOST_POINTS = 8 << 20, THIN = 100, LIGHT = 300, STREAM = 0x676c7970 };
#define LARGEST_FONT ((size_t)32 << 20)
#define LONGEST_FONT 1000000000 /* nanoseconds: a font takes half a thousandth of that; 64 KB of letters within letters, minutes */

/* About the centre of its box, in font units, as all that is measured here. */
struct letter {
    FT_Outline outline;
    double width, height;
};

struct font {
    struct ct_file_id id;
    double capital;        /* height of an H */
    struct letter *letter; /* of each character */
    int64_t points;        /* of all these */
};

struct ct_glyphs {
    struct FT_MemoryRec_ memory;
    FT_Library library;
    int64_t deadline; /* of the font at hand */
    size_t characters;
    int count;
    int64_t points; /* of all fonts: a small file's letters may have millions, each of which is kept in 17 bytes */
    struct font font[MOST_FONTS];
    FT_Outline turned; /* the letter at hand, with room for the largest */
};

/* Of this thread alone: a busy machine changes nothing. */
static int64_t processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* FreeType asks for memory with every letter, and every letter of a letter: there it can be ended, by a size that no memory has. */
static size_t in_time(FT_Memory memory, long size)
{
    const struct ct_glyphs *glyphs = memory->user;
    return glyphs->deadline == INT64_MAX || processor_time() < glyphs->deadline ? (size_t)size : SIZE_MAX;
}

static void *take(FT_Memory memory, long size)
{
    return ct_heap_allocate(in_time(memory, size));
}

static void give(FT_Memory memory, void *block)
{
    (void)memory;
    ct_heap_free(block);
}

static void *resize(FT_Memory memory, long size, long larger, void *block)
{
    (void)size;
    return ct_heap_resize(block, in_time(memory, larger));
}

/* ---- fonts ---- */

static bool keep_letter(const struct ct_glyphs *glyphs, FT_Face face, int character, struct letter *letter)
{
    const FT_Outline *outline = &face->glyph->outline;
    FT_BBox box;
    if (FT_Load_Char(face, (FT_ULong)character, FT_LOAD_NO_SCALE) != 0)
        return false;
    FT_Outline_Get_CBox(outline, &box);
    letter->width = (double)(box.xMax - box.xMin), letter->height = (double)(box.yMax - box.yMin);
    if (letter->width <= 0 || letter->height <= 0 ||
        FT_Outline_New(glyphs->library, (FT_UInt)outline->n_points, outline->n_contours, &letter->outline) != 0)
        return false;
    FT_Outline_Copy(outline, &letter->outline);
    FT_Outline_Translate(&letter->outline, -(box.xMin + box.xMax) / 2, -(box.yMin + box.yMax) / 2);
    return true;
}

/* Whether it has an outline for every character, no two the same, which leaves out symbol fonts and other scripts, and is not so thin
 * that nearly nothing is seen of it at 32 pixels. */
static bool keep_font(const struct ct_glyphs *glyphs, FT_Face face, const char *characters, struct font *font)
{
    const TT_OS2 *about = FT_Get_Sfnt_Table(face, FT_SFNT_OS2);
    struct letter capital = { 0 };
    if (about != NULL && about->usWeightClass >= THIN && about->usWeightClass < LIGHT)
        return false;
    for (size_t i = 0; i < glyphs->characters; i++) {
        const FT_UInt index = FT_Get_Char_Index(face, (FT_ULong)characters[i]);
        if (index == 0 || !keep_letter(glyphs, face, characters[i], &font->letter[i]))
            return false;
        font->points += font->letter[i].outline.n_points;
        for (size_t k = 0; k < i; k++)
            if (characters[k] != characters[i] && FT_Get_Char_Index(face, (FT_ULong)characters[k]) == index)
                return false;
    }
    const bool good = FT_Get_Char_Index(face, 'H') != 0 && keep_letter(glyphs, face, 'H', &capital);
    FT_Outline_Done(glyphs->library, &capital.outline);
    font->capital = capital.height;
    return good;
}

static void font_close(const struct ct_glyphs *glyphs, struct font *font)
{
    for (size_t i = 0; font->letter != NULL && i < glyphs->characters; i++)
        FT_Outline_Done(glyphs->library, &font->letter[i].outline); /* one of zeros is none */
    ct_heap_free(font->letter);
    *font = (struct font){ 0 };
}

/* TrueType, OpenType, or a collection of these, by the first letters. */
static bool may_be_font(const char *bytes, size_t size)
{
    static const char kinds[][5] = { "\0\1\0\0", "OTTO", "true", "ttcf" };
    bool found = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        found |= size > 4 && memcmp(bytes, kinds[i], 4) == 0;
    return found;
}

/* By these two readers: FreeType would try all it has, Type 1, bitmaps, and a Macintosh's resources, which may begin as TrueType does. */
static FT_Face open_face(FT_Library library, const void *bytes, size_t size)
{
    static const char *const drivers[] = { "truetype", "cff" };
    FT_Face face = NULL;
    for (int i = 0; i < 2 && face == NULL; i++)
        FT_Open_Face(library, &(FT_Open_Args){ .flags = FT_OPEN_MEMORY | FT_OPEN_DRIVER, .memory_base = bytes, .memory_size = (FT_Long)size,
                                               .driver = FT_Get_Module(library, drivers[i]) }, 0, &face);
    return face;
}

struct opening {
    struct ct_glyphs *glyphs;
    const char *characters;
};

/* One more font, if that is what the bytes are, and it suits; false when memory is out, which FreeType may take for a font that lacks something. */
static bool add_font(const struct opening *opening, struct ct_file_id id, const void *bytes, size_t size)
{
    struct ct_glyphs *glyphs = opening->glyphs;
    struct font *font = &glyphs->font[glyphs->count];
    const size_t room = glyphs->characters * sizeof *font->letter;
    ct_heap_budget(CT_DECODER_BUDGET);
    glyphs->deadline = processor_time() + LONGEST_FONT;
    *font = (struct font){ .id = id, .letter = ct_heap_allocate(room) };
    if (font->letter != NULL)
        memset(font->letter, 0, room);
    FT_Face face = font->letter != NULL ? open_face(glyphs->library, bytes, size) : NULL;
    const bool good = face != NULL && keep_font(glyphs, face, opening->characters, font);
    const bool memory = ct_heap_refusal() != CT_HEAP_NO_MEMORY;
    FT_Done_Face(face);
    ct_heap_budget(SIZE_MAX);
    glyphs->deadline = INT64_MAX;
    if (good)
        glyphs->count++, glyphs->points += font->points;
    else
        font_close(glyphs, font);
    return memory;
}

/* Each file once, whatever leads to it. What cannot be read is an error, for with a font fewer the letters would be others; but for what this
 * user may never read, or is too large for a font. */
static ct_status visit(struct ct_walk *walk, struct ct_file_id id)
{
    static const char *const extensions[] = { "ttf", "otf", NULL };
    const struct opening *opening = walk->context;
    const struct ct_glyphs *glyphs = opening->glyphs;
    if (!ct_extension_is(walk->path, extensions) || glyphs->count == MOST_FONTS || glyphs->points > MOST_POINTS)
        return CT_OK;
    for (int i = 0; i < glyphs->count; i++)
        if (ct_file_same(glyphs->font[i].id, id))
            return CT_OK;
    void *bytes;
    size_t size;
    ct_error why;
    errno = 0;
    ct_status status = ct_file_read(walk->path, LARGEST_FONT, &bytes, &size, &why);
    if (status != CT_OK)
        return status == CT_BAD_FORMAT || errno == EACCES ? CT_OK : ct_error_set(walk->error, status, "%s", why.message);
    if (may_be_font(bytes, size) && !add_font(opening, id, bytes, size))
        status = ct_error_set(walk->error, CT_NO_MEMORY, "cannot read %.300s: out of memory", walk->path);
    ct_release(bytes, size);
    return status;
}

/* The bytes of other characters would be taken for characters. */
static bool printable(const char *characters)
{
    const char *c = characters;
    while (*c > ' ' && *c <= '~')
        c++;
    return c > characters && *c == '\0';
}

/* Room for the largest letter. */
static bool make_room(struct ct_glyphs *glyphs)
{
    short points = 0, contours = 0;
    for (int i = 0; i < glyphs->count; i++)
        for (size_t k = 0; k < glyphs->characters; k++) {
            const FT_Outline *outline = &glyphs->font[i].letter[k].outline;
            points = outline->n_points > points ? outline->n_points : points;
            contours = outline->n_contours > contours ? outline->n_contours : contours;
        }
    return FT_Outline_New(glyphs->library, (FT_UInt)points, contours, &glyphs->turned) == 0;
}

/* FreeType with all of its parts, one of which would lack without a word where memory ends. */
static bool start(struct ct_glyphs *glyphs)
{
    glyphs->memory = (struct FT_MemoryRec_){ glyphs, take, give, resize };
    glyphs->deadline = INT64_MAX;
    ct_heap_budget(SIZE_MAX);
    if (FT_New_Library(&glyphs->memory, &glyphs->library) != 0)
        return false;
    FT_Add_Default_Modules(glyphs->library);
    return ct_heap_refusal() == CT_HEAP_REFUSED_NOTHING;
}

static ct_status fill(struct ct_glyphs *glyphs, const char *folder, const char *characters, ct_error *error)
{
    struct opening opening = { glyphs, characters };
    struct ct_walk walk = { .file = visit, .readable_only = true, .error = error, .context = &opening };
    glyphs->characters = strlen(characters);
    ct_status status = start(glyphs) ? ct_walk(&walk, folder) : ct_error_set(error, CT_NO_MEMORY, "glyphs: out of memory for FreeType");
    if (status != CT_OK)
        return status;
    if (glyphs->count == 0)
        return ct_error_set(error, CT_BAD_FORMAT, "no font under %.200s has all of \"%.200s\"", folder, characters);
    return make_room(glyphs) ? CT_OK : ct_error_set(error, CT_NO_MEMORY, "glyphs: out of memory for a letter");
}

ct_glyphs *ct_glyphs_open(const char *folder, const char *characters, ct_error *error)
{
    if (folder == NULL || characters == NULL || !printable(characters)) {
        ct_error_set(error, CT_BAD_ARGUMENT, "glyphs: \"%.80s\" of %.200s; needs one or more of ASCII's characters, without spaces, and a folder",
                     characters != NULL ? characters : "", folder != NULL ? folder : "no folder");
        return NULL;
    }
    struct ct_glyphs *glyphs = ct_allocate_zeroed(sizeof *glyphs);
    if (glyphs == NULL)
        ct_error_set(error, CT_NO_MEMORY, "glyphs: out of memory");
    else if (fill(glyphs, folder, characters, error) == CT_OK)
        return glyphs;
    ct_glyphs_close(glyphs);
    return NULL;
}

void ct_glyphs_close(ct_glyphs *glyphs)
{
    if (glyphs == NULL)
        return;
    for (int i = 0; i < glyphs->count; i++)
        font_close(glyphs, &glyphs->font[i]);
    FT_Outline_Done(glyphs->library, &glyphs->turned);
    FT_Done_Library(glyphs->library);
    ct_release(glyphs, sizeof *glyphs);
}

int ct_glyphs_fonts(const ct_glyphs *glyphs) { return glyphs->count; }

/* ---- drawing ---- */

static double between(uint32_t random, double low, double high)
{
    return low + (high - low) * ((double)random / 4294967296.0);
}

static int choose(uint32_t random, int count)
{
    return (int)((uint64_t)random * (uint64_t)count >> 32);
}

static FT_Fixed fixed(double value) { return lround(value * 65536); }

static FT_Pos sixty_fourths(double value) { return lround(value * 64); }

/* pixels (size, size) ← one letter, 0 … 255. Takes no memory, so nothing can fail. */
static void draw(ct_glyphs *glyphs, int size, unsigned char *pixels, uint64_t seed, uint32_t step, uint32_t sample)
{
    uint32_t a[4], b[4], key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    ct_philox((uint32_t[]){ sample, step, 0, STREAM }, key, a);
    ct_philox((uint32_t[]){ sample, step, 1, STREAM }, key, b);

    const struct font *font = &glyphs->font[choose(a[0], glyphs->count)];
    const struct letter *letter = &font->letter[choose(a[1], (int)glyphs->characters)];
    FT_Outline *turned = &glyphs->turned;
    turned->n_points = letter->outline.n_points, turned->n_contours = letter->outline.n_contours;
    FT_Outline_Copy(&letter->outline, turned);

    /* Capitals fill 0.68 of the height, a little more or less; a wide or long letter is made to fit. */
    const double longer = 1.08 * fmax(letter->width, letter->height);
    const double scale = 64 * fmin(0.68 * size / font->capital * between(a[3], 0.93, 1.07), 0.92 * size / longer);
    const double angle = between(a[2], -0.12, 0.12), c = scale * cos(angle), s = scale * sin(angle);
    const double middle = size / 2.0, shift = size / 32.0;
    FT_Outline_Transform(turned, &(FT_Matrix){ fixed(c), fixed(-s), fixed(s), fixed(c) });
    FT_Outline_Translate(turned, sixty_fourths(middle + between(b[0], -shift, shift)), sixty_fourths(middle - between(b[1], -shift, shift)));
    const unsigned side = (unsigned)size;
    memset(pixels, 0, (size_t)side * side);
    FT_Outline_Get_Bitmap(glyphs->library, turned,
                          &(FT_Bitmap){ .rows = side, .width = side, .pitch = size, .buffer = pixels, .num_grays = 256, .pixel_mode = FT_PIXEL_MODE_GRAY });
}

ct_status ct_glyphs_draw(ct_glyphs *glyphs, ct_tensor *batch, uint64_t seed, uint32_t step, ct_error *error)
{
    if (glyphs == NULL || batch == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "glyphs: no fonts or no batch");
    const ct_shape shape = ct_tensor_shape(batch);
    const int64_t *n = shape.extent;
    char text[256];
    if (shape.rank != 4 || ct_tensor_dtype(batch) != CT_F32 || n[1] != 1 || n[2] != n[3] || n[2] < 1 || n[2] > CT_LARGEST_SIDE)
        return ct_error_set(error, CT_BAD_SHAPE, "glyphs: a batch of shape %s; needs float32 (n, 1, size, size), size 1 … %d",
                            ct_shape_text(shape, text, sizeof text), CT_LARGEST_SIDE);
    const int64_t plane = n[2] * n[2];
    float *value = ct_tensor_data_mutable(batch);
    for (int64_t i = 0; i < n[0]; i++, value += plane) {
        unsigned char *pixels = (unsigned char *)(value + plane) - plane; /* in the last quarter of the picture, so that no value overtakes them */
        draw(glyphs, (int)n[2], pixels, seed, step, (uint32_t)i);
        for (int64_t j = 0; j < plane; j++)
            value[j] = (float)pixels[j] / 127.5f - 1.0f;
    }
    return CT_OK;
}
