/* Normalisation against PyTorch, with the running statistics that training leaves. */
#include "golden/golden.h"

#define BATCH_NORM(X, d)                                                                                                     \
    X(batch_norm_##d##_train, ct_batch_norm(t, x[0], x[1], x[2], x[3], x[4], true, 0.1, 1e-5))                               \
    X(batch_norm_##d##_eval, ct_batch_norm(t, x[0], x[1], x[2], x[3], x[4], false, 0.1, 1e-5))

#define CASES(X)                                                                                                             \
    BATCH_NORM(X, 0d) BATCH_NORM(X, 1d) BATCH_NORM(X, 2d) BATCH_NORM(X, 3d)                                                  \
    X(batch_norm_plain, ct_batch_norm(t, x[0], NULL, NULL, NULL, NULL, true, 0.1, 1e-5))                                     \
    X(batch_norm_momentum, ct_batch_norm(t, x[0], x[1], x[2], NULL, NULL, true, 0.75, 1e-2))                                 \
    X(layer_norm, ct_layer_norm(t, x[0], 1, x[1], x[2], 1e-5))                                                               \
    X(layer_norm_2, ct_layer_norm(t, x[0], 2, x[1], x[2], 1e-5))                                                             \
    X(layer_norm_plain, ct_layer_norm(t, x[0], 1, NULL, NULL, 1e-5))                                                         \
    X(instance_norm, ct_instance_norm(t, x[0], x[1], x[2], 1e-5))                                                            \
    X(instance_norm_plain, ct_instance_norm(t, x[0], NULL, NULL, 1e-5))                                                      \
    X(group_norm, ct_group_norm(t, x[0], 2, x[1], x[2], 1e-5))                                                               \
    X(group_norm_one, ct_group_norm(t, x[0], 1, x[1], x[2], 1e-5))                                                           \
    X(group_norm_plain, ct_group_norm(t, x[0], 3, NULL, NULL, 1e-5))

GOLDEN_TEST(norm, CASES)
