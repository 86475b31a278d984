#ifndef CT_KERNELS_REDUCE_H
#define CT_KERNELS_REDUCE_H

#include "kernels.h"

enum ct_reducer { CT_REDUCE_SUM, CT_REDUCE_MAX, CT_REDUCE_MIN };

/* Axes that are kept (the output's, in order) and axes that are reduced, with their strides in x. */
struct ct_reduction_plan {
    int kept, reduced;
    int64_t kept_extent[CT_MAX_RANK], kept_stride[CT_MAX_RANK];
    int64_t reduced_extent[CT_MAX_RANK], reduced_stride[CT_MAX_RANK];
};

/* Outputs [begin, end): each is reduced by one owner in row-major order; sums are kept in float64, along the last axis of
 * four values at a time. */
CT_KERNEL(void, ct_reduce, enum ct_reducer f, const struct ct_reduction_plan *plan, const void *x, void *y, int64_t begin,
          int64_t end);

/* Neighbours [begin, end), to one number. */
CT_KERNEL(double, ct_reduce_row, enum ct_reducer f, const void *x, int64_t begin, int64_t end);

#endif
