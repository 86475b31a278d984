/* Batch norm over (N, C, S), its affine part and a leaky ReLU, each channel over N and S. */
#ifndef CT_KERNELS_BATCH_NORM_H
#define CT_KERNELS_BATCH_NORM_H

#include "kernels.h"

/* With x̂ = (x − mean) r and z = x̂ weight + bias: y = z where z > 0, slope · z elsewhere. */
typedef struct ct_batch_norm_work {
    int64_t n, channels, s;
    double eps, slope;
    const void *x, *weight, *bias, *g;
    void *y, *dx, *dweight, *dbias; /* dx, and both of the others, may be NULL */
    double (*moments)[3];           /* mean, biased variance, r = 1/√(var + eps) */
} ct_batch_norm_work;

CT_KERNEL(void, ct_batch_norm_forward, const ct_batch_norm_work *work); /* fills y and moments */
CT_KERNEL(void, ct_batch_norm_backward, const ct_batch_norm_work *work); /* fills dx (which may be g), dweight, dbias */

/* running ← running + momentum (statistic − running), for those that are not NULL. */
CT_KERNEL(void, ct_running_update, int64_t channels, double momentum, double unbias, const double (*moments)[3],
          void *running_mean, void *running_var);

#endif
