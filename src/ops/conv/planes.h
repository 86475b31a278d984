/* What the files of planes share: the direct algorithm with pixels as lanes. planes.c tells how. */
#ifndef CT_OPS_CONV_PLANES_H
#define CT_OPS_CONV_PLANES_H

#include "../../tensor/whole.h"
#include "../vector/vector.h"
#include "conv.h"
#include "strip.h"

enum { CT_PLANES_OUTS = 16 /* channels of a target at a time */ };

typedef struct ct_planes {
    const ct_vectors *v;
    const ct_conv_form *f;
    ct_conv_map map;
    const float *a, *b;
    float *out, *scratch;
    int64_t scratch_floats;
    int64_t in, outs, taps;        /* channels of x and of y in a group */
    int64_t staged;                /* channels of what is staged, at a time */
    ct_cut cut;
    int64_t reach[3], phases[3];   /* of a plane, beyond its positions; phases that have planes */
    int64_t pitch, plane, term, image, positions; /* floats of a row, a plane, a channel's planes, an image's; of its sums */
    int64_t images, chunks;        /* at a time */
    int64_t share, shares;         /* groups of a piece */
    int64_t parts;
    float *sums;                   /* conv_weight, of each part: like w, a vector each */
    int64_t *a_at, *b_at;          /* of the products, of all phases for conv_transpose */
    bool rows;                     /* the target's, in a strip, are whole vectors, one behind the other */
    int64_t *vector_at;            /* a strip's vectors of pixels, in a plane */
    int64_t *has_taps[3];          /* of phases of x */
} ct_planes;

/* What is staged for a strip: x's planes under it, of some channels and the chunk's images; y's planes over a strip of x's positions,
 * a tap's of the depth after the other. */
CT_HIDDEN void ct_planes_stage_x(const ct_planes *job, const float *x, int64_t channel, int64_t channels, int64_t first, int64_t images,
                                 const ct_strip *strip, float *stage);
CT_HIDDEN void ct_planes_stage_y(const ct_planes *job, int64_t group, int64_t first, int64_t images, const ct_strip *strip, float *stage);

/* Small planes are done before the next has come: what is so far behind is asked for. */
static inline int64_t ct_planes_ahead(const int64_t *extent) { return most(extent[0] * extent[1], 256); }

/* The i in [0, count) with 0 ≤ first + i · step < extent. */
static inline void ct_planes_inside(int64_t first, int64_t step, int64_t extent, int64_t count, int64_t *begin, int64_t *end)
{
    *begin = least(first < 0 ? ceil_divide(-first, step) : 0, count);
    *end = most(*begin, least(first < extent ? ceil_divide(extent - first, step) : 0, count));
}

/* Pieces of conv and conv_transpose; of conv_weight, whose sums are joined. */
CT_HIDDEN void ct_planes_run_y(void *job, int lane, int64_t piece);
CT_HIDDEN void ct_planes_run_x(void *job, int lane, int64_t piece);
CT_HIDDEN void ct_planes_run_w(void *job, int lane, int64_t piece);
CT_HIDDEN void ct_planes_join(void *job, int lane, int64_t piece);

#endif
