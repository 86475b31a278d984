/* Windows over planes of three axes (front ones of extent 1). */
#ifndef CT_KERNELS_POOL_H
#define CT_KERNELS_POOL_H

#include "kernels.h"

typedef struct ct_windows {
    int rank;
    int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
    bool exclude_pad;
} ct_windows;

/* y ← the window's maximum; index ← its place in the flattened plane (the first of equals; a NaN wins). */
CT_KERNEL(void, ct_max_windows, int64_t planes, const ct_windows *windows, const void *x, void *y, void *index);

/* y ← the window's mean, and the adjoint: x ← y spread evenly over the windows. */
CT_KERNEL(void, ct_mean_windows, int64_t planes, const ct_windows *windows, const void *x, void *y);
CT_KERNEL(void, ct_mean_windows_adjoint, int64_t planes, const ct_windows *windows, const void *y, void *x);

#endif
