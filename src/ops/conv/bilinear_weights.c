/* Weights to and from the points of a bilinear algorithm. */
#include "bilinear.h"

#include <string.h>

static bool is_filled_up(const ct_bilinear_plan *p)
{
    return p->taps[HEIGHT] != p->form->k[1 + HEIGHT] || p->taps[WIDTH] != p->form->k[1 + WIDTH];
}

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
    s.filled = is_filled_up(p) ? scratch + s.taps * lanes * lanes : scratch;
    s.half = s.filled + s.one * lanes;
    return s;
}

int64_t ct_bilinear_weights_scratch(const ct_bilinear_plan *p)
{
    const int64_t *k = p->form->k, filled = is_filled_up(p) ? k[0] * p->taps[HEIGHT] * p->taps[WIDTH] : 0;
    return (k[0] * k[1] * k[2] + filled + p->alpha[HEIGHT] * p->taps[WIDTH]) * p->v->lanes * p->v->lanes;
}

/* Rows of taps from the dense stage to the filled, or back. */
static void fill(const ct_bilinear_plan *p, const struct stages *s, int64_t count, bool back)
{
    const int64_t *k = p->form->k, row = k[2] * p->v->lanes;

    if (s->dense == s->filled)
        return;
    if (!back)
        ct_bilinear_zero(s->filled, count * s->one);
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
            p->kernel_to[HEIGHT](s->filled + tap * s->plane + ct_bilinear_phase(x, HEIGHT, i) * s->row,
                                 (ct_lines){ x->stride[HEIGHT] * s->row, lanes, s->one }, s->half, (ct_lines){ s->row, lanes, all },
                                 p->taps[WIDTH], count);
            for (int64_t j = 0; j < x->along[WIDTH]; j++)
                p->kernel_to[WIDTH](s->half + ct_bilinear_phase(x, WIDTH, j) * lanes, (ct_lines){ x->stride[WIDTH] * lanes, s->row, all },
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
    float *place[CT_BILINEAR_MOST_PHASES];

    for (int64_t lane = points->first; lane < points->last; lane++)
        for (int64_t n = points->begin; n < points->end; n++) {
            int64_t o = (to_x ? n : lane) * lanes, c = (to_x ? lane : n) * lanes;
            int64_t valid = least(lanes, to_x ? in - c : out - o), count = least(lanes, to_x ? out - o : in - c);

            for (int64_t phase = 0; phase < p->x.phases; phase++)
                place[phase] = to_x ? ct_bilinear_place(p, &p->x, points, lane, phase) + (n - points->begin) * lanes * v->panel
                                    : ct_bilinear_place(p, &p->y, points, lane, 0) + ((n - points->begin) * p->x.phases + phase) * lanes * v->panel;
            if (to_x) {
                for (int64_t i = 0; i < count; i++)
                    v->gather(w + ((o + i) * in + c) * s.taps, end, s.taps, (int)valid, s.taps, s.dense + i * s.taps * lanes, lanes);
            } else {
                v->gather(w + (o * in + c) * s.taps, end, in * s.taps, (int)valid, count * s.taps, s.dense, lanes);
                ct_bilinear_zero(s.dense + count * s.taps * lanes, (lanes - count) * s.taps * lanes); /* rows of lanes that x has not */
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
                        p->kernel_from[WIDTH](ct_bilinear_place(p, x, points, vector, phase++) + (o - points->begin) * p->v->panel, from,
                                              s.half + ct_bilinear_phase(x, WIDTH, j) * lanes,
                                              (ct_lines){ x->stride[WIDTH] * lanes, s.row, all }, high, count);
                    p->kernel_from[HEIGHT](s.half, (ct_lines){ s.row, lanes, all },
                                           s.filled + tap * s.plane + ct_bilinear_phase(x, HEIGHT, i) * s.row,
                                           (ct_lines){ x->stride[HEIGHT] * s.row, lanes, s.one }, p->taps[WIDTH], count);
                }
            fill(p, &s, count, true);
            for (int64_t n = 0; n < count; n++)
                p->v->scatter(s.dense + n * s.taps * lanes, lanes, s.taps, w + ((o + n) * in + vector * lanes) * s.taps, s.taps,
                              (int)least(lanes, in - vector * lanes));
        }
}
