/* Windows of images. */
#include "window.h"
#include "../../tensor/whole.h"

#include <string.h>

enum { LINE = 16 /* floats of a cache line */ };

/* The part that lies inside. */
struct part {
    int64_t top, bottom, left, right;
};

static struct part inside(const ct_window *w)
{
    struct part part = {
        .top = most(0, ceil_divide(-w->row, 1 + w->skip)),
        .bottom = least(w->rows, ceil_divide(w->extent[HEIGHT] - w->row, 1 + w->skip)),
        .left = most(0, -w->column),
        .right = least(w->columns, w->extent[WIDTH] - w->column),
    };
    if (part.bottom <= part.top || part.right <= part.left)
        part = (struct part){ 0 };
    return part;
}

/* Whole rows follow one another in memory: they go as one run. */
static bool whole_rows(const ct_window *w, const struct part *part)
{
    return w->dense && w->skip == 0 && part->right - part->left == w->extent[WIDTH] && part->bottom - part->top > 1;
}

static int64_t place(const ct_window *w, int64_t row, int64_t column)
{
    return w->first + (w->row + row * (1 + w->skip)) * w->extent[WIDTH] + w->column + column;
}

static void zero(const ct_vectors *v, float *to, int64_t count, int64_t step)
{
    if (step == v->lanes && count > 0)
        memset(to, 0, (size_t)(count * step) * sizeof *to);
    else
        for (int64_t i = 0; i < count; i++)
            memset(to + i * step, 0, (size_t)v->lanes * sizeof *to);
}

static void copy(const ct_vectors *v, const float *from, int64_t from_step, int64_t count, float *to, int64_t to_step)
{
    if (from_step == v->lanes && to_step == v->lanes)
        memcpy(to, from, (size_t)(count * v->lanes) * sizeof *to);
    else
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * to_step, from + i * from_step, (size_t)v->lanes * sizeof *to);
}

static void gather(const ct_vectors *v, const ct_window *w, const float *from, const float *end, int64_t count, float *to, int64_t step)
{
    if (w->places)
        v->gather_at(from, end, w->places, (int)w->valid, count, to, step);
    else
        v->gather(from, end, w->apart, (int)w->valid, count, to, step);
}

void ct_window_load(const ct_vectors *v, const ct_window *w, const float *data, const float *end)
{
    struct part in = inside(w);
    int64_t width = in.right - in.left;
    bool whole = whole_rows(w, &in), packed = whole && w->pitch == width * w->step;

    if (whole)
        gather(v, w, data + place(w, in.top, in.left), end, (in.bottom - in.top) * width,
                  packed ? w->stage + in.top * w->pitch : w->dense, packed ? w->step : v->lanes);
    for (int64_t r = 0; r < w->rows; r++) {
        float *row = w->stage + r * w->pitch;
        if (r < in.top || r >= in.bottom) {
            zero(v, row, w->columns, w->step);
            continue;
        }
        zero(v, row, in.left, w->step);
        if (!whole)
            gather(v, w, data + place(w, r, in.left), end, width, row + in.left * w->step, w->step);
        else if (!packed)
            copy(v, w->dense + (r - in.top) * width * v->lanes, v->lanes, width, row + in.left * w->step, w->step);
        zero(v, row + in.right * w->step, w->columns - in.right, w->step);
    }
}

/* Into the second-level cache: a window with its stage is as large as the first. */
void ct_window_prefetch(const ct_window *w, const float *data, int64_t part, int64_t parts)
{
    const struct part in = inside(w);
    const int64_t rows = in.bottom - in.top, width = in.right - in.left;
    const bool whole = w->skip == 0 && width == w->extent[WIDTH];
    const int64_t runs = whole ? least(rows, 1) : rows, run = whole ? rows * width : width;

    for (int64_t l = part * w->valid / parts; l < (part + 1) * w->valid / parts; l++)
        for (int64_t r = 0; r < runs; r++)
            for (int64_t i = 0; i < run; i += LINE)
                __builtin_prefetch(data + place(w, in.top + r, in.left) + l * w->apart + i, 0, 2);
}

void ct_window_store(const ct_vectors *v, const ct_window *w, float *data)
{
    struct part in = inside(w);
    int64_t width = in.right - in.left;
    bool whole = whole_rows(w, &in), packed = whole && w->pitch == width * w->step;

    for (int64_t r = in.top; r < in.bottom; r++) {
        const float *row = w->stage + r * w->pitch + in.left * w->step;
        if (!whole)
            v->scatter(row, w->step, width, data + place(w, r, in.left), w->apart, (int)w->valid);
        else if (!packed)
            copy(v, row, w->step, width, w->dense + (r - in.top) * width * v->lanes, v->lanes);
    }
    if (whole)
        v->scatter(packed ? w->stage + in.top * w->pitch : w->dense, packed ? w->step : v->lanes, (in.bottom - in.top) * width,
                   data + place(w, in.top, in.left), w->apart, (int)w->valid);
}
