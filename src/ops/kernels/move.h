/* Kernels that move values. */
#ifndef CT_KERNELS_MOVE_H
#define CT_KERNELS_MOVE_H

#include "kernels.h"

/* An index map ready to run: `planes` copies of the mapped axes, each entry a contiguous block. */
struct ct_index_plan {
    int64_t planes, source, extent; /* planes, and the elements of one on either side */
    int axes;
    int64_t length[CT_MAX_RANK];  /* entries of a mapped axis */
    int64_t stride[CT_MAX_RANK];  /* elements of y a step along it */
    int64_t *offset[CT_MAX_RANK]; /* where each entry comes from, in elements of x; −1: from nowhere */
    int64_t block;
    struct {
        int64_t begin, end, step;
        bool alone; /* the other entries, of which there are some, come from nowhere */
    } run; /* of the last mapped axis: a stretch of entries that are neighbours in x too, in their order (step 1) or against it (−1) */
};

CT_KERNEL(void, ct_kernel_index, const struct ct_index_plan *plan, const void *x, void *y);         /* y[i] = x[m(i)] or 0 */
CT_KERNEL(void, ct_kernel_index_adjoint, const struct ct_index_plan *plan, const void *y, void *x); /* x = 0; x[m(i)] += y[i] */

/* y[i] = x[Σ i[axis] · stride[axis]] for every i of y's shape. */
CT_KERNEL(void, ct_kernel_permute, ct_shape shape, const int64_t stride[], const void *x, void *y);

/* The first position whose value is not a whole number in [0, size), or −1. */
CT_KERNEL(int64_t, ct_kernel_index_check, const void *index, int64_t count, int64_t size);

/* y (outer, length, inner), x (outer, size, inner): y[a, j, b] = x[a, index[a, j, b], b], and its adjoint. */
CT_KERNEL(void, ct_kernel_gather, const int64_t extents[4], const void *x, const void *index, void *y);
CT_KERNEL(void, ct_kernel_gather_adjoint, const int64_t extents[4], const void *y, const void *index, void *x);

#endif
