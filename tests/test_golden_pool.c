/* Pooling and upsampling against PyTorch. */
#include "golden/golden.h"

#define OPTIONS(...) (&(ct_pool_options){ __VA_ARGS__ })
#define SIZE(...) ((int64_t[]){ __VA_ARGS__ })
#define THREE .kernel = CT_ALL(3), .stride = CT_ALL(2), .padding = CT_ALL(1)

#define POOLS(X, d)                                                                                                          \
    X(max_pool##d, ct_max_pool##d(t, x[0], OPTIONS(.kernel = CT_ALL(2))))                                                    \
    X(max_pool##d##_options, ct_max_pool##d(t, x[0], OPTIONS(THREE, .ceil_mode = true)))                                     \
    X(max_pool##d##_dilation, ct_max_pool##d(t, x[0], OPTIONS(.kernel = CT_ALL(2), .stride = CT_ALL(1), .dilation = CT_ALL(2)))) \
    X(max_pool##d##_unbatched, ct_max_pool##d(t, x[0], OPTIONS(.kernel = CT_ALL(2))))                                        \
    X(avg_pool##d, ct_avg_pool##d(t, x[0], OPTIONS(.kernel = CT_ALL(2))))                                                    \
    X(avg_pool##d##_options, ct_avg_pool##d(t, x[0], OPTIONS(THREE, .ceil_mode = true)))                                     \
    X(avg_pool##d##_exclude_pad, ct_avg_pool##d(t, x[0], OPTIONS(THREE, .exclude_pad = true)))                               \
    X(avg_pool##d##_unbatched, ct_avg_pool##d(t, x[0], OPTIONS(.kernel = CT_ALL(2))))
#define UPSAMPLE(X, tail, corners)                                                                                           \
    X(upsample_linear##tail, ct_upsample_bilinear(t, x[0], SIZE(7), corners))                                                \
    X(upsample_bilinear##tail, ct_upsample_bilinear(t, x[0], SIZE(6, 3), corners))                                           \
    X(upsample_trilinear##tail, ct_upsample_bilinear(t, x[0], SIZE(4, 3, 5), corners))

#define CASES(X)                                                                                                             \
    POOLS(X, 1d) POOLS(X, 2d) POOLS(X, 3d)                                                                                   \
    X(max_pool2d_ties, ct_max_pool2d(t, x[0], OPTIONS(.kernel = CT_ALL(3), .stride = CT_ALL(1))))                            \
    X(upsample_nearest1d, ct_upsample_nearest(t, x[0], SIZE(7)))                                                             \
    X(upsample_nearest2d, ct_upsample_nearest(t, x[0], SIZE(6, 5)))                                                          \
    X(upsample_nearest3d, ct_upsample_nearest(t, x[0], SIZE(4, 3, 2)))                                                       \
    UPSAMPLE(X, , false) UPSAMPLE(X, _corners, true)

GOLDEN_TEST(pool, CASES)
