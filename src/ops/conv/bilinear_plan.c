/* The plan of a bilinear algorithm: how each axis is cut into tiles, segments and phases. */
#include "bilinear.h"

#include <math.h>

#include "../vector/bilinear_tables.h"

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

static void finish_side(const ct_bilinear_plan *p, ct_bilinear_side *s, int64_t channels, const int64_t extent[CT_MAX_SPATIAL])
{
    for (int a = 0; a < AXES; a++)
        s->extent[a] = extent[1 + a];
    s->planes = extent[0];
    s->channels = channels;
    s->vectors = ceil_divide(channels, p->v->lanes);
    s->phases = s->taps * s->along[HEIGHT] * s->along[WIDTH];
    s->panels = ceil_divide(s->vectors * s->phases * p->v->lanes, p->v->panel);
    for (s->whole = 1; s->whole * s->phases * p->v->lanes % p->v->panel; s->whole++)
        ;
    s->apart = s->planes * s->extent[HEIGHT] * s->extent[WIDTH];
    s->image = channels * p->form->groups * s->apart;
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

    if (f->k[0] > CT_BILINEAR_MOST_PHASES)
        return false;
    for (int a = 0; a < AXES; a++) {
        const int64_t stride = f->stride[1 + a];
        if (stride > CT_BILINEAR_MOST_PHASES || f->dilation[1 + a] > CT_BILINEAR_MOST_PHASES || (stride > 1 && f->dilation[1 + a] > 1))
            return false;
        const struct cut cut = best(f, 1 + a);
        if (cut.along > CT_BILINEAR_MOST_PHASES)
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
    if (p.x.phases > CT_BILINEAR_MOST_PHASES)
        return false;
    p.weights = p.x.channels * p.y.channels * f->k[0] * f->k[1] * f->k[2];
    p.scratch = most(ct_bilinear_data_scratch(&p), ct_bilinear_weights_scratch(&p));
    *plan = p;
    return true;
}
