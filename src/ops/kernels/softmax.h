/* Softmax along the middle axis of (outer, n, inner). */
#ifndef CT_KERNELS_SOFTMAX_H
#define CT_KERNELS_SOFTMAX_H

#include "kernels.h"

CT_KERNEL(void, ct_softmax, int64_t outer, int64_t n, int64_t inner, bool log_of, const void *x, void *y);

#endif
