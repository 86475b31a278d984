/* Layer, instance and group norm with their affine part: x as (N, G, C, S), each of N · G sets over C and S. */
#ifndef CT_KERNELS_NORM_H
#define CT_KERNELS_NORM_H

#include "kernels.h"

/* y = x̂ weight + bias with x̂ = (x − mean) r; weight and bias (G, C). */
typedef struct ct_norm_work {
    int64_t n, groups, channels, s;
    double eps;
    const void *x, *weight, *bias, *g;
    void *y, *dx;                      /* dx may be NULL, or g */
    double (*moments)[3];              /* of each set: mean, biased variance, r = 1/√(var + eps) */
    double *dweight, *dbias;           /* partial sums: (blocks, G, C) of each; or NULL */
    int64_t blocks;                    /* N is cut into */
} ct_norm_work;

CT_KERNEL(void, ct_norm_forward, const ct_norm_work *work);  /* fills y and moments */
CT_KERNEL(void, ct_norm_backward, const ct_norm_work *work); /* fills dx, dweight, dbias */

/* to[i] ← Σ_block from[block, i]. */
CT_KERNEL(void, ct_norm_join, int64_t blocks, int64_t count, const double *from, void *to);

#endif
