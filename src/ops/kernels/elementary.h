/* Elementary functions of a block of numbers: y[i] = f(x[i]) for i in [0, n), n a multiple of CT_LANES; y may be x. An element's bits
 * depend on neither its place nor the instruction set. */
#ifndef CT_KERNELS_ELEMENTARY_H
#define CT_KERNELS_ELEMENTARY_H

#include "kernels.h"
#include "real.h"

/* What callers keep on their stacks, and what they round their last block up to. */
enum { CT_BLOCK = 256, CT_LANES = 16 };

/* expm1 is for x up to 80, log1p for x up to 1e38. */
#define CT_ELEMENTARY(name) CT_HIDDEN void X(ct_block_##name)(const real *x, real *y, int64_t n);
CT_ELEMENTARY(exp)
CT_ELEMENTARY(expm1)
CT_ELEMENTARY(log)
CT_ELEMENTARY(log1p)
CT_ELEMENTARY(tanh)
CT_ELEMENTARY(erf)
CT_ELEMENTARY(normal) /* Φ(x) = (1 + erf(x / √2)) / 2 */
CT_ELEMENTARY(density) /* Φ'(x) = e^(−x²/2) / √(2π) */
CT_HIDDEN void X(ct_block_pow)(const real *x, real exponent, real *y, int64_t n);

/* In both precisions' kernels. */
CT_HIDDEN void JOIN(ct_block_log, f64, CT_VARIANT)(const double *x, double *y, int64_t n);

/* n rounded up to whole lanes, the rest of `t` filled. */
static inline int64_t X(ct_block_whole)(real t[CT_BLOCK], int64_t n)
{
    for (; n % CT_LANES; n++)
        t[n] = 1;
    return n;
}

#endif
