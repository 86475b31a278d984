/* Softmax along the middle axis of (outer, n, inner). */
#ifndef CT_KERNELS_SOFTMAX_H
#define CT_KERNELS_SOFTMAX_H

#include "kernels.h"

CT_KERNEL(void, ct_softmax, int64_t outer, int64_t n, int64_t inner, bool log_of, const void *x, void *y);

/* dx = y (g − Σ g y), or g − eʸ Σ g of the logarithm. dx may be g. */
CT_KERNEL(void, ct_softmax_vjp, int64_t outer, int64_t n, int64_t inner, bool log_of, const void *y, const void *g, void *dx);

#endif
