/* Data and weights to and from the points of a bilinear algorithm. An image's channels are gathered into vectors, one strip of tiles
 * at a time, and the one-dimensional transforms run along the height, then the width. What goes back runs the other way round. */
#include "bilinear.h"
#include "../../tensor/whole.h"

#include <string.h>

#include "../vector/bilinear_tables.h"

enum { MOST_PHASES = 64 };

/* A strip is at most so many tiles: it stays in the first-level cache. */
#define STRIP 8

/* ---- the plan ---- */

static const struct {
    int m, r;
} algorithms[] = {
#define SIZE(id, m, r) { m, r },
    CT_BILINEAR_ALGORITHMS(SIZE)
};
enum { ALGORITHMS = sizeof algorithms / sizeof algorithms[0] };

/* The fewest products along an axis of y; of equals, the fewest tiles. −1 when none has r taps. */
static int best(int64_t r, int64_t y)
{
    int found = -1;
    int64_t cost = INT64_MAX;

    for (int i = 0; i < ALGORITHMS; i++) {
        int64_t products = ceil_divide(y, algorithms[i].m) * (algorithms[i].m + algorithms[i].r - 1);
        if (algorithms[i].r == r && products <= cost)
            found = i, cost = products;
    }
    return found;
}

static int64_t window(const ct_bilinear_side *s, const ct_bilinear_plan *p, int a)
{
    return ((least(STRIP, p->tiles[a]) - 1) * p->m[a] + s->take[a]) * s->stride[a];
}

static void finish_side(const ct_bilinear_plan *p, ct_bilinear_side *s, int64_t channels)
{
    s->channels = channels;
    s->vectors = ceil_divide(channels, p->v->lanes);
    s->phases = s->stride[HEIGHT] * s->stride[WIDTH];
    s->panels = ceil_divide(s->vectors * s->phases * p->v->lanes, p->v->panel);
    s->apart = s->planes * s->extent[HEIGHT] * s->extent[WIDTH];
}

/* Stage, dense rows and the half-transformed stage. */
static int64_t scratch_of(const ct_bilinear_plan *p, const ct_bilinear_side *s)
{
    int64_t rows = s->take[HEIGHT] * s->stride[HEIGHT], columns = window(s, p, WIDTH);
    return (2 * rows + s->stride[HEIGHT] * p->alpha[HEIGHT]) * columns * p->v->lanes;
}

bool ct_bilinear_plan_make(const ct_conv_form *f, const ct_vectors *v, ct_bilinear_plan *plan)
{
    ct_bilinear_plan p = { .v = v, .form = f, .points = 1, .all = f->batch * f->y[0] };

    if (f->groups != 1 || f->k[0] != 1 || f->stride[0] != 1 || f->padding[0] != 0 || f->stride[1] * f->stride[2] > MOST_PHASES)
        return false;
    for (int a = 0; a < AXES; a++) {
        int64_t k = f->k[1 + a], stride = f->stride[1 + a];
        int i = k % stride == 0 && (f->dilation[1 + a] == 1 || k == 1) ? best(k / stride, f->y[1 + a]) : -1;
        if (i < 0)
            return false;
        p.m[a] = algorithms[i].m;
        p.alpha[a] = p.m[a] + k / stride - 1;
        p.tiles[a] = ceil_divide(f->y[1 + a], p.m[a]);
        p.points *= p.alpha[a];
        p.all *= p.tiles[a];

        ct_transform *const *t = v->transforms[i];
        p.kernel_to[a] = t[CT_KERNEL_SIDE], p.kernel_from[a] = t[CT_KERNEL_ADJOINT];
        p.x.to[a] = t[CT_INPUT], p.x.from[a] = t[CT_INPUT_ADJOINT];
        p.y.to[a] = t[CT_OUTPUT_ADJOINT], p.y.from[a] = t[CT_OUTPUT];
        p.x.take[a] = p.alpha[a], p.x.stride[a] = stride, p.x.padding[a] = f->padding[1 + a], p.x.extent[a] = f->x[1 + a];
        p.y.take[a] = p.m[a], p.y.stride[a] = 1, p.y.extent[a] = f->y[1 + a];
    }
    p.x.planes = f->x[0], p.y.planes = f->y[0];
    p.x.overlap = true;
    finish_side(&p, &p.x, f->x_channels);
    finish_side(&p, &p.y, f->y_channels);

    int64_t taps = f->k[1] * f->k[2], half = p.x.stride[HEIGHT] * p.alpha[HEIGHT] * f->k[2];
    p.scratch = most(most(scratch_of(&p, &p.x), scratch_of(&p, &p.y)), (taps + half) * v->lanes * v->lanes);
    *plan = p;
    return true;
}

/* ---- strips of tiles ---- */

struct strip {
    int64_t plane, row, column, tiles; /* of the batch; tiles */
};

static struct strip strip_at(const ct_bilinear_plan *p, int64_t tile, int64_t end)
{
    int64_t column = tile % p->tiles[WIDTH], rest = tile / p->tiles[WIDTH];

    return (struct strip){
        .plane = rest / p->tiles[HEIGHT],
        .row = rest % p->tiles[HEIGHT],
        .column = column,
        .tiles = least(least(STRIP, p->tiles[WIDTH] - column), end - tile),
    };
}

static ct_window window_of(const ct_bilinear_plan *p, const ct_bilinear_side *s, int64_t vector, const struct strip *strip,
                               float *scratch)
{
    int64_t lanes = p->v->lanes, plane = s->extent[HEIGHT] * s->extent[WIDTH], channel = vector * lanes;
    ct_window w = {
        .extent = s->extent,
        .apart = s->apart,
        .first = (strip->plane / s->planes * s->channels + channel) * s->apart + strip->plane % s->planes * plane,
        .valid = least(lanes, s->channels - channel),
        .row = strip->row * p->m[HEIGHT] * s->stride[HEIGHT] - s->padding[HEIGHT],
        .column = strip->column * p->m[WIDTH] * s->stride[WIDTH] - s->padding[WIDTH],
        .rows = s->take[HEIGHT] * s->stride[HEIGHT],
        .columns = ((strip->tiles - 1) * p->m[WIDTH] + s->take[WIDTH]) * s->stride[WIDTH],
        .stage = scratch,
        .step = lanes,
    };
    w.pitch = w.columns * lanes;
    w.dense = w.stage + w.rows * w.columns * lanes;
    return w;
}

/* Where a vector's phase lies in points, for the first tile. */
static float *at(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_points *points, int64_t vector, int64_t phase)
{
    int64_t across = p->v->panel / p->v->lanes, number = (vector - points->first) * s->phases + phase;
    return points->at + number / across * points->panel + number % across * p->v->lanes;
}

void ct_bilinear_to_points(const ct_bilinear_plan *p, const ct_bilinear_side *s, const float *data, const ct_points *points,
                           float *scratch)
{
    const float *end = data + p->form->batch * s->channels * s->apart;
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], wide = p->alpha[WIDTH];

    for (int64_t vector = points->first; vector < points->last; vector++)
        for (int64_t tile = points->begin; tile < points->end;) {
            struct strip strip = strip_at(p, tile, points->end);
            ct_window w = window_of(p, s, vector, &strip, scratch);
            float *half = w.dense + w.rows * w.columns * lanes;
            int64_t row = w.columns * lanes, step = s->stride[WIDTH] * lanes;

            ct_window_load(p->v, &w, data, end);
            for (int64_t i = 0; i < s->stride[HEIGHT]; i++) {
                float *part = half + i * high * row;
                s->to[HEIGHT](w.stage + i * row, (ct_lines){ s->stride[HEIGHT] * row, lanes, 0 }, part, (ct_lines){ row, lanes, 0 },
                              w.columns, 1);
                for (int64_t j = 0; j < s->stride[WIDTH]; j++)
                    s->to[WIDTH](part + j * lanes, (ct_lines){ step, p->m[WIDTH] * step, row },
                                 at(p, s, points, vector, i * s->stride[WIDTH] + j) + (tile - points->begin) * p->v->panel,
                                 (ct_lines){ points->point, p->v->panel, wide * points->point }, strip.tiles, high);
            }
            tile += strip.tiles;
        }
}

static void zero(float *to, int64_t count) { memset(to, 0, (size_t)count * sizeof *to); }

/* What the strips before this one have left where it overlaps them: its first rows, its first columns. */
static void load_overlap(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_window *w, const struct strip *strip,
                         const float *data, const float *end)
{
    int64_t rows = strip->row > 0 ? (s->take[HEIGHT] - p->m[HEIGHT]) * s->stride[HEIGHT] : 0;
    int64_t columns = strip->column > 0 ? (s->take[WIDTH] - p->m[WIDTH]) * s->stride[WIDTH] : 0;
    ct_window top = *w, left = *w;

    zero(w->stage, w->rows * w->pitch);
    top.rows = rows;
    ct_window_load(p->v, &top, data, end);
    left.row += rows, left.rows -= rows, left.columns = columns;
    left.stage += rows * w->pitch;
    ct_window_load(p->v, &left, data, end);
}

/* Pixels behind the last tile belong to none. */
static void clear_rest(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_window *w, float *data)
{
    bool rest = false;

    for (int a = 0; a < AXES; a++)
        rest |= ((p->tiles[a] - 1) * p->m[a] + s->take[a]) * s->stride[a] - s->padding[a] < s->extent[a];
    for (int64_t l = 0; rest && l < w->valid; l++)
        memset(data + w->first + l * s->apart, 0, (size_t)(s->extent[HEIGHT] * s->extent[WIDTH]) * sizeof *data);
}

void ct_bilinear_from_points(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_points *points, float *data,
                             float *scratch)
{
    const float *end = data + p->form->batch * s->channels * s->apart;
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], wide = p->alpha[WIDTH];

    for (int64_t vector = points->first; vector < points->last; vector++)
        for (int64_t tile = points->begin; tile < points->end;) {
            struct strip strip = strip_at(p, tile, points->end);
            ct_window w = window_of(p, s, vector, &strip, scratch);
            float *half = w.dense + w.rows * w.columns * lanes;
            int64_t row = w.columns * lanes, step = s->stride[WIDTH] * lanes;

            if (s->overlap) {
                if (strip.row == 0 && strip.column == 0)
                    clear_rest(p, s, &w, data);
                load_overlap(p, s, &w, &strip, data, end);
                zero(half, s->stride[HEIGHT] * high * row);
            }
            for (int64_t i = 0; i < s->stride[HEIGHT]; i++) {
                float *part = half + i * high * row;
                for (int64_t j = 0; j < s->stride[WIDTH]; j++)
                    s->from[WIDTH](at(p, s, points, vector, i * s->stride[WIDTH] + j) + (tile - points->begin) * p->v->panel,
                                   (ct_lines){ points->point, p->v->panel, wide * points->point }, part + j * lanes,
                                   (ct_lines){ step, p->m[WIDTH] * step, row }, strip.tiles, high);
                s->from[HEIGHT](part, (ct_lines){ row, lanes, 0 }, w.stage + i * row,
                                (ct_lines){ s->stride[HEIGHT] * row, lanes, 0 }, w.columns, 1);
            }
            ct_window_store(p->v, &w, data);
            tile += strip.tiles;
        }
}

/* ---- weights ---- */

int64_t ct_bilinear_rows(const ct_bilinear_plan *p, bool to_x, int64_t begin, int64_t end)
{
    return to_x ? least(end * p->v->lanes, p->y.channels) - begin * p->v->lanes : (end - begin) * p->x.phases * p->v->lanes;
}

/* Kernels [n][tap][lane] → points: row n of the panel's rows, of each phase. */
static void kernels(const ct_bilinear_plan *p, const float *stage, int64_t count, float *half, ct_lines to, float *const place[])
{
    const int64_t *k = p->form->k + 1, *stride = p->x.stride;
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], row = k[WIDTH] * lanes, all = stride[HEIGHT] * high * row;

    for (int64_t i = 0; i < stride[HEIGHT]; i++) {
        float *part = half + i * high * row;
        p->kernel_to[HEIGHT](stage + i * row, (ct_lines){ stride[HEIGHT] * row, lanes, k[HEIGHT] * row }, part,
                             (ct_lines){ row, lanes, all }, k[WIDTH], count);
        for (int64_t j = 0; j < stride[WIDTH]; j++)
            p->kernel_to[WIDTH](part + j * lanes, (ct_lines){ stride[WIDTH] * lanes, row, all }, place[i * stride[WIDTH] + j], to,
                                high, count);
    }
}

void ct_bilinear_weights(const ct_bilinear_plan *p, bool to_x, const float *w, const ct_points *points, float *scratch)
{
    const ct_conv_form *f = p->form;
    const ct_vectors *v = p->v;
    const int64_t taps = f->k[1] * f->k[2], lanes = v->lanes, in = f->x_channels, out = f->y_channels;
    const float *end = w + in * out * taps;
    const ct_lines to = { points->point, p->alpha[WIDTH] * points->point, v->panel };
    float *half = scratch + taps * lanes * lanes, *place[MOST_PHASES];

    for (int64_t lane = points->first; lane < points->last; lane++)
        for (int64_t n = points->begin; n < points->end; n++) {
            int64_t o = (to_x ? n : lane) * lanes, c = (to_x ? lane : n) * lanes;
            int64_t valid = least(lanes, to_x ? in - c : out - o), count = least(lanes, to_x ? out - o : in - c);

            for (int64_t phase = 0; phase < p->x.phases; phase++)
                place[phase] = to_x ? at(p, &p->x, points, lane, phase) + (n - points->begin) * lanes * v->panel
                                    : at(p, &p->y, points, lane, 0) + ((n - points->begin) * p->x.phases + phase) * lanes * v->panel;
            if (to_x) {
                for (int64_t i = 0; i < count; i++)
                    v->gather(w + ((o + i) * in + c) * taps, end, taps, (int)valid, taps, scratch + i * taps * lanes, lanes);
            } else {
                v->gather(w + (o * in + c) * taps, end, in * taps, (int)valid, count * taps, scratch, lanes);
                zero(scratch + count * taps * lanes, (lanes - count) * taps * lanes); /* rows of lanes that x has not */
                count = lanes;
            }
            kernels(p, scratch, count, half, to, place);
        }
}

void ct_bilinear_weights_from(const ct_bilinear_plan *p, const ct_points *points, float *w, float *scratch)
{
    const ct_conv_form *f = p->form;
    const int64_t *k = f->k + 1, *stride = p->x.stride, taps = k[HEIGHT] * k[WIDTH], in = f->x_channels;
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], row = k[WIDTH] * lanes, all = stride[HEIGHT] * high * row;
    const ct_lines from = { points->point, p->alpha[WIDTH] * points->point, p->v->panel };
    float *half = scratch + taps * lanes * lanes;

    for (int64_t vector = points->first; vector < points->last; vector++)
        for (int64_t o = points->begin, count; o < points->end; o += count) {
            count = least(lanes, points->end - o);
            for (int64_t i = 0; i < stride[HEIGHT]; i++) {
                float *part = half + i * high * row;
                for (int64_t j = 0; j < stride[WIDTH]; j++)
                    p->kernel_from[WIDTH](at(p, &p->x, points, vector, i * stride[WIDTH] + j) + (o - points->begin) * p->v->panel,
                                          from, part + j * lanes, (ct_lines){ stride[WIDTH] * lanes, row, all }, high, count);
                p->kernel_from[HEIGHT](part, (ct_lines){ row, lanes, all }, scratch + i * row,
                                       (ct_lines){ stride[HEIGHT] * row, lanes, taps * lanes }, k[WIDTH], count);
            }
            for (int64_t n = 0; n < count; n++)
                p->v->scatter(scratch + n * taps * lanes, lanes, taps, w + ((o + n) * in + vector * lanes) * taps, taps,
                              (int)least(lanes, in - vector * lanes));
        }
}
