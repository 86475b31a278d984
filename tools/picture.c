/* Matrices as a picture: a cell an entry, coloured by its number, with its symbol where there is room. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "matrix.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <stb/stb_easy_font.h>
#pragma GCC diagnostic pop

enum { MARGIN = 16, GAP = 28, TITLE = 26, BAR = 18, WIDEST = 1400, LARGEST_CELL = 56 };

struct colour {
    uint8_t r, g, b;
};

struct canvas {
    int width, height;
    struct colour *pixel;
};

static const struct colour ink = { 32, 33, 36 }, paper = { 255, 255, 255 }, nothing = { 240, 240, 242 },
                           border = { 205, 207, 212 };

static void fill(struct canvas *canvas, int x, int y, int width, int height, struct colour colour)
{
    for (int v = y < 0 ? 0 : y; v < y + height && v < canvas->height; v++)
        for (int u = x < 0 ? 0 : x; u < x + width && u < canvas->width; u++)
            canvas->pixel[(size_t)v * (size_t)canvas->width + (size_t)u] = colour;
}

static int text_width(const char *text, int scale)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%.127s", text);
    return scale * stb_easy_font_width(copy);
}

static void write_text(struct canvas *canvas, int x, int y, int scale, const char *text, struct colour colour)
{
    static struct {
        float x, y, z;
        unsigned char colour[4];
    } corner[4 * 4096];
    char copy[128];
    snprintf(copy, sizeof copy, "%.127s", text);
    int quads = stb_easy_font_print(0, 0, copy, NULL, corner, sizeof corner);
    for (int i = 0; i < quads; i++) { /* upright rectangles: corners 0 and 2 are opposite */
        int left = (int)corner[4 * i].x, top = (int)corner[4 * i].y;
        fill(canvas, x + scale * left, y + scale * top, scale * ((int)corner[4 * i + 2].x - left),
             scale * ((int)corner[4 * i + 2].y - top), colour);
    }
}

/* ---- colours ---- */

/* Of one sign: viridis (van der Walt, Smith 2015), nine of its colours. Of both: blue, white, red about 0 (Moreland 2009). */
static const struct colour sequential[] = { { 68, 1, 84 },    { 71, 44, 122 },  { 59, 81, 139 },
                                            { 44, 113, 142 }, { 33, 144, 141 }, { 39, 173, 129 },
                                            { 92, 200, 99 },  { 170, 220, 50 }, { 253, 231, 37 } };
static const struct colour diverging[] = { { 59, 76, 192 },   { 124, 159, 249 }, { 192, 212, 245 }, { 242, 242, 242 },
                                           { 242, 201, 180 }, { 238, 132, 104 }, { 180, 4, 38 } };

struct scale {
    double low, high;
    const struct colour *stop;
    int stops;
};

static struct scale scale_of(const struct matrix *matrix)
{
    struct scale scale = { INFINITY, -INFINITY, sequential, sizeof sequential / sizeof *sequential };
    for (int64_t i = 0; i < matrix->rows * matrix->columns; i++) {
        double value = ct_tensor_at(matrix->value, i);
        if (value != 0 || (matrix->symbol != NULL && matrix->symbol[i] != NULL)) {
            scale.low = fmin(scale.low, value);
            scale.high = fmax(scale.high, value);
        }
    }
    if (scale.low > scale.high) /* all zero */
        scale.low = 0, scale.high = 1;
    if (scale.low < 0 && scale.high > 0) {
        scale.high = fmax(scale.high, -scale.low);
        scale.low = -scale.high;
        scale.stop = diverging;
        scale.stops = sizeof diverging / sizeof *diverging;
    }
    return scale;
}

static uint8_t between(uint8_t a, uint8_t b, double t) { return (uint8_t)lround(a + t * (b - a)); }

static struct colour colour_of(const struct scale *scale, double value)
{
    double at = scale->high > scale->low ? (value - scale->low) / (scale->high - scale->low) : 0.5;
    double position = fmin(fmax(at, 0), 1) * (scale->stops - 1);
    int i = position >= scale->stops - 1 ? scale->stops - 2 : (int)position;
    struct colour a = scale->stop[i], b = scale->stop[i + 1];
    double t = position - i;
    return (struct colour){ between(a.r, b.r, t), between(a.g, b.g, t), between(a.b, b.b, t) };
}

static struct colour readable_on(struct colour c) { return 0.299 * c.r + 0.587 * c.g + 0.114 * c.b > 140 ? ink : paper; }

/* ---- layout ---- */

static void draw(struct canvas *canvas, int x, int y, int cell, const struct matrix *matrix, bool transpose,
                 const struct scale *scale)
{
    int64_t rows = transpose ? matrix->columns : matrix->rows, columns = transpose ? matrix->rows : matrix->columns;
    int line = cell >= 5 ? 1 : 0; /* cells have borders while there is room */

    if (line)
        fill(canvas, x - 1, y - 1, (int)columns * cell + 1, (int)rows * cell + 1, border);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            char text[32];
            const char *entry = matrix_entry(matrix, transpose, i, j, text);
            double value = ct_tensor_at(matrix->value, transpose ? j * matrix->columns + i : i * matrix->columns + j);
            struct colour colour = entry ? colour_of(scale, value) : nothing;
            int left = x + (int)j * cell, top = y + (int)i * cell;
            fill(canvas, left, top, cell - line, cell - line, colour);
            int size = entry && text_width(entry, 2) + 4 <= cell ? 2 : 1;
            if (entry && text_width(entry, size) + 2 <= cell && 9 * size <= cell)
                write_text(canvas, left + (cell - text_width(entry, size)) / 2, top + (cell - 7 * size) / 2, size, entry,
                           readable_on(colour));
        }
}

static void draw_bar(struct canvas *canvas, int x, int y, int height, const struct scale *scale)
{
    char text[32];
    fill(canvas, x - 1, y - 1, BAR + 2, height + 2, border);
    for (int i = 0; i < height; i++)
        fill(canvas, x, y + i, BAR, 1,
             colour_of(scale, scale->high + (scale->low - scale->high) * i / (height > 1 ? height - 1 : 1)));
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%.3g", scale->high + (scale->low - scale->high) * i / 2);
        write_text(canvas, x + BAR + 6, y + (height - 14) * i / 2, 2, text, ink);
    }
    fill(canvas, x - 1, y + height + 8, BAR + 2, BAR + 2, border);
    fill(canvas, x, y + height + 9, BAR, BAR, nothing);
    write_text(canvas, x + BAR + 6, y + height + 11, 2, "zero", ink);
}

static int most(int a, int b) { return a > b ? a : b; }

ct_status matrix_draw(const char *path, const struct matrix *there, const struct matrix *back, bool equal, ct_error *error)
{
    char title[3][96];
    snprintf(title[0], sizeof title[0], "%s: %s", there->name, there->op);
    snprintf(title[1], sizeof title[1], "%s transposed %s", there->name, equal ? "=" : "DIFFERS FROM");
    snprintf(title[2], sizeof title[2], "%s", back->op);

    int64_t columns = there->columns + 2 * there->rows;
    int cell = (int)((WIDEST - 2 * MARGIN - 3 * GAP - 90) / columns);
    cell = cell > LARGEST_CELL ? LARGEST_CELL : cell < 1 ? 1 : cell;
    int width[3] = { (int)there->columns * cell, (int)there->rows * cell, (int)there->rows * cell }, at[4] = { MARGIN };
    for (int i = 0; i < 3; i++)
        at[i + 1] = at[i] + most(width[i], text_width(title[i], 2)) + GAP;
    int tall = (int)(there->rows > there->columns ? there->rows : there->columns) * cell, top = MARGIN + TITLE;
    int bar = most(60, tall - BAR - 12 < 200 ? tall - BAR - 12 : 200);
    struct canvas canvas = { at[3] + BAR + 80, top + most(tall, bar + BAR + 12) + MARGIN, NULL };
    size_t pixels = (size_t)canvas.width * (size_t)canvas.height;

    canvas.pixel = malloc(pixels * sizeof *canvas.pixel);
    if (canvas.pixel == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for a picture of %d x %d", canvas.width, canvas.height);
    fill(&canvas, 0, 0, canvas.width, canvas.height, paper);
    struct scale scale = scale_of(there);
    for (int i = 0; i < 3; i++) {
        write_text(&canvas, at[i], MARGIN, 2, title[i], ink);
        draw(&canvas, at[i], top, cell, i < 2 ? there : back, i == 1, &scale);
    }
    draw_bar(&canvas, at[3], top, bar, &scale);
    ct_status status = ct_png_write(path, canvas.width, canvas.height, 3, (const uint8_t *)canvas.pixel, error);
    free(canvas.pixel);
    return status;
}
