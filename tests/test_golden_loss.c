/* Losses against PyTorch. */
#include "golden/golden.h"

#define LOSSES(X, tail, reduction)                                                                                           \
    X(mse_##tail, ct_mse_loss(t, x[0], x[1], reduction))                                                                     \
    X(l1_##tail, ct_l1_loss(t, x[0], x[1], reduction))                                                                       \
    X(smooth_l1_##tail, ct_smooth_l1_loss(t, x[0], x[1], 1, reduction))                                                      \
    X(bce_##tail, ct_bce_loss(t, x[0], x[1], reduction))                                                                     \
    X(bce_with_logits_##tail, ct_bce_with_logits_loss(t, x[0], x[1], reduction))                                             \
    X(nll_##tail, ct_nll_loss(t, x[0], x[1], x[2], reduction))                                                               \
    X(cross_entropy_##tail, ct_cross_entropy_loss(t, x[0], x[1], x[2], reduction))                                           \
    X(cross_entropy_probabilities_##tail, ct_cross_entropy_loss(t, x[0], x[1], x[2], reduction))

#define CASES(X)                                                                                                             \
    LOSSES(X, mean, CT_REDUCTION_MEAN) LOSSES(X, sum, CT_REDUCTION_SUM) LOSSES(X, none, CT_REDUCTION_NONE)                   \
    X(smooth_l1_beta, ct_smooth_l1_loss(t, x[0], x[1], 0.3, CT_REDUCTION_MEAN))                                              \
    X(bce_clamped, ct_bce_loss(t, x[0], x[1], CT_REDUCTION_NONE))                                                            \
    X(bce_with_logits_far, ct_bce_with_logits_loss(t, x[0], x[1], CT_REDUCTION_NONE))                                        \
    X(nll_spatial, ct_nll_loss(t, x[0], x[1], NULL, CT_REDUCTION_MEAN))                                                      \
    X(cross_entropy_spatial, ct_cross_entropy_loss(t, x[0], x[1], NULL, CT_REDUCTION_MEAN))                                  \
    X(cross_entropy_unbatched, ct_cross_entropy_loss(t, x[0], x[1], NULL, CT_REDUCTION_MEAN))                                \
    X(cross_entropy_probabilities_spatial, ct_cross_entropy_loss(t, x[0], x[1], NULL, CT_REDUCTION_MEAN))                    \
    X(bce_target, ct_bce_loss(t, x[0], x[1], CT_REDUCTION_MEAN))                                                             \
    X(bce_with_logits_target, ct_bce_with_logits_loss(t, x[0], x[1], CT_REDUCTION_MEAN))                                     \
    X(cross_entropy_target, ct_cross_entropy_loss(t, x[0], x[1], NULL, CT_REDUCTION_MEAN))

GOLDEN_TEST(loss, CASES)
