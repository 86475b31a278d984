/* What docs/from-pytorch.md writes with several ops where PyTorch has a name, against PyTorch. */
#include "golden/golden.h"

static ct_tensor *logsumexp(ct_tape *t, ct_tensor *x)
{
    ct_tensor *m = ct_detach(t, ct_max_axes(t, x, CT_AXES(1), true));
    return ct_add(t, m, ct_log(t, ct_sum_axes(t, ct_exp(t, ct_sub(t, x, m)), CT_AXES(1), true)));
}

static ct_tensor *stack(ct_tape *t, ct_tensor *a, ct_tensor *b)
{
    return ct_concat(t, 2, (ct_tensor *[]){ ct_reshape(t, a, CT_SHAPE(3, 1, 4)), ct_reshape(t, b, CT_SHAPE(3, 1, 4)) }, 1);
}

static ct_tensor *pixel_shuffle(ct_tape *t, ct_tensor *x)
{
    ct_tensor *apart = ct_reshape(t, x, CT_SHAPE(1, 2, 2, 2, 2, 3));
    return ct_reshape(t, ct_permute(t, apart, CT_AXES(0, 1, 4, 2, 5, 3)), CT_SHAPE(1, 2, 4, 6));
}

#define CASES(X)                                                                                                             \
    X(logsigmoid, ct_neg(t, ct_softplus(t, ct_neg(t, x[0]), 1, 20)))                                                         \
    X(silu, ct_mul(t, x[0], ct_sigmoid(t, x[0])))                                                                            \
    X(relu6, ct_clamp(t, x[0], 0, 6))                                                                                        \
    X(rsqrt, ct_pow(t, x[0], -0.5))                                                                                          \
    X(reciprocal, ct_pow(t, x[0], -1))                                                                                       \
    X(norm, ct_sqrt(t, ct_sum_axes(t, ct_square(t, x[0]), CT_AXES(1), false)))                                               \
    X(std, ct_sqrt(t, ct_var_axes(t, x[0], CT_AXES(1), 1, false)))                                                           \
    X(logsumexp, logsumexp(t, x[0]))                                                                                         \
    X(where, ct_add(t, x[2], ct_mul(t, x[0], ct_sub(t, x[1], x[2]))))                                                        \
    X(stack, stack(t, x[0], x[1]))                                                                                           \
    X(adaptive_avg_pool, ct_mean_axes(t, x[0], CT_AXES(2, 3), true))                                                         \
    X(pixel_shuffle, pixel_shuffle(t, x[0]))                                                                                 \
    X(huber, ct_scale(t, ct_smooth_l1_loss(t, x[0], x[1], 0.75, CT_REDUCTION_MEAN), 0.75))                                   \
    X(label_smoothing, ct_cross_entropy_loss(t, x[0], x[1], NULL, CT_REDUCTION_MEAN))

GOLDEN_TEST(recipes, CASES)
