/* Arithmetic, functions of one operand and reductions against PyTorch. */
#include "golden/golden.h"

#define BINARY(X, name)                                                                                                      \
    X(name, ct_##name(t, x[0], x[1]))                                                                                        \
    X(name##_broadcast, ct_##name(t, x[0], x[1]))                                                                            \
    X(name##_rank0, ct_##name(t, x[0], x[1]))
#define UNARY(X, name) X(name, ct_##name(t, x[0]))

#define CASES(X)                                                                                                             \
    BINARY(X, add) BINARY(X, sub) BINARY(X, mul) BINARY(X, div) BINARY(X, maximum) BINARY(X, minimum)                         \
    X(maximum_ties, ct_maximum(t, x[0], x[1]))                                                                               \
    X(minimum_ties, ct_minimum(t, x[0], x[1]))                                                                               \
    X(mul_itself, ct_mul(t, x[0], x[0]))                                                                                     \
    UNARY(X, neg) UNARY(X, square) UNARY(X, exp) UNARY(X, abs) UNARY(X, sign) UNARY(X, erf) UNARY(X, relu)                    \
    UNARY(X, sigmoid) UNARY(X, tanh) UNARY(X, gelu) UNARY(X, sqrt) UNARY(X, log)                                             \
    X(scale, ct_scale(t, x[0], -1.75))                                                                                       \
    X(add_scalar, ct_add_scalar(t, x[0], 0.375))                                                                             \
    X(pow_3, ct_pow(t, x[0], 3))                                                                                             \
    X(pow_half, ct_pow(t, x[0], -1.5))                                                                                       \
    X(clamp, ct_clamp(t, x[0], -0.5, 0.75))                                                                                  \
    X(leaky_relu, ct_leaky_relu(t, x[0], 0.2))                                                                               \
    X(elu, ct_elu(t, x[0], 1))                                                                                               \
    X(elu_alpha, ct_elu(t, x[0], 0.3))                                                                                       \
    X(softplus, ct_softplus(t, x[0], 1, 20))                                                                                 \
    X(softplus_beta, ct_softplus(t, x[0], 2.5, 3))                                                                           \
    UNARY(X, sum) X(sum_of_scalar, ct_sum(t, x[0])) UNARY(X, mean) UNARY(X, max) UNARY(X, min)                               \
    X(sum_axes, ct_sum_axes(t, x[0], CT_AXES(0, 2), false))                                                                  \
    X(sum_axes_keepdim, ct_sum_axes(t, x[0], CT_AXES(-2), true))                                                             \
    X(mean_axes, ct_mean_axes(t, x[0], CT_AXES(1, 2), false))                                                                \
    X(mean_axes_keepdim, ct_mean_axes(t, x[0], CT_AXES(0, 2), true))                                                         \
    X(var_axes, ct_var_axes(t, x[0], CT_AXES(0, 2), 1, false))                                                               \
    X(var_axes_biased, ct_var_axes(t, x[0], CT_AXES(1), 0, true))                                                            \
    X(max_axes, ct_max_axes(t, x[0], CT_AXES(0, 2), false))                                                                  \
    X(min_axes_keepdim, ct_min_axes(t, x[0], CT_AXES(1), true))                                                              \
    X(expand, ct_expand(t, x[0], CT_SHAPE(2, 4, 3)))                                                                         \
    X(sum_to, ct_sum_to(t, x[0], CT_SHAPE(3, 1)))                                                                            \
    X(dropout_eval, ct_dropout(t, x[0], 0.5, false, NULL))                                                                   \
    X(detach, ct_mul(t, ct_detach(t, ct_square(t, x[0])), x[0]))                                                             \
    X(softmax, ct_softmax(t, x[0], 1))                                                                                       \
    X(softmax_first, ct_softmax(t, x[0], 0))                                                                                 \
    X(softmax_middle, ct_softmax(t, x[0], -2))                                                                               \
    X(log_softmax, ct_log_softmax(t, x[0], 1))                                                                               \
    X(log_softmax_first, ct_log_softmax(t, x[0], 0))

GOLDEN_TEST(elementwise, CASES)
