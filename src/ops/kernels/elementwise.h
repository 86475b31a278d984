#ifndef CT_KERNELS_ELEMENTWISE_H
#define CT_KERNELS_ELEMENTWISE_H

#include "kernels.h"

enum ct_unary {
    CT_UNARY_NEG, CT_UNARY_SCALE, CT_UNARY_ADD_SCALAR, CT_UNARY_POW, CT_UNARY_SQUARE, CT_UNARY_SQRT, CT_UNARY_EXP,
    CT_UNARY_LOG, CT_UNARY_ABS, CT_UNARY_SIGN, CT_UNARY_ERF, CT_UNARY_CLAMP, CT_UNARY_INSIDE, CT_UNARY_RELU,
    CT_UNARY_LEAKY_RELU, CT_UNARY_LEAKY_STEP, CT_UNARY_ELU, CT_UNARY_GELU, CT_UNARY_SIGMOID, CT_UNARY_TANH, CT_UNARY_SOFTPLUS, CT_UNARY_ABOVE
};

enum ct_binary {
    CT_BINARY_ADD, CT_BINARY_SUB, CT_BINARY_MUL, CT_BINARY_DIV, CT_BINARY_MAXIMUM, CT_BINARY_MINIMUM, CT_BINARY_GREATER,
    CT_BINARY_EQUAL, CT_BINARY_MASKED, CT_BINARY_FIRST
};

/* y[i] = f(x[i]; a, b) for i in [begin, end). */
CT_KERNEL(void, ct_unary, enum ct_unary f, const void *x, void *y, double a, double b, int64_t begin, int64_t end);

/* dx[i] = g[i] · f'(x[i]; a, b), where y = f(x), of the functions whose rows in src/ops/elementwise.c are fused; x or y is NULL where
 * the row does not read it. dx may be g. */
CT_KERNEL(void, ct_unary_vjp, enum ct_unary f, const void *x, const void *y, const void *g, void *dx, double a, double b,
          int64_t begin, int64_t end);

/* y[i] = f(a[i·sa], b[i·sb]) for i in [0, count); strides 0 or 1. */
CT_KERNEL(void, ct_binary, enum ct_binary f, const void *a, int64_t sa, const void *b, int64_t sb, void *y, int64_t count);

#endif
