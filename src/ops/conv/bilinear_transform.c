/* Data and weights to and from the points of a bilinear algorithm. An image's channels are gathered into vectors, one strip of tiles
 * at a time, and the one-dimensional transforms run along the height, then the width. What goes back runs the other way round. */
#include "bilinear.h"
#include "../../tensor/whole.h"

#include <math.h>
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

/* How an axis is cut up by algorithm F(m, r): y's tiles, the kernel's segments of r strides. */
struct cut {
    int which;
    int64_t tiles, segments, along;
};

/* The fewest products along the form's axis a; of equals, the fewest tiles. */
static struct cut best(const ct_conv_form *f, int a)
{
    struct cut found = { 0 };
    double cost = INFINITY;

    for (int i = 0; i < ALGORITHMS; i++) {
        int64_t m = algorithms[i].m, r = algorithms[i].r, segments = ceil_divide(f->k[a], r * f->stride[a]);
        struct cut cut = {
            .which = i,
            .tiles = ceil_divide(f->y[a], m * f->dilation[a]) * f->dilation[a],
            .segments = segments,
            .along = (segments - 1) * f->stride[a] + least(f->stride[a], f->k[a] - (segments - 1) * r * f->stride[a]),
        };
        double products = (double)cut.tiles * (double)(m + r - 1) * (double)cut.along;
        if (products <= cost)
            found = cut, cost = products;
    }
    return found;
}

/* Pixels that so many tiles of an axis take, with all that lies between. */
static int64_t reach(const ct_bilinear_side *s, const ct_bilinear_plan *p, int a, int64_t tiles)
{
    return ((tiles - 1) * p->m[a] + s->take[a]) * s->stride[a] * p->dilation[a];
}

static int64_t longest_strip(const ct_bilinear_plan *p) { return most(1, STRIP / p->dilation[WIDTH]); }

static void finish_side(const ct_bilinear_plan *p, ct_bilinear_side *s, int64_t channels, const int64_t extent[CT_MAX_SPATIAL])
{
    for (int a = 0; a < AXES; a++)
        s->extent[a] = extent[1 + a];
    s->planes = extent[0];
    s->channels = channels;
    s->vectors = ceil_divide(channels, p->v->lanes);
    s->phases = s->taps * s->along[HEIGHT] * s->along[WIDTH];
    s->panels = ceil_divide(s->vectors * s->phases * p->v->lanes, p->v->panel);
    s->apart = s->planes * s->extent[HEIGHT] * s->extent[WIDTH];
    s->image = channels * p->form->groups * s->apart;
}

/* Stage, dense rows and the half-transformed stage. */
static int64_t scratch_of(const ct_bilinear_plan *p, const ct_bilinear_side *s)
{
    int64_t rows = s->take[HEIGHT] * s->stride[HEIGHT];
    return (2 * rows + p->alpha[HEIGHT]) * reach(s, p, WIDTH, longest_strip(p)) * p->v->lanes;
}

static bool is_padded(const ct_bilinear_plan *p)
{
    return p->taps[HEIGHT] != p->form->k[1 + HEIGHT] || p->taps[WIDTH] != p->form->k[1 + WIDTH];
}

bool ct_bilinear_plan_make(const ct_conv_form *f, const ct_vectors *v, ct_bilinear_plan *plan)
{
    const bool flat = f->k[0] == 1 && f->stride[0] == 1 && f->padding[0] == 0 && f->x[0] == f->y[0];
    ct_bilinear_plan p = {
        .v = v,
        .form = f,
        .points = 1,
        .all = f->batch * f->y[0],
        .x = { .taps = f->k[0], .plane = f->stride[0], .tap = f->dilation[0], .before = f->padding[0], .overlap = true, .deep = !flat },
        .y = { .taps = 1, .plane = 1 },
    };

    if (f->k[0] > MOST_PHASES)
        return false;
    for (int a = 0; a < AXES; a++) {
        const int64_t stride = f->stride[1 + a];
        if (stride > MOST_PHASES || f->dilation[1 + a] > MOST_PHASES || (stride > 1 && f->dilation[1 + a] > 1))
            return false;
        const struct cut cut = best(f, 1 + a);
        if (cut.along > MOST_PHASES)
            return false;
        p.m[a] = algorithms[cut.which].m;
        p.alpha[a] = p.m[a] + algorithms[cut.which].r - 1;
        p.dilation[a] = f->dilation[1 + a];
        p.tiles[a] = cut.tiles;
        p.points *= p.alpha[a];
        p.all *= p.tiles[a];

        ct_transform *const *t = v->transforms[cut.which];
        p.kernel_to[a] = t[CT_KERNEL_SIDE], p.kernel_from[a] = t[CT_KERNEL_ADJOINT];
        p.x.to[a] = t[CT_INPUT], p.x.from[a] = t[CT_INPUT_ADJOINT];
        p.y.to[a] = t[CT_OUTPUT_ADJOINT], p.y.from[a] = t[CT_OUTPUT];
        p.x.stride[a] = stride, p.x.padding[a] = f->padding[1 + a], p.x.along[a] = cut.along;
        p.x.segment[a] = algorithms[cut.which].r * stride;
        p.x.take[a] = p.alpha[a] + (cut.segments - 1) * algorithms[cut.which].r;
        p.y.take[a] = p.m[a], p.y.stride[a] = 1, p.y.along[a] = 1;
        p.taps[a] = cut.segments * p.x.segment[a];
    }
    finish_side(&p, &p.x, f->x_channels / f->groups, f->x);
    finish_side(&p, &p.y, f->y_channels / f->groups, f->y);
    if (p.x.phases > MOST_PHASES)
        return false;

    int64_t dense = f->k[0] * f->k[1] * f->k[2], filled = is_padded(&p) ? f->k[0] * p.taps[HEIGHT] * p.taps[WIDTH] : 0;
    int64_t half = p.alpha[HEIGHT] * p.taps[WIDTH];
    p.scratch = most(most(scratch_of(&p, &p.x), scratch_of(&p, &p.y)), (dense + filled + half) * v->lanes * v->lanes);
    *plan = p;
    return true;
}

/* ---- strips of tiles ---- */

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

/* The window in the plane that a tap of the first axis reads; false when that lies in the padding. */
static bool move_to_plane(const ct_bilinear_plan *p, const ct_bilinear_side *s, const struct strip *strip, int64_t tap, ct_window *w)
{
    int64_t plane = strip->plane % p->y.planes * s->plane + tap * s->tap - s->before;

    w->first += plane * s->extent[HEIGHT] * s->extent[WIDTH];
    return plane >= 0 && plane < s->planes;
}

/* The first pixel of phase i along an axis, within a tile. */
static int64_t phase_at(const ct_bilinear_side *s, int a, int64_t i)
{
    return i / s->stride[a] * s->segment[a] + i % s->stride[a];
}

/* Behind the group's channels of the last image. */
static const float *data_end(const ct_bilinear_plan *p, const ct_bilinear_side *s, const float *data)
{
    return p->form->batch > 0 ? data + (p->form->batch - 1) * s->image + s->channels * s->apart : data;
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
    const float *end = data_end(p, s, data);
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], apart = p->dilation[WIDTH], step = s->stride[WIDTH] * apart * lanes;
    const ct_lines to = { points->point, apart * p->v->panel, p->alpha[WIDTH] * points->point };

    for (int64_t vector = points->first; vector < points->last; vector++)
        for (int64_t tile = points->begin; tile < points->end;) {
            struct strip strip = strip_at(p, tile, points->end);
            for (int64_t tap = 0; tap < s->taps; tap++) {
                ct_window w = window_of(p, s, vector, &strip, scratch);
                float *half = w.dense + w.rows * w.pitch;

                if (!move_to_plane(p, s, &strip, tap, &w))
                    w.row = s->extent[HEIGHT]; /* below the image all is 0 */
                ct_window_load(p->v, &w, data, end);
                for (int64_t i = 0; i < s->along[HEIGHT]; i++) {
                    s->to[HEIGHT](w.stage + phase_at(s, HEIGHT, i) * w.pitch, (ct_lines){ s->stride[HEIGHT] * w.pitch, lanes, 0 }, half,
                                  (ct_lines){ w.pitch, lanes, 0 }, w.columns, 1);
                    for (int64_t j = 0; j < s->along[WIDTH]; j++) {
                        float *place = at(p, s, points, vector, (tap * s->along[HEIGHT] + i) * s->along[WIDTH] + j);
                        for (int64_t image = 0; image < apart; image++)
                            s->to[WIDTH](half + (phase_at(s, WIDTH, j) * apart + image) * lanes,
                                         (ct_lines){ step, p->m[WIDTH] * step, w.pitch },
                                         place + (tile - points->begin + image) * p->v->panel, to, strip.count, high);
                    }
                }
            }
            tile += strip.tiles;
        }
}

static void zero(float *to, int64_t count) { memset(to, 0, (size_t)count * sizeof *to); }

/* What the strips before this one have left where it overlaps them: its first rows, its first columns; of several planes, anywhere. */
static void load_overlap(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_window *w, const struct strip *strip,
                         const float *data, const float *end)
{
    int64_t rows = strip->row > 0 ? (s->take[HEIGHT] - p->m[HEIGHT]) * s->stride[HEIGHT] : 0;
    int64_t columns = strip->column > 0 ? reach(s, p, WIDTH, 0) : 0;
    ct_window top = *w, left = *w;

    if (s->deep)
        rows = w->rows;
    zero(w->stage, w->rows * w->pitch);
    top.rows = rows;
    ct_window_load(p->v, &top, data, end);
    left.row += rows * (1 + w->skip), left.rows -= rows, left.columns = columns;
    left.stage += rows * w->pitch;
    ct_window_load(p->v, &left, data, end);
}

/* Before an image's first strip: pixels behind the last tile belong to none, nor do planes between the taps'. */
static void clear_rest(const ct_bilinear_plan *p, const ct_bilinear_side *s, const struct strip *strip, const ct_window *w, float *data)
{
    bool first = strip->row == 0 && strip->shift == 0 && strip->column == 0, rest = s->deep && strip->plane % p->y.planes == 0;
    int64_t floats = s->deep ? s->apart : s->extent[HEIGHT] * s->extent[WIDTH];

    for (int a = 0; !s->deep && a < AXES; a++)
        rest |= reach(s, p, a, p->tiles[a] / p->dilation[a]) - s->padding[a] < s->extent[a];
    for (int64_t l = 0; first && rest && l < w->valid; l++)
        memset(data + w->first + l * s->apart, 0, (size_t)floats * sizeof *data);
}

void ct_bilinear_from_points(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_points *points, float *data,
                             float *scratch)
{
    const float *end = data_end(p, s, data);
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], apart = p->dilation[WIDTH], step = s->stride[WIDTH] * apart * lanes;
    const ct_lines from = { points->point, apart * p->v->panel, p->alpha[WIDTH] * points->point };

    for (int64_t vector = points->first; vector < points->last; vector++)
        for (int64_t tile = points->begin; tile < points->end;) {
            struct strip strip = strip_at(p, tile, points->end);
            for (int64_t tap = 0; tap < s->taps; tap++) {
                ct_window w = window_of(p, s, vector, &strip, scratch);
                float *half = w.dense + w.rows * w.pitch;

                if (s->deep && tap == 0)
                    clear_rest(p, s, &strip, &w, data);
                if (!move_to_plane(p, s, &strip, tap, &w))
                    continue;
                if (s->overlap) {
                    if (!s->deep)
                        clear_rest(p, s, &strip, &w, data);
                    load_overlap(p, s, &w, &strip, data, end);
                }
                for (int64_t i = 0; i < s->along[HEIGHT]; i++) {
                    if (s->overlap)
                        zero(half, high * w.pitch);
                    for (int64_t j = 0; j < s->along[WIDTH]; j++) {
                        const float *place = at(p, s, points, vector, (tap * s->along[HEIGHT] + i) * s->along[WIDTH] + j);
                        for (int64_t image = 0; image < apart; image++)
                            s->from[WIDTH](place + (tile - points->begin + image) * p->v->panel, from,
                                           half + (phase_at(s, WIDTH, j) * apart + image) * lanes,
                                           (ct_lines){ step, p->m[WIDTH] * step, w.pitch }, strip.count, high);
                    }
                    s->from[HEIGHT](half, (ct_lines){ w.pitch, lanes, 0 }, w.stage + phase_at(s, HEIGHT, i) * w.pitch,
                                    (ct_lines){ s->stride[HEIGHT] * w.pitch, lanes, 0 }, w.columns, 1);
                }
                ct_window_store(p->v, &w, data);
            }
            tile += strip.tiles;
        }
}

/* ---- weights ---- */

int64_t ct_bilinear_rows(const ct_bilinear_plan *p, bool to_x, int64_t begin, int64_t end)
{
    return to_x ? least(end * p->v->lanes, p->y.channels) - begin * p->v->lanes : (end - begin) * p->x.phases * p->v->lanes;
}

/* Kernels [n][tap][lane] with their taps, and filled up with zeros to whole segments. */
struct stages {
    float *dense, *filled, *half;
    int64_t taps, row, plane, one; /* of the dense; floats of a row, a plane, a kernel of the filled */
};

static struct stages stages_of(const ct_bilinear_plan *p, float *scratch)
{
    const int64_t lanes = p->v->lanes, *k = p->form->k;
    struct stages s = { .dense = scratch, .taps = k[0] * k[1] * k[2], .row = p->taps[WIDTH] * lanes };

    s.plane = p->taps[HEIGHT] * s.row;
    s.one = k[0] * s.plane;
    s.filled = is_padded(p) ? scratch + s.taps * lanes * lanes : scratch;
    s.half = s.filled + s.one * lanes;
    return s;
}

/* Rows of taps from the dense stage to the filled, or back. */
static void fill(const ct_bilinear_plan *p, const struct stages *s, int64_t count, bool back)
{
    const int64_t *k = p->form->k, row = k[2] * p->v->lanes;

    if (s->dense == s->filled)
        return;
    if (!back)
        zero(s->filled, count * s->one);
    for (int64_t i = 0; i < count * k[0]; i++)
        for (int64_t j = 0; j < k[1]; j++) {
            float *dense = s->dense + (i * k[1] + j) * row, *filled = s->filled + i * s->plane + j * s->row;
            memcpy(back ? dense : filled, back ? filled : dense, (size_t)row * sizeof *dense);
        }
}

/* Kernels → points: row n of the panel's rows, of each phase. */
static void kernels(const ct_bilinear_plan *p, const struct stages *s, int64_t count, ct_lines to, float *const place[])
{
    const ct_bilinear_side *x = &p->x;
    const int64_t lanes = p->v->lanes, high = p->alpha[HEIGHT], all = high * s->row;

    for (int64_t tap = 0; tap < x->taps; tap++)
        for (int64_t i = 0; i < x->along[HEIGHT]; i++) {
            p->kernel_to[HEIGHT](s->filled + tap * s->plane + phase_at(x, HEIGHT, i) * s->row,
                                 (ct_lines){ x->stride[HEIGHT] * s->row, lanes, s->one }, s->half, (ct_lines){ s->row, lanes, all },
                                 p->taps[WIDTH], count);
            for (int64_t j = 0; j < x->along[WIDTH]; j++)
                p->kernel_to[WIDTH](s->half + phase_at(x, WIDTH, j) * lanes, (ct_lines){ x->stride[WIDTH] * lanes, s->row, all },
                                    *place++, to, high, count);
        }
}

void ct_bilinear_weights(const ct_bilinear_plan *p, bool to_x, const float *w, const ct_points *points, float *scratch)
{
    const ct_vectors *v = p->v;
    const struct stages s = stages_of(p, scratch);
    const int64_t lanes = v->lanes, in = p->x.channels, out = p->y.channels;
    const float *end = w + in * out * s.taps;
    const ct_lines to = { points->point, p->alpha[WIDTH] * points->point, v->panel };
    float *place[MOST_PHASES];

    for (int64_t lane = points->first; lane < points->last; lane++)
        for (int64_t n = points->begin; n < points->end; n++) {
            int64_t o = (to_x ? n : lane) * lanes, c = (to_x ? lane : n) * lanes;
            int64_t valid = least(lanes, to_x ? in - c : out - o), count = least(lanes, to_x ? out - o : in - c);

            for (int64_t phase = 0; phase < p->x.phases; phase++)
                place[phase] = to_x ? at(p, &p->x, points, lane, phase) + (n - points->begin) * lanes * v->panel
                                    : at(p, &p->y, points, lane, 0) + ((n - points->begin) * p->x.phases + phase) * lanes * v->panel;
            if (to_x) {
                for (int64_t i = 0; i < count; i++)
                    v->gather(w + ((o + i) * in + c) * s.taps, end, s.taps, (int)valid, s.taps, s.dense + i * s.taps * lanes, lanes);
            } else {
                v->gather(w + (o * in + c) * s.taps, end, in * s.taps, (int)valid, count * s.taps, s.dense, lanes);
                zero(s.dense + count * s.taps * lanes, (lanes - count) * s.taps * lanes); /* rows of lanes that x has not */
                count = lanes;
            }
            fill(p, &s, count, false);
            kernels(p, &s, count, to, place);
        }
}

void ct_bilinear_weights_from(const ct_bilinear_plan *p, const ct_points *points, float *w, float *scratch)
{
    const ct_bilinear_side *x = &p->x;
    const struct stages s = stages_of(p, scratch);
    const int64_t lanes = p->v->lanes, in = x->channels, high = p->alpha[HEIGHT], all = high * s.row;
    const ct_lines from = { points->point, p->alpha[WIDTH] * points->point, p->v->panel };

    for (int64_t vector = points->first; vector < points->last; vector++)
        for (int64_t o = points->begin, count; o < points->end; o += count) {
            int64_t phase = 0;
            count = least(lanes, points->end - o);
            for (int64_t tap = 0; tap < x->taps; tap++)
                for (int64_t i = 0; i < x->along[HEIGHT]; i++) {
                    for (int64_t j = 0; j < x->along[WIDTH]; j++)
                        p->kernel_from[WIDTH](at(p, x, points, vector, phase++) + (o - points->begin) * p->v->panel, from,
                                              s.half + phase_at(x, WIDTH, j) * lanes,
                                              (ct_lines){ x->stride[WIDTH] * lanes, s.row, all }, high, count);
                    p->kernel_from[HEIGHT](s.half, (ct_lines){ s.row, lanes, all },
                                           s.filled + tap * s.plane + phase_at(x, HEIGHT, i) * s.row,
                                           (ct_lines){ x->stride[HEIGHT] * s.row, lanes, s.one }, p->taps[WIDTH], count);
                }
            fill(p, &s, count, true);
            for (int64_t n = 0; n < count; n++)
                p->v->scatter(s.dense + n * s.taps * lanes, lanes, s.taps, w + ((o + n) * in + vector * lanes) * s.taps, s.taps,
                              (int)least(lanes, in - vector * lanes));
        }
}
