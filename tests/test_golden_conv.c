/* Convolutions of 1 to 3 axes against PyTorch. */
#include "golden/golden.h"

#define OPTIONS(...) (&(ct_conv_options){ __VA_ARGS__ })
#define RANK(X, d)                                                                                                           \
    X(conv##d, ct_conv##d(t, x[0], x[1], x[2], NULL))                                                                        \
    X(conv##d##_unbatched, ct_conv##d(t, x[0], x[1], x[2], NULL))                                                            \
    X(conv##d##_options, ct_conv##d(t, x[0], x[1], x[2], OPTIONS(.stride = CT_ALL(2), .padding = CT_ALL(1),                  \
                                                                 .dilation = { 2, 1, 1 }, .groups = 2)))                     \
    X(conv##d##_depthwise, ct_conv##d(t, x[0], x[1], NULL, OPTIONS(.stride = { 2, 1, 2 }, .padding = { 0, 1, 1 },            \
                                                                   .groups = 3)))                                            \
    X(conv##d##_same, ct_conv##d(t, x[0], x[1], NULL, OPTIONS(.padding_rule = CT_PADDING_SAME)))                             \
    X(conv_transpose##d, ct_conv_transpose##d(t, x[0], x[1], x[2], NULL))                                                    \
    X(conv_transpose##d##_unbatched, ct_conv_transpose##d(t, x[0], x[1], x[2], NULL))                                        \
    X(conv_transpose##d##_options,                                                                                           \
      ct_conv_transpose##d(t, x[0], x[1], x[2], OPTIONS(.stride = { 3, 2, 2 }, .padding = CT_ALL(1),                         \
                                                        .output_padding = CT_ALL(1), .dilation = { 1, 2, 1 }, .groups = 2))) \
    X(conv_transpose##d##_depthwise,                                                                                         \
      ct_conv_transpose##d(t, x[0], x[1], NULL, OPTIONS(.stride = CT_ALL(2), .padding = { 0, 1, 1 }, .groups = 3)))
#define MODE(X, name, mode)                                                                                                  \
    X(conv2d_##name, ct_conv2d(t, x[0], x[1], NULL, OPTIONS(.padding = { 2, 1 }, .padding_mode = mode)))                     \
    X(conv_transpose2d_##name, ct_conv_transpose2d(t, x[0], x[1], NULL, OPTIONS(.padding = { 2, 1 }, .padding_mode = mode)))

#define CASES(X)                                                                                                             \
    RANK(X, 1d) RANK(X, 2d) RANK(X, 3d)                                                                                      \
    X(conv2d_1x1, ct_conv2d(t, x[0], x[1], NULL, NULL))                                                                      \
    X(conv2d_dcgan, ct_conv2d(t, x[0], x[1], NULL, OPTIONS(.stride = CT_ALL(2), .padding = CT_ALL(1))))                      \
    X(conv2d_whole, ct_conv2d(t, x[0], x[1], NULL, NULL))                                                                    \
    X(conv2d_3x3, ct_conv2d(t, x[0], x[1], NULL, OPTIONS(.padding = CT_ALL(1))))                                             \
    X(conv_transpose2d_dcgan,                                                                                                \
      ct_conv_transpose2d(t, x[0], x[1], NULL, OPTIONS(.stride = CT_ALL(2), .padding = CT_ALL(1))))                          \
    X(conv_transpose2d_project, ct_conv_transpose2d(t, x[0], x[1], NULL, NULL))                                              \
    X(conv_transpose2d_output_size,                                                                                          \
      ct_conv_transpose2d(t, x[0], x[1], NULL, OPTIONS(.stride = CT_ALL(3), .padding = CT_ALL(1), .output_size = { 9, 10 }))) \
    X(conv_transpose2d_dilation_padding,                                                                                     \
      ct_conv_transpose2d(t, x[0], x[1], NULL,                                                                               \
                          OPTIONS(.padding = CT_ALL(1), .output_padding = CT_ALL(1), .dilation = CT_ALL(2))))                \
    X(conv2d_asymmetric, ct_conv2d(t, x[0], x[1], NULL, OPTIONS(.stride = CT_ALL(2), .padding_begin = { 1, 0 },              \
                                                                .padding_end = { 0, 2 })))                                   \
    MODE(X, reflect, CT_REFLECT) MODE(X, replicate, CT_REPLICATE) MODE(X, circular, CT_CIRCULAR)                             \
    X(conv_weight, ct_conv_weight(t, x[0], x[1], (int64_t[]){ 3, 2 },                                                        \
                                  OPTIONS(.stride = { 2, 1 }, .padding = CT_ALL(1), .dilation = { 1, 2 }, .groups = 2)))

GOLDEN_TEST(conv, CASES)
