/* Convolutions: one trilinear form, three maps, 1-D to 3-D in one code.
 *
 *     T(x, w, y) = Σ  y[n, o, q] · w[o, c, k] · x[n, c, q·stride − padding + k·dilation]
 *
 * conv contracts (x, w) to y, conv_transpose (y, w) to x, conv_weight (x, y) to w. Each is the adjoint of the
 * others in its slot, and every derivative of any order is one of the three again.
 */
#ifndef COTANGENT_CONV_H
#define COTANGENT_CONV_H

#include <cotangent/ops.h>

#define CT_MAX_SPATIAL 3

/* The same value for every spatial axis: .stride = CT_ALL(2). Entries beyond the rank are ignored. */
#define CT_ALL(value) { (value), (value), (value) }

typedef enum ct_padding_rule {
    CT_PADDING_GIVEN = 0, /* the numbers in the options */
    CT_PADDING_SAME,      /* y has x's extent; stride 1; an odd total puts the extra one at the end */
    CT_PADDING_VALID      /* none */
} ct_padding_rule;

typedef enum ct_algorithm {
    CT_ALGORITHM_AUTO = 0, /* by a cost function of the shape; the environment's CT_ALGORITHM decides when set */
    CT_ALGORITHM_REFERENCE, /* plain loops, float64 sums: the oracle */
    CT_ALGORITHM_COLUMNS,   /* columns + OpenBLAS */
    CT_ALGORITHM_DIRECT,    /* packed and depthwise kernels */
    CT_ALGORITHM_BILINEAR   /* Winograd/Toom–Cook: float32, not stride and dilation along one axis */
} ct_algorithm;

/* 0 means the default everywhere: stride 1, padding 0, dilation 1, groups 1. One entry a spatial axis. */
typedef struct ct_conv_options {
    int64_t stride[CT_MAX_SPATIAL];
    int64_t padding[CT_MAX_SPATIAL];        /* at both ends */
    int64_t padding_begin[CT_MAX_SPATIAL];  /* added to padding at the beginning only */
    int64_t padding_end[CT_MAX_SPATIAL];    /* added to padding at the end only */
    int64_t output_padding[CT_MAX_SPATIAL]; /* conv_transpose only */
    int64_t output_size[CT_MAX_SPATIAL];    /* conv_transpose only: chooses output_padding; 0: not given */
    int64_t dilation[CT_MAX_SPATIAL];
    int64_t groups;
    ct_padding_rule padding_rule;
    ct_padding_mode padding_mode; /* zeros, reflect, replicate, circular; conv_transpose folds the border back */
    ct_algorithm algorithm;
} ct_conv_options;

/* y = C(w) x + b. x (N, C, i…) or unbatched (C, i…); weight (O, C/groups, k…); bias (O) or NULL; options may be NULL.
 * With e = dilation·(k − 1) + 1: o = ⌊(i + 2·padding − e) / stride⌋ + 1. */
CT_API ct_tensor *ct_conv1d(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_options *options);
CT_API ct_tensor *ct_conv2d(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_options *options);
CT_API ct_tensor *ct_conv3d(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_conv_options *options);

/* x = C(w)ᵀ y + b. y (N, O, o…) or unbatched; weight (O, C/groups, k…): a conv's weight taken as it is, whose y is our input.
 * bias (C) or NULL. i = (o − 1)·stride − 2·padding + e + output_padding, 0 ≤ output_padding < max(stride, dilation). */
CT_API ct_tensor *ct_conv_transpose1d(ct_tape *tape, ct_tensor *y, ct_tensor *weight, ct_tensor *bias,
                                      const ct_conv_options *options);
CT_API ct_tensor *ct_conv_transpose2d(ct_tape *tape, ct_tensor *y, ct_tensor *weight, ct_tensor *bias,
                                      const ct_conv_options *options);
CT_API ct_tensor *ct_conv_transpose3d(ct_tape *tape, ct_tensor *y, ct_tensor *weight, ct_tensor *bias,
                                      const ct_conv_options *options);

/* The third map: w[o, c, k] = Σ y x, of shape (O, C/groups, k…), for a kernel of the given extents (one a spatial axis). It is a
 * conv's weight gradient when y is the output's cotangent. x and y are batched. */
CT_API ct_tensor *ct_conv_weight(ct_tape *tape, ct_tensor *x, ct_tensor *y, const int64_t kernel[],
                                 const ct_conv_options *options);

/* ---- the form itself ---------------------------------------------------------------- */

/* All that the three maps need to know: every extent is stored, so no derivative derives one anew. Axes in front are filled
 * with extent 1 (stride 1, padding 0, dilation 1) up to three. */
typedef struct ct_conv_form {
    int64_t batch;                                        /* N */
    int64_t groups;
    int64_t x_channels, y_channels;                       /* C and O, of all groups together */
    int64_t x[CT_MAX_SPATIAL], k[CT_MAX_SPATIAL], y[CT_MAX_SPATIAL];
    int64_t stride[CT_MAX_SPATIAL], padding[CT_MAX_SPATIAL], dilation[CT_MAX_SPATIAL];
    int rank;                                             /* 1 … 3 spatial axes */
    ct_algorithm algorithm;
} ct_conv_form;

typedef enum ct_conv_map { CT_MAP_CONV, CT_MAP_TRANSPOSE, CT_MAP_WEIGHT, CT_MAPS } ct_conv_map;

/* The algorithm that computes a map of a form, and what the choice weighed: each algorithm's estimated time in nanoseconds on one
 * core with AVX-512, by the shape alone (never the threads); infinity where it cannot do the form. The form's algorithm decides when it
 * is not AUTO, then the environment's CT_ALGORITHM (auto, reference, columns, direct, bilinear); one that cannot do the form gives way
 * to columns, which can do all. */
typedef struct ct_conv_choice {
    ct_algorithm algorithm;
    double nanoseconds[CT_ALGORITHM_BILINEAR + 1]; /* by ct_algorithm; that of AUTO is the choice's */
} ct_conv_choice;

CT_API ct_conv_choice ct_conv_choose(const ct_conv_form *form, ct_conv_map map, ct_dtype dtype);

/* ---- pooling and upsampling --------------------------------------------------------- */

/* x (N, C, …) or (C, …) with 1 to 3 spatial axes. kernel, stride: one entry an axis; stride 0 means kernel, dilation 0 means 1. */
typedef struct ct_pool_options {
    int64_t kernel[CT_MAX_SPATIAL], stride[CT_MAX_SPATIAL], padding[CT_MAX_SPATIAL], dilation[CT_MAX_SPATIAL];
    bool ceil_mode;
    bool exclude_pad; /* avg_pool: divide by the values that are there; PyTorch's count_include_pad = !exclude_pad */
} ct_pool_options;

/* padding ≤ kernel/2, of −∞. The first of equal maxima gets the gradient. NaN propagates. */
CT_API ct_tensor *ct_max_pool1d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options);
CT_API ct_tensor *ct_max_pool2d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options);
CT_API ct_tensor *ct_max_pool3d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options);
CT_API ct_tensor *ct_avg_pool1d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options);
CT_API ct_tensor *ct_avg_pool2d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options);
CT_API ct_tensor *ct_avg_pool3d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options);

/* x (N, C, …) to the given spatial extents (one an axis), as torch.nn.functional.interpolate(size=…).
 * nearest: source ⌊j · in/out⌋. bilinear: linear along each of 1 to 3 axes. */
CT_API ct_tensor *ct_upsample_nearest(ct_tape *tape, ct_tensor *x, const int64_t size[]);
CT_API ct_tensor *ct_upsample_bilinear(ct_tape *tape, ct_tensor *x, const int64_t size[], bool align_corners);

#endif
