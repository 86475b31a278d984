/* Data to and from the points of a bilinear algorithm. An image's channels are gathered into vectors, one strip of tiles at a time, and
 * the one-dimensional transforms run along the height, then the width. What goes back runs the other way round. */
#include "bilinear.h"

#include <string.h>

/* A strip is at most so many tiles: it stays in the first-level cache. */
#define STRIP 8

/* Pixels that so many tiles of an axis take, with all that lies between. */
static int64_t reach(const ct_bilinear_side *s, const ct_bilinear_plan *p, int a, int64_t tiles)
{
    return ((tiles - 1) * p->m[a] + s->take[a]) * s->stride[a] * p->dilation[a];
}

static int64_t longest_strip(const ct_bilinear_plan *p) { return most(1, STRIP / p->dilation[WIDTH]); }

/* Stage, dense rows and the half-transformed stage. */
static int64_t scratch_of(const ct_bilinear_plan *p, const ct_bilinear_side *s)
{
    int64_t rows = s->take[HEIGHT] * s->stride[HEIGHT];
    return (2 * rows + p->alpha[HEIGHT]) * reach(s, p, WIDTH, longest_strip(p)) * p->v->lanes;
}

int64_t ct_bilinear_data_scratch(const ct_bilinear_plan *p) { return most(scratch_of(p, &p->x), scratch_of(p, &p->y)); }

/* Neighbouring tiles of a plane's row, dilation[WIDTH] of them in each of `count` places; `shift` says in which image's rows. */
struct strip {
    int64_t plane, row, shift, column, count, tiles;
};

static struct strip strip_at(const ct_bilinear_plan *p, int64_t tile, int64_t end)
{
    const int64_t *d = p->dilation;
    int64_t column = tile % p->tiles[WIDTH], rest = tile / p->tiles[WIDTH], row = rest % p->tiles[HEIGHT];
    int64_t tiles = least(least(longest_strip(p) * d[WIDTH], p->tiles[WIDTH] - column), end - tile);

    return (struct strip){
        .plane = rest / p->tiles[HEIGHT],
        .row = row / d[HEIGHT],
        .shift = row % d[HEIGHT],
        .column = column / d[WIDTH],
        .count = tiles / d[WIDTH],
        .tiles = tiles,
    };
}

static ct_window window_of(const ct_bilinear_plan *p, const ct_bilinear_side *s, int64_t vector, const struct strip *strip,
                           float *scratch)
{
    int64_t lanes = p->v->lanes, channel = vector * lanes, image = strip->plane / p->y.planes;
    ct_window w = {
        .extent = s->extent,
        .apart = s->apart,
        .first = image * s->image + channel * s->apart,
        .valid = least(lanes, s->channels - channel),
        .row = strip->row * p->m[HEIGHT] * s->stride[HEIGHT] * p->dilation[HEIGHT] + strip->shift - s->padding[HEIGHT],
        .skip = p->dilation[HEIGHT] - 1,
        .column = strip->column * p->m[WIDTH] * s->stride[WIDTH] * p->dilation[WIDTH] - s->padding[WIDTH],
        .rows = s->take[HEIGHT] * s->stride[HEIGHT],
        .columns = reach(s, p, WIDTH, strip->count),
        .stage = scratch,
        .step = lanes,
    };
    w.pitch = w.columns * lanes;
    w.dense = w.stage + w.rows * w.columns * lanes;
    return w;
}

/* Where a walk over vectors, their strips of tiles and the first axis's taps is. */
struct place {
    int64_t vector, tile, tap;
    struct strip strip;
};

static struct place first_place(const ct_bilinear_plan *p, const ct_points *points)
{
    const bool none = points->begin == points->end;
    return (struct place){ none ? points->last : points->first, points->begin, 0, strip_at(p, points->begin, points->end) };
}

static struct place place_after(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_points *points, struct place at)
{
    if (++at.tap < s->taps)
        return at;
    at.tap = 0;
    at.tile += at.strip.tiles;
    if (at.tile == points->end)
        at.vector++, at.tile = points->begin;
    at.strip = strip_at(p, at.tile, points->end);
    return at;
}

/* The window in the plane that the tap reads; below the image, where all is 0, when that plane lies in the padding. */
static ct_window window_at(const ct_bilinear_plan *p, const ct_bilinear_side *s, const struct place *at, float *scratch)
{
    const int64_t plane = at->strip.plane % p->y.planes * s->plane + at->tap * s->tap - s->before;
    ct_window w = window_of(p, s, at->vector, &at->strip, scratch);

    if (plane >= 0 && plane < s->planes)
        w.first += plane * s->extent[HEIGHT] * s->extent[WIDTH];
    else
        w.row = s->extent[HEIGHT];
    return w;
}

/* Behind the group's channels of the last image. */
static const float *data_end(const ct_bilinear_plan *p, const ct_bilinear_side *s, const float *data)
{
    return p->form->batch > 0 ? data + (p->form->batch - 1) * s->image + s->channels * s->apart : data;
}

void ct_bilinear_to_points(const ct_bilinear_plan *p, const ct_bilinear_side *s, const float *data, const ct_points *points,
                           float *scratch)
{
    const float *end = data_end(p, s, data);
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], apart = p->dilation[WIDTH], step = s->stride[WIDTH] * apart * lanes;
    const ct_lines to = { points->point, apart * p->v->panel, p->alpha[WIDTH] * points->point };
    struct place at = first_place(p, points), next;
    ct_window w = window_at(p, s, &at, scratch), ahead;

    for (; at.vector < points->last; at = next, w = ahead) {
        next = place_after(p, s, points, at);
        ahead = window_at(p, s, &next, scratch);
        float *half = w.dense + w.rows * w.pitch;

        ct_window_load(p->v, &w, data, end);
        for (int64_t i = 0; i < s->along[HEIGHT]; i++) {
            s->to[HEIGHT](w.stage + ct_bilinear_phase(s, HEIGHT, i) * w.pitch, (ct_lines){ s->stride[HEIGHT] * w.pitch, lanes, 0 }, half,
                          (ct_lines){ w.pitch, lanes, 0 }, w.columns, 1);
            for (int64_t j = 0; j < s->along[WIDTH]; j++) {
                const int64_t phase = i * s->along[WIDTH] + j, phases = s->along[HEIGHT] * s->along[WIDTH];
                float *to_place = ct_bilinear_place(p, s, points, at.vector, at.tap * phases + phase);

                ct_window_prefetch(&ahead, data, phase, phases);
                for (int64_t image = 0; image < apart; image++)
                    s->to[WIDTH](half + (ct_bilinear_phase(s, WIDTH, j) * apart + image) * lanes,
                                 (ct_lines){ step, p->m[WIDTH] * step, w.pitch },
                                 to_place + (at.tile - points->begin + image) * p->v->panel, to, at.strip.count, high);
            }
        }
    }
}

/* What the strips before this one have left where it overlaps them: its first rows, its first columns; of several planes, anywhere. */
static void load_overlap(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_window *w, const struct strip *strip,
                         const float *data, const float *end)
{
    int64_t rows = strip->row > 0 ? (s->take[HEIGHT] - p->m[HEIGHT]) * s->stride[HEIGHT] : 0;
    int64_t columns = strip->column > 0 ? reach(s, p, WIDTH, 0) : 0;
    ct_window top = *w, left = *w;

    if (s->deep)
        rows = w->rows;
    ct_bilinear_zero(w->stage, w->rows * w->pitch);
    top.rows = rows;
    ct_window_load(p->v, &top, data, end);
    left.row += rows * (1 + w->skip), left.rows -= rows, left.columns = columns;
    left.stage += rows * w->pitch;
    ct_window_load(p->v, &left, data, end);
}

/* Before a plane's first strip, of several planes an image's: pixels behind the last tile belong to none, nor do planes between the taps'. */
static void clear_rest(const ct_bilinear_plan *p, const ct_bilinear_side *s, const struct place *at, float *data,
                       float *scratch)
{
    const struct strip *strip = &at->strip;
    const bool first = at->tap == 0 && strip->row == 0 && strip->shift == 0 && strip->column == 0 &&
                       (!s->deep || strip->plane % p->y.planes == 0);
    const int64_t floats = s->deep ? s->apart : s->extent[HEIGHT] * s->extent[WIDTH];
    const ct_window w = s->deep ? window_of(p, s, at->vector, strip, scratch) : window_at(p, s, at, scratch);
    bool rest = s->deep;

    for (int a = 0; a < AXES; a++)
        rest |= reach(s, p, a, p->tiles[a] / p->dilation[a]) - s->padding[a] < s->extent[a];
    for (int64_t l = 0; first && rest && l < w.valid; l++)
        memset(data + w.first + l * s->apart, 0, (size_t)floats * sizeof *data);
}

void ct_bilinear_from_points(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_points *points, float *data,
                             float *scratch)
{
    const float *end = data_end(p, s, data);
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], apart = p->dilation[WIDTH], step = s->stride[WIDTH] * apart * lanes;
    const ct_lines from = { points->point, apart * p->v->panel, p->alpha[WIDTH] * points->point };
    struct place at = first_place(p, points), next;
    ct_window w = window_at(p, s, &at, scratch), ahead;

    for (; at.vector < points->last; at = next, w = ahead) {
        next = place_after(p, s, points, at);
        ahead = window_at(p, s, &next, scratch);
        float *half = w.dense + w.rows * w.pitch;

        if (s->overlap)
            clear_rest(p, s, &at, data, scratch);
        if (w.row >= s->extent[HEIGHT])
            continue;
        if (s->overlap)
            load_overlap(p, s, &w, &at.strip, data, end);
        for (int64_t i = 0; i < s->along[HEIGHT]; i++) {
            if (s->overlap)
                ct_bilinear_zero(half, high * w.pitch);
            for (int64_t j = 0; j < s->along[WIDTH]; j++) {
                const int64_t phase = i * s->along[WIDTH] + j, phases = s->along[HEIGHT] * s->along[WIDTH];
                const float *from_place = ct_bilinear_place(p, s, points, at.vector, at.tap * phases + phase);

                ct_window_prefetch(&ahead, data, phase, phases);
                for (int64_t image = 0; image < apart; image++)
                    s->from[WIDTH](from_place + (at.tile - points->begin + image) * p->v->panel, from,
                                   half + (ct_bilinear_phase(s, WIDTH, j) * apart + image) * lanes,
                                   (ct_lines){ step, p->m[WIDTH] * step, w.pitch }, at.strip.count, high);
            }
            s->from[HEIGHT](half, (ct_lines){ w.pitch, lanes, 0 }, w.stage + ct_bilinear_phase(s, HEIGHT, i) * w.pitch,
                            (ct_lines){ s->stride[HEIGHT] * w.pitch, lanes, 0 }, w.columns, 1);
        }
        ct_window_store(p->v, &w, data);
    }
}
