/* Normalisation over (N, C, S): each channel over N and S. */
#ifndef CT_KERNELS_NORM_H
#define CT_KERNELS_NORM_H

#include "kernels.h"

/* y ← (x − mean) / √(var + eps) with the biased variance; moments[c] ← { mean, var, 1/√(var + eps) }. */
CT_KERNEL(void, ct_normalize, int64_t n, int64_t channels, int64_t s, double eps, const void *x, void *y, double (*moments)[3]);

/* dx ← r (g − mean(g) − y mean(g y)), with r = moments[c][2]. */
CT_KERNEL(void, ct_normalize_vjp, int64_t n, int64_t channels, int64_t s, const double (*moments)[3], const void *y,
          const void *g, void *dx);

#endif
