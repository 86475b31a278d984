/* The bilinear algorithms on a conv's geometry: the plan of one, and its transforms of data and weights. */
#ifndef CT_OPS_CONV_BILINEAR_H
#define CT_OPS_CONV_BILINEAR_H

#include <string.h>

#include "../../tensor/whole.h"
#include "../vector/vector.h"
#include "conv.h"
#include "window.h"

enum {
    CT_BILINEAR_MOST_PHASES = 64, /* more do not pay */
    CT_BILINEAR_PIECES = 8,       /* of a map wanted, for threads */
    CT_BILINEAR_KEPT = 1 << 20,   /* floats of points that may be kept for several groups at once */
};

/* One of the two data tensors as tiles see it. Along the last two axes tile number i takes `take` strides of pixels from
 * i · m · stride − padding on. A pixel's place within its stride is its phase. A kernel of more than r strides is cut into segments of r,
 * which read `segment` pixels apart. The first of the form's three axes has no transform: each of its taps reads a plane.
 * Phases, segments and planes count as channels: all three are `phases` here. Dilated, every `dilation`-th pixel makes an image of its
 * own, and these images' tiles stand side by side. */
typedef struct ct_bilinear_side {
    int64_t channels, vectors, phases, panels;  /* of a group; vectors of channels, of one phase; panels of all phases */
    int64_t whole;                              /* vectors whose phases are whole panels */
    int64_t extent[AXES], planes, apart, image; /* planes of a channel (the first axis); floats between channels, between images */
    int64_t take[AXES], stride[AXES], padding[AXES];
    int64_t along[AXES], segment[AXES];         /* phases along an axis */
    int64_t taps, plane, tap, before;           /* for y's plane o, tap t reads plane o · plane + t · tap − before */
    ct_transform *to[AXES], *from[AXES];
    bool overlap, deep;                         /* tiles share pixels; planes, too */
} ct_bilinear_side;

typedef struct ct_bilinear_plan {
    const ct_vectors *v;
    const ct_conv_form *form;
    int64_t m[AXES], alpha[AXES], dilation[AXES];
    int64_t tiles[AXES];        /* of all images along an axis: a multiple of its dilation */
    int64_t points;             /* products of a tile and pair of channels: ∏ α */
    int64_t all;                /* tiles, of the batch; work is cut at multiples of dilation[WIDTH] */
    int64_t taps[AXES];         /* of the kernel, filled with zeros to whole segments */
    int64_t weights;            /* of a group */
    ct_transform *kernel_to[AXES], *kernel_from[AXES];
    ct_bilinear_side x, y;
    int64_t scratch;            /* floats that a transform needs */
} ct_bilinear_plan;

/* The cheapest algorithm that there is for each axis, for one group. false when the form has none: with stride and dilation along one axis,
 * or with very many phases. */
bool ct_bilinear_plan_make(const ct_conv_form *form, const ct_vectors *v, ct_bilinear_plan *plan);

/* The first pixel of phase i along an axis, within a tile; the first tap, within a kernel. */
static inline int64_t ct_bilinear_phase(const ct_bilinear_side *s, int axis, int64_t i)
{
    return i / s->stride[axis] * s->segment[axis] + i % s->stride[axis];
}

/* Transformed data of tiles [begin, end): [point][panel][tile][lane], points and panels so many floats apart, from the panel of vector
 * `first` on, a multiple of the side's `whole`. */
typedef struct ct_points {
    float *at;
    int64_t point, panel;
    int64_t first, last, begin, end; /* vectors of channels, tiles */
} ct_points;

/* Panels of so many vectors of a side. */
static inline int64_t ct_bilinear_panels(const ct_bilinear_plan *p, int64_t vectors, int64_t phases)
{
    return ceil_divide(vectors * phases * p->v->lanes, p->v->panel);
}

/* Floats from point to point: an odd number of lines, so that points do not fall into the same places of the caches. */
static inline int64_t ct_bilinear_stride(const ct_bilinear_plan *p, int64_t panels, int64_t rows)
{
    int64_t floats = panels * rows * p->v->panel;
    return floats % 32 ? floats : floats + 16;
}

/* Tiles of dilated images that stand side by side are not cut apart. */
static inline int64_t ct_bilinear_whole(const ct_bilinear_plan *p, int64_t tiles)
{
    return ceil_divide(tiles, p->dilation[WIDTH]) * p->dilation[WIDTH];
}

/* The points of vectors [first, last) and tiles [begin, end), in panels of so many rows. */
static inline ct_points ct_bilinear_points(const ct_bilinear_plan *p, float *at, int64_t phases, int64_t first, int64_t last,
                                           int64_t begin, int64_t end, int64_t rows)
{
    return (ct_points){
        .at = at,
        .point = ct_bilinear_stride(p, ct_bilinear_panels(p, last - first, phases), rows),
        .panel = rows * p->v->panel,
        .first = first,
        .last = last,
        .begin = begin,
        .end = end,
    };
}

/* Where a phase of a vector begins, at point 0. */
static inline float *ct_bilinear_place(const ct_bilinear_plan *p, const ct_bilinear_side *s, const ct_points *points, int64_t vector,
                                       int64_t phase)
{
    int64_t across = p->v->panel / p->v->lanes, number = (vector - points->first) * s->phases + phase;
    return points->at + number / across * points->panel + number % across * p->v->lanes;
}

/* Of kept points, those from vector `first` on, at most so many whole times the side's `whole` of them. */
static inline ct_points ct_bilinear_vectors(const ct_bilinear_plan *p, const ct_bilinear_side *s, ct_points points, int64_t first,
                                            int64_t count)
{
    points.at += first * s->phases * p->v->lanes / p->v->panel * points.panel;
    points.first += first, points.last = least(points.first + count, points.last);
    return points;
}

/* Of kept points, a part of the tiles. */
static inline ct_points ct_bilinear_tiles(const ct_bilinear_plan *p, ct_points points, int64_t part, int64_t parts)
{
    const int64_t tiles = points.end - points.begin, begin = ct_bilinear_whole(p, part * tiles / parts);
    points.end = points.begin + ct_bilinear_whole(p, (part + 1) * tiles / parts);
    points.begin += begin, points.at += begin * p->v->panel;
    return points;
}

/* Groups that run side by side: what is kept for them is bounded, however many there are. */
static inline int64_t ct_bilinear_together(const ct_bilinear_plan *p, int64_t floats)
{
    const int64_t most_groups = most(1, least(CT_BILINEAR_KEPT / most(floats, 1), p->form->groups));
    return ceil_divide(p->form->groups, ceil_divide(p->form->groups, most_groups));
}

static inline void ct_bilinear_zero(float *to, int64_t count) { memset(to, 0, (size_t)count * sizeof *to); }

/* Floats of scratch that the transforms of data need, and those of weights. */
int64_t ct_bilinear_data_scratch(const ct_bilinear_plan *p);
int64_t ct_bilinear_weights_scratch(const ct_bilinear_plan *p);

void ct_bilinear_to_points(const ct_bilinear_plan *p, const ct_bilinear_side *side, const float *data, const ct_points *points,
                           float *scratch);
/* The other way. Where tiles overlap they are added up: all tiles of a plane and channel, of an image where it is deep, must come in
 * order, from one thread. */
void ct_bilinear_from_points(const ct_bilinear_plan *p, const ct_bilinear_side *side, const ct_points *points, float *data,
                             float *scratch);

/* Transformed weights that multiply data of `source` to give `target`: [point][panel][row][lane], lanes and panels those of target's
 * vectors [first, last), rows the source's lanes of vectors [begin, end), phase by phase within a vector. */
void ct_bilinear_weights(const ct_bilinear_plan *p, bool to_x, const float *w, const ct_points *points, float *scratch);
/* Rows of such a block for vectors [begin, end) of the source. */
int64_t ct_bilinear_rows(const ct_bilinear_plan *p, bool to_x, int64_t begin, int64_t end);

/* The weight map's last step: [point][panel][o][lane], lanes of x's vectors [first, last), for o in [begin, end) → w. */
void ct_bilinear_weights_from(const ct_bilinear_plan *p, const ct_points *points, float *w, float *scratch);

/* conv_weight: w ← Σ over tiles. false when memory is out. */
bool ct_bilinear_run_weight(ct_tape *tape, const ct_bilinear_plan *p, const float *x, const float *y, float *w);

#endif
