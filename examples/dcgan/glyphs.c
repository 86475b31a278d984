/* Letters and digits from the TrueType fonts of this machine, each a little shifted, turned and scaled. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "dcgan.h"

/* What stb_truetype asks for while it draws one letter comes out of one piece, all of which is free again for the next letter. */
struct scratch {
    size_t used;
    _Alignas(16) unsigned char memory[256 << 10];
};

static void *scratch_take(struct scratch *scratch, size_t size)
{
    const size_t rounded = (size + 15) / 16 * 16;
    if (scratch == NULL || rounded < size || rounded > sizeof scratch->memory - scratch->used)
        return malloc(size);
    scratch->used += rounded;
    return scratch->memory + scratch->used - rounded;
}

static void scratch_give(const struct scratch *scratch, void *memory)
{
    if (scratch == NULL || (uintptr_t)memory - (uintptr_t)scratch->memory >= sizeof scratch->memory)
        free(memory);
}

#define STBTT_malloc(size, scratch) scratch_take(scratch, size)
#define STBTT_free(memory, scratch) scratch_give(scratch, memory)
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_truetype.h>

#define MOST_FONTS 1000
#define LARGEST_FONT (32l << 20)

struct font {
    unsigned char *file;
    size_t size;
    stbtt_fontinfo info;
    double capital; /* height of an H, in font units */
};

struct glyphs {
    const char *characters;
    struct scratch scratch;
    int count;
    struct font font[MOST_FONTS];
};

/* ---- finding fonts ---- */

struct found {
    char *path[MOST_FONTS];
    int count;
};

static int below(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool is_font(const char *path, const struct stat *about)
{
    const char *dot = strrchr(path, '.');
    if (strcasestr(path, "hairline") != NULL || strcasestr(path, "thin") != NULL) /* nearly nothing at 32 pixels */
        return false;
    return S_ISREG(about->st_mode) && dot != NULL && (strcasecmp(dot, ".ttf") == 0 || strcasecmp(dot, ".otf") == 0) &&
           about->st_size > 100 && about->st_size < LARGEST_FONT;
}

/* Every font below the folder, links not followed. What cannot be listed or read is an error, for with a font fewer a run would be another
 * run; but for what this user may never read. */
static ct_status find(struct found *found, const char *folder, int depth, ct_error *error)
{
    struct dirent **list = NULL;
    const int count = scandir(folder, &list, below, alphasort);
    ct_status status = count >= 0 || (depth > 0 && errno == EACCES) ? CT_OK : cannot("list", folder, error);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat about;
        const bool fits = snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name) < (int)sizeof path;
        free(list[i]);
        if (status != CT_OK || !fits)
            continue;
        if (lstat(path, &about) != 0)
            status = cannot("look at", path, error);
        else if (S_ISDIR(about.st_mode))
            status = find(found, path, depth + 1, error);
        else if (is_font(path, &about) && found->count < MOST_FONTS && (found->path[found->count++] = strdup(path)) == NULL)
            status = cannot("read", path, error);
    }
    free(list);
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* *bytes ← the whole file, for free(); NULL for one that this user may not read. */
static ct_status read_file(const char *path, unsigned char **bytes, size_t *length, ct_error *error)
{
    FILE *file = fopen(path, "rb");
    *bytes = NULL;
    if (file == NULL)
        return errno == EACCES ? CT_OK : cannot("read", path, error);
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    bool good = size > 0 && fseek(file, 0, SEEK_SET) == 0 && (*bytes = malloc((size_t)size)) != NULL &&
                fread(*bytes, 1, (size_t)size, file) == (size_t)size;
    ct_status status = good ? CT_OK : cannot("read", path, error);
    if (!good) {
        free(*bytes);
        *bytes = NULL;
    }
    *length = (size_t)size;
    fclose(file);
    return status;
}

static uint64_t number_at(const unsigned char *bytes, size_t at, int count)
{
    uint64_t number = 0;
    for (int i = 0; i < count; i++)
        number = number << 8 | bytes[at + (size_t)i];
    return number;
}

/* Where the font begins, all of whose tables lie within the file; −1 otherwise. stb_truetype reads whatever the tables say. */
static int begin_of(const unsigned char *file, size_t size)
{
    const int begin = stbtt_GetFontOffsetForIndex(file, 0);
    const size_t list = (size_t)begin + 12;
    if (begin < 0 || list > size)
        return -1;
    const size_t tables = (size_t)number_at(file, list - 8, 2);
    if (list + 16 * tables > size)
        return -1;
    for (size_t at = list; at < list + 16 * tables; at += 16)
        if (number_at(file, at + 8, 4) + number_at(file, at + 12, 4) > size)
            return -1;
    return begin;
}

/* A font that has an outline for every character, no two the same: this leaves out symbol fonts and other scripts. */
static bool font_open(struct font *font, const char *characters)
{
    int x0, y0, x1, y1;
    const int begin = begin_of(font->file, font->size);
    bool good = begin >= 0 && stbtt_InitFont(&font->info, font->file, begin) &&
                stbtt_GetCodepointBox(&font->info, 'H', &x0, &y0, &x1, &y1) && y1 > y0;
    for (const char *c = characters; good && *c; c++) {
        int glyph = stbtt_FindGlyphIndex(&font->info, (unsigned char)*c);
        good = glyph != 0 && !stbtt_IsGlyphEmpty(&font->info, glyph);
        for (const char *other = characters; good && other < c; other++)
            good = *other == *c || stbtt_FindGlyphIndex(&font->info, (unsigned char)*other) != glyph;
    }
    if (good)
        font->capital = y1 - y0;
    return good;
}

static ct_status open_fonts(struct glyphs *glyphs, const struct found *found, ct_error *error)
{
    for (int i = 0; i < found->count; i++) {
        struct font *font = &glyphs->font[glyphs->count];
        ct_status status = read_file(found->path[i], &font->file, &font->size, error);
        if (status != CT_OK)
            return status;
        font->info.userdata = &glyphs->scratch;
        if (font->file != NULL && font_open(font, glyphs->characters))
            glyphs->count++;
        else
            free(font->file);
    }
    return CT_OK;
}

/* The bytes of other characters would be taken for characters. */
static bool printable(const char *characters)
{
    const char *c = characters;
    while (*c > ' ' && *c <= '~')
        c++;
    return c > characters && *c == '\0';
}

struct glyphs *glyphs_open(const char *folder, const char *characters, ct_error *error)
{
    if (!printable(characters)) {
        ct_error_set(error, CT_BAD_ARGUMENT, "--characters \"%.80s\": needs one or more of ASCII's, without spaces", characters);
        return NULL;
    }
    struct glyphs *glyphs = calloc(1, sizeof *glyphs);
    struct found *found = calloc(1, sizeof *found);
    ct_status status = glyphs != NULL && found != NULL ? CT_OK : ct_error_set(error, CT_NO_MEMORY, "out of memory for fonts");
    if (status == CT_OK) {
        glyphs->characters = characters;
        status = find(found, folder, 0, error);
    }
    if (status == CT_OK) {
        qsort(found->path, (size_t)found->count, sizeof *found->path, by_text);
        status = open_fonts(glyphs, found, error);
    }
    for (int i = 0; found != NULL && i < found->count; i++)
        free(found->path[i]);
    free(found);
    if (status == CT_OK && glyphs->count == 0)
        status = ct_error_set(error, CT_IO_ERROR, "no TrueType font under %.300s has all of \"%.300s\"; on Debian: apt install fonts-dejavu-core",
                              folder, characters);
    if (status == CT_OK)
        return glyphs;
    glyphs_close(glyphs);
    return NULL;
}

void glyphs_close(struct glyphs *glyphs)
{
    for (int i = 0; glyphs != NULL && i < glyphs->count; i++)
        free(glyphs->font[i].file);
    free(glyphs);
}

int glyphs_fonts(const struct glyphs *glyphs)
{
    return glyphs->count;
}

/* ---- drawing ---- */

static double between(uint32_t random, double low, double high)
{
    return low + (high - low) * ((double)random / 4294967296.0);
}

static int choose(uint32_t random, int count)
{
    return (int)((uint64_t)random * (uint64_t)count >> 32);
}

static short to_short(double value)
{
    return (short)lround(fmax(-32000, fmin(32000, value)));
}

/* Turns the outline about the centre of its box, which becomes the origin. */
static void turn_outline(stbtt_vertex *vertex, int count, double centre_x, double centre_y, double angle)
{
    double c = cos(angle), s = sin(angle);
    for (int i = 0; i < count; i++) {
        short *point[][2] = { { &vertex[i].x, &vertex[i].y }, { &vertex[i].cx, &vertex[i].cy }, { &vertex[i].cx1, &vertex[i].cy1 } };
        for (int j = 0; j < 3; j++) {
            double x = *point[j][0] - centre_x, y = *point[j][1] - centre_y;
            *point[j][0] = to_short(c * x - s * y);
            *point[j][1] = to_short(s * x + c * y);
        }
    }
}

static void draw(struct glyphs *glyphs, int size, unsigned char *pixels, uint64_t seed, uint32_t step, uint32_t sample)
{
    uint32_t a[4], b[4], key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    ct_philox((uint32_t[]){ sample, step, 0, 0x676c7970 }, key, a);
    ct_philox((uint32_t[]){ sample, step, 1, 0x676c7970 }, key, b);

    const struct font *font = &glyphs->font[choose(a[0], glyphs->count)];
    int character = (unsigned char)glyphs->characters[choose(a[1], (int)strlen(glyphs->characters))];
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    stbtt_vertex *vertex = NULL;
    glyphs->scratch.used = 0;
    int count = stbtt_GetCodepointShape(&font->info, character, &vertex);
    memset(pixels, 0, (size_t)size * (size_t)size);
    if (count < 1 || !stbtt_GetCodepointBox(&font->info, character, &x0, &y0, &x1, &y1))
        return;
    turn_outline(vertex, count, (x0 + x1) / 2.0, (y0 + y1) / 2.0, between(a[2], -0.12, 0.12));

    /* Capitals fill 0.68 of the height, a little more or less; a wide or long letter is made to fit. */
    double extent = fmax(x1 - x0, y1 - y0) * 1.08;
    double scale = fmin(0.68 * size / font->capital * between(a[3], 0.93, 1.07), 0.92 * size / extent);
    double middle = size / 2.0, shift = size / 32.0;
    stbtt__bitmap bitmap = { size, size, size, pixels };
    stbtt_Rasterize(&bitmap, 0.2f, vertex, count, (float)scale, (float)scale, (float)(middle + between(b[0], -shift, shift)),
                    (float)(middle + between(b[1], -shift, shift)), 0, 0, 1, &glyphs->scratch);
    stbtt_FreeShape(&font->info, vertex);
}

void glyphs_draw(struct glyphs *glyphs, ct_tensor *batch, uint64_t seed, uint32_t step)
{
    int size = (int)ct_tensor_size(batch, -1);
    int64_t count = ct_tensor_size(batch, 0), plane = (int64_t)size * size;
    float *value = ct_tensor_data_mutable(batch);
    for (int64_t i = 0; i < count; i++) {
        unsigned char pixels[128 * 128];
        draw(glyphs, size, pixels, seed, step, (uint32_t)i);
        for (int64_t j = 0; j < plane; j++)
            value[i * plane + j] = (float)pixels[j] / 127.5f - 1.0f;
    }
}
