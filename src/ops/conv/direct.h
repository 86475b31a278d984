/* What the direct algorithm's files share. */
#ifndef CT_OPS_CONV_DIRECT_H
#define CT_OPS_CONV_DIRECT_H

#include "conv.h"
#include "strip.h"
#include "window.h"

/* What lies in the padding is neither staged nor multiplied, where a whole plane or row does. */
typedef struct ct_range {
    int64_t begin, end;
} ct_range;

typedef struct ct_direct {
    const ct_vectors *v;
    const ct_conv_form *f;
    ct_conv_map map;
    const float *a, *b;
    float *out, *packed, *scratch;
    int64_t scratch_floats;
    int64_t in, outs, taps;       /* channels of a group; of the kernel */
    int64_t lanes_of, panels;     /* channels of a group that are lanes, and their panels */
    int64_t group_floats;         /* of packed weights */
    int64_t runs;                 /* of a product over all taps */
    ct_cut cut;
    int64_t block, blocks;        /* panels of a piece */
    int64_t parts, sum_floats;    /* conv_weight: partial sums */
} ct_direct;

static inline int64_t ct_direct_volume(const int64_t extent[3]) { return extent[0] * extent[1] * extent[2]; }
static inline float *ct_direct_scratch(const ct_direct *job, int lane) { return job->scratch + lane * job->scratch_floats; }

/* The taps whose planes lie in x, of outputs at a depth; x's pixels under a strip of y in these planes. */
CT_HIDDEN ct_range ct_direct_planes(const ct_conv_form *form, int64_t depth);
CT_HIDDEN void ct_direct_stage(const ct_direct *job, const float *x, int64_t group, const ct_strip *strip, ct_range planes, float *stage);

/* Pieces of conv_weight: sums of a part into packed, and these to their places. */
CT_HIDDEN void ct_direct_sum(void *job, int lane, int64_t piece);
CT_HIDDEN void ct_direct_unpack(void *job, int lane, int64_t piece);

#endif
