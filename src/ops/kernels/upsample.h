/* Resampling along the middle axis of (outer, n, inner): output j takes (1 − w) x[low] + w x[high]. */
#ifndef CT_KERNELS_UPSAMPLE_H
#define CT_KERNELS_UPSAMPLE_H

#include "kernels.h"

typedef struct ct_tap {
    int64_t low, high;
    double weight; /* of high */
} ct_tap;

CT_KERNEL(void, ct_resample, int64_t outer, int64_t in, int64_t out, int64_t inner, bool nearest, const ct_tap *taps,
          const void *x, void *y);
CT_KERNEL(void, ct_resample_adjoint, int64_t outer, int64_t in, int64_t out, int64_t inner, bool nearest, const ct_tap *taps,
          const void *y, void *x);

#endif
