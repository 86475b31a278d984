/* Ops that move values, and matrix products, against PyTorch. */
#include "golden/golden.h"

#define PAD(...) (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ }
#define PADS(X, name, mode)                                                                                                  \
    X(pad_##name, ct_pad(t, x[0], PAD(2, 1, 1, 2), mode))                                                                    \
    X(pad_adjoint_##name, ct_pad_adjoint(t, x[0], CT_SHAPE(1, 2, 3, 4), PAD(2, 1, 1, 2), mode))                              \
    X(pad_##name##_1d, ct_pad(t, x[0], PAD(2, 2), mode))

#define CASES(X)                                                                                                             \
    X(reshape, ct_reshape(t, x[0], CT_SHAPE(4, -1)))                                                                         \
    X(flatten, ct_flatten(t, x[0], 1, -1))                                                                                   \
    X(flatten_middle, ct_flatten(t, x[0], 1, 2))                                                                             \
    X(permute, ct_permute(t, x[0], CT_AXES(2, 0, 3, 1)))                                                                     \
    X(transpose, ct_transpose(t, x[0], 0, -1))                                                                               \
    X(concat, ct_concat(t, 3, x, 1))                                                                                         \
    X(concat_itself, ct_concat(t, 2, (ct_tensor *[]){ x[0], x[0] }, -1))                                                     \
    X(slice, ct_slice(t, x[0], 1, 1, 6, 2))                                                                                  \
    X(slice_negative, ct_slice(t, x[0], 0, -3, -1, 1))                                                                       \
    X(slice_adjoint, ct_slice_adjoint(t, x[0], 1, 1, 7, 2))                                                                  \
    X(flip, ct_flip(t, x[0], CT_AXES(0, 2)))                                                                                 \
    X(pad_zeros, ct_pad(t, x[0], PAD(1, 2, 0, 3), CT_ZEROS))                                                                 \
    X(pad_crop, ct_pad(t, x[0], PAD(-1, 2, 1, -2), CT_ZEROS))                                                                \
    PADS(X, reflect, CT_REFLECT) PADS(X, replicate, CT_REPLICATE) PADS(X, circular, CT_CIRCULAR)                             \
    X(pad_adjoint_zeros, ct_pad_adjoint(t, x[0], CT_SHAPE(2, 3, 4), PAD(1, 2, 0, 3), CT_ZEROS))                              \
    X(gather, ct_gather(t, x[0], 1, x[1]))                                                                                   \
    X(gather_adjoint, ct_gather_adjoint(t, x[0], 1, x[1], 3))                                                                \
    X(matmul, ct_matmul(t, x[0], x[1], false, false))                                                                        \
    X(matmul_ta, ct_matmul(t, x[0], x[1], true, false))                                                                      \
    X(matmul_tb, ct_matmul(t, x[0], x[1], false, true))                                                                      \
    X(matmul_tatb, ct_matmul(t, x[0], x[1], true, true))                                                                     \
    X(matmul_batch, ct_matmul(t, x[0], x[1], false, false))                                                                  \
    X(matmul_broadcast, ct_matmul(t, x[0], x[1], false, false))                                                              \
    X(matmul_broadcast_tb, ct_matmul(t, x[0], x[1], false, true))                                                            \
    X(linear, ct_linear(t, x[0], x[1], x[2]))                                                                                \
    X(linear_3d, ct_linear(t, x[0], x[1], x[2]))                                                                             \
    X(linear_vector, ct_linear(t, x[0], x[1], x[2]))                                                                         \
    X(linear_no_bias, ct_linear(t, x[0], x[1], NULL))

GOLDEN_TEST(move, CASES)
