/* What the direct algorithm's files share. */
#ifndef CT_OPS_CONV_DIRECT_H
#define CT_OPS_CONV_DIRECT_H

#include "conv.h"
#include "strip.h"
#include "../../tensor/whole.h"
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
    int64_t sources, slice;       /* channels of a group that are staged; so many at a time */
    int64_t lanes_of, panels;     /* channels of a group that are lanes, and their panels */
    int64_t group_floats;         /* of packed weights */
    int64_t runs;                 /* of a product over all taps */
    ct_cut cut;
    int64_t images, sets;         /* a strip's positions are those of several images, a set */
    int64_t block, blocks;        /* panels of a piece */
    int64_t span, spans;          /* conv_weight: slices of a piece */
    int64_t parts, sum_floats;    /* conv_weight: partial sums */
} ct_direct;

enum { CT_DIRECT_PARTS = 64 /* of a run of products, at most */ };

/* A strip of images [strip.image, strip.image + images), and a slice [first, first + channels) of the channels that are staged. */
typedef struct ct_view {
    ct_strip strip;
    int64_t images, first, channels;
} ct_view;

static inline int64_t ct_direct_strips(const ct_direct *job) { return job->sets * job->cut.extent[0] * job->cut.strips; }
static inline int64_t ct_direct_slices(const ct_direct *job) { return ceil_divide(job->sources, job->slice); }

/* Panels that are multiplied at a time: with several slices all of the piece's, whose sums the next slice adds to. */
static inline int64_t ct_direct_together(const ct_direct *job) { return ct_direct_slices(job) > 1 ? job->block : 1; }

static inline ct_view ct_direct_view(const ct_direct *job, int64_t number)
{
    const int64_t strips = job->cut.extent[0] * job->cut.strips, image = number / strips * job->images;
    ct_view view = { ct_strip_at(&job->cut, number % strips), least(job->images, job->f->batch - image), 0, job->sources };

    view.strip.image = image;
    return view;
}

static inline void ct_direct_slice(const ct_direct *job, ct_view *view, int64_t slice)
{
    view->first = slice * job->slice, view->channels = least(job->slice, job->sources - view->first);
}

static inline float *ct_direct_scratch(const ct_direct *job, int lane) { return job->scratch + lane * job->scratch_floats; }

/* The taps whose planes lie in x, of outputs at a depth; x's pixels under a strip of y in these planes, image after image. */
CT_HIDDEN ct_range ct_direct_planes(const ct_conv_form *form, int64_t depth);
CT_HIDDEN void ct_direct_stage(const ct_direct *job, const float *x, int64_t group, const ct_view *view, ct_range planes, float *stage);

/* Pieces of packed weights, [group][panel][slice][tap][channel of the slice][lane]; for conv_transpose phase by phase within a group. */
CT_HIDDEN void ct_direct_pack(void *job, int lane, int64_t piece);

/* Pieces of conv and conv_transpose: a strip and a block of panels. */
CT_HIDDEN void ct_direct_run_y(void *job, int lane, int64_t piece);
CT_HIDDEN void ct_direct_run_x(void *job, int lane, int64_t piece);

/* Pieces of conv_weight: sums of a part into packed, and these to their places. */
CT_HIDDEN void ct_direct_sum(void *job, int lane, int64_t piece);
CT_HIDDEN void ct_direct_unpack(void *job, int lane, int64_t piece);

#endif
