/* The catalogue itself. */
#include "samples.h"

#include "../ops/conv/conv.h"
#include "../ops/elementwise.h"

#define DECLARE(name) extern CT_HIDDEN const ct_op ct_op_##name;
DECLARE(add) DECLARE(sub) DECLARE(mul) DECLARE(div) DECLARE(maximum) DECLARE(minimum) DECLARE(greater) DECLARE(equal)
DECLARE(neg) DECLARE(scale) DECLARE(add_scalar) DECLARE(pow) DECLARE(square) DECLARE(sqrt) DECLARE(exp) DECLARE(log) DECLARE(abs)
DECLARE(sign) DECLARE(erf) DECLARE(clamp) DECLARE(inside) DECLARE(leaky_relu) DECLARE(leaky_step) DECLARE(elu) DECLARE(gelu)
DECLARE(sigmoid) DECLARE(tanh) DECLARE(softplus) DECLARE(above) DECLARE(expand) DECLARE(sum_to) DECLARE(index) DECLARE(index_adjoint)
DECLARE(gather) DECLARE(gather_adjoint) DECLARE(resample) DECLARE(resample_adjoint) DECLARE(avg_pool) DECLARE(avg_pool_adjoint)
DECLARE(reshape) DECLARE(permute) DECLARE(concat) DECLARE(matmul) DECLARE(max) DECLARE(min) DECLARE(max_pool) DECLARE(softmax)
DECLARE(log_softmax) DECLARE(normalize) DECLARE(batch_norm) DECLARE(relu) DECLARE(masked)
DECLARE(mse_loss) DECLARE(l1_loss) DECLARE(smooth_l1_loss) DECLARE(bce_loss) DECLARE(bce_with_logits_loss)

/* ---- functions ----------------------------------------------------------------------- */

/* FUNCTION(name, expression of the tape t, the inputs in[] and the sample's context). */
#define FUNCTION(name, expression)                                                           \
    static ct_tensor *name(ct_tape *t, ct_tensor *const in[], void *context)                 \
    {                                                                                        \
        (void)context;                                                                       \
        return expression;                                                                   \
    }

FUNCTION(f_add, ct_add(t, in[0], in[1]))
FUNCTION(f_sub, ct_sub(t, in[0], in[1]))
FUNCTION(f_mul, ct_mul(t, in[0], in[1]))
FUNCTION(f_div, ct_div(t, in[0], in[1]))
FUNCTION(f_maximum, ct_maximum(t, in[0], in[1]))
FUNCTION(f_minimum, ct_minimum(t, in[0], in[1]))
FUNCTION(f_greater, ct_greater(t, in[0], in[1]))
FUNCTION(f_equal, ct_equal(t, in[0], in[1]))
FUNCTION(f_masked, ct_masked(t, in[0], in[1]))
FUNCTION(f_neg, ct_neg(t, in[0]))
FUNCTION(f_scale, ct_scale(t, in[0], -3))
FUNCTION(f_add_scalar, ct_add_scalar(t, in[0], 2))
FUNCTION(f_pow, ct_pow(t, in[0], 2.5))
FUNCTION(f_square, ct_square(t, in[0]))
FUNCTION(f_sqrt, ct_sqrt(t, in[0]))
FUNCTION(f_exp, ct_exp(t, in[0]))
FUNCTION(f_log, ct_log(t, in[0]))
FUNCTION(f_abs, ct_abs(t, in[0]))
FUNCTION(f_sign, ct_sign(t, in[0]))
FUNCTION(f_erf, ct_erf(t, in[0]))
FUNCTION(f_clamp, ct_clamp(t, in[0], -0.9, 0.9))
FUNCTION(f_inside, ct_inside(t, in[0], -0.9, 0.9))
FUNCTION(f_relu, ct_relu(t, in[0]))
FUNCTION(f_leaky_relu, ct_leaky_relu(t, in[0], 0.2))
FUNCTION(f_leaky_step, ct_leaky_step(t, in[0], 0.2))
FUNCTION(f_elu, ct_elu(t, in[0], 1.3))
FUNCTION(f_gelu, ct_gelu(t, in[0]))
FUNCTION(f_sigmoid, ct_sigmoid(t, in[0]))
FUNCTION(f_tanh, ct_tanh(t, in[0]))
FUNCTION(f_softplus, ct_softplus(t, in[0], 1.5, 20))
FUNCTION(f_above, ct_above(t, in[0], 1, 0.9))
FUNCTION(f_dropout, ct_dropout(t, in[0], 0.4, true, &(ct_random){ .seed = 5 }))
FUNCTION(f_softmax, ct_softmax(t, in[0], 1))
FUNCTION(f_log_softmax, ct_log_softmax(t, in[0], -1))

FUNCTION(f_expand, ct_expand(t, in[0], CT_SHAPE(2, 3, 4)))
FUNCTION(f_sum_to, ct_sum_to(t, in[0], CT_SHAPE(3, 1)))
FUNCTION(f_sum, ct_sum(t, in[0]))
FUNCTION(f_mean, ct_mean_axes(t, in[0], CT_AXES(0, -1), true))
FUNCTION(f_var, ct_var_axes(t, in[0], CT_AXES(1), 1, false))
FUNCTION(f_max, ct_max_axes(t, in[0], CT_AXES(1), false))
FUNCTION(f_min, ct_min_axes(t, in[0], CT_AXES(0, 2), true))
FUNCTION(f_reshape, ct_reshape(t, in[0], CT_SHAPE(4, -1)))
FUNCTION(f_permute, ct_permute(t, in[0], CT_AXES(2, 0, 1)))
FUNCTION(f_concat, ct_concat(t, 3, in, 1))
FUNCTION(f_slice, ct_slice(t, in[0], 1, 1, 5, 2))
FUNCTION(f_slice_adjoint, ct_slice_adjoint(t, in[0], 1, 1, 8, 2))
FUNCTION(f_flip, ct_flip(t, in[0], CT_AXES(0, 1)))
FUNCTION(f_gather, ct_gather(t, in[0], 1, in[1]))
FUNCTION(f_gather_adjoint, ct_gather_adjoint(t, in[0], 1, in[1], 3))
FUNCTION(f_matmul, ct_matmul(t, in[0], in[1], false, false))
FUNCTION(f_matmul_tt, ct_matmul(t, in[0], in[1], true, true))
FUNCTION(f_matmul_nt, ct_matmul(t, in[0], in[1], false, true))
FUNCTION(f_linear, ct_linear(t, in[0], in[1], in[2]))

static const int64_t border[] = { 2, 1, 1, 2 };
FUNCTION(f_pad, ct_pad(t, in[0], 4, border, *(const ct_padding_mode *)context))
FUNCTION(f_pad_adjoint, ct_pad_adjoint(t, in[0], CT_SHAPE(3, 4), 4, border, *(const ct_padding_mode *)context))
static const ct_padding_mode zeros = CT_ZEROS, reflect = CT_REFLECT, replicate = CT_REPLICATE, circular = CT_CIRCULAR;

FUNCTION(f_nearest, ct_upsample_nearest(t, in[0], (int64_t[]){ 5, 3 }))
FUNCTION(f_bilinear, ct_upsample_bilinear(t, in[0], (int64_t[]){ 5, 7 }, false))
FUNCTION(f_corners, ct_upsample_bilinear(t, in[0], (int64_t[]){ 5, 2 }, true))
FUNCTION(f_max_pool1d, ct_max_pool1d(t, in[0], context))
FUNCTION(f_max_pool2d, ct_max_pool2d(t, in[0], context))
FUNCTION(f_max_pool3d, ct_max_pool3d(t, in[0], context))
FUNCTION(f_avg_pool1d, ct_avg_pool1d(t, in[0], context))
FUNCTION(f_avg_pool2d, ct_avg_pool2d(t, in[0], context))
FUNCTION(f_avg_pool3d, ct_avg_pool3d(t, in[0], context))

FUNCTION(f_batch_norm, ct_batch_norm(t, in[0], NULL, NULL, in[1], in[2], true, 0.1, 1e-5))

/* Two channels, one on either side of the kink: normalised values of six are below √6, and weights below 2. */
static ct_tensor *either_side(ct_tape *t, ct_tensor *bias)
{
    ct_tensor *shift = ct_check_zeros(t, bias->dtype, bias->shape);
    for (int64_t i = 0; shift != NULL && i < shift->count; i++)
        ct_check_set(shift, i, i % 2 ? -6 : 6);
    return ct_add(t, bias, shift);
}
FUNCTION(f_batch_norm_leaky, ct_batch_norm_leaky_relu(t, in[0], NULL, NULL, in[1], either_side(t, in[2]), true, 0.1, 1e-5, 0.2))
FUNCTION(f_batch_norm_eval, ct_batch_norm(t, in[0], in[3], in[4], in[1], in[2], false, 0.1, 1e-5))
FUNCTION(f_layer_norm, ct_layer_norm(t, in[0], 2, in[1], in[2], 1e-5))
FUNCTION(f_instance_norm, ct_instance_norm(t, in[0], in[1], in[2], 1e-5))
FUNCTION(f_group_norm, ct_group_norm(t, in[0], 2, in[1], in[2], 1e-5))

FUNCTION(f_mse, ct_mse_loss(t, in[0], in[1], CT_REDUCTION_MEAN))
FUNCTION(f_l1, ct_l1_loss(t, in[0], in[1], CT_REDUCTION_SUM))
FUNCTION(f_smooth_l1, ct_smooth_l1_loss(t, in[0], in[1], 0.9, CT_REDUCTION_MEAN))
FUNCTION(f_bce, ct_bce_loss(t, in[0], in[1], CT_REDUCTION_MEAN))
FUNCTION(f_bce_logits, ct_bce_with_logits_loss(t, in[0], in[1], CT_REDUCTION_MEAN))
FUNCTION(f_nll, ct_nll_loss(t, in[0], in[1], in[2], CT_REDUCTION_MEAN))
FUNCTION(f_cross_entropy, ct_cross_entropy_loss(t, in[0], in[1], NULL, CT_REDUCTION_MEAN))
FUNCTION(f_cross_entropy_soft, ct_cross_entropy_loss(t, in[0], in[1], in[2], CT_REDUCTION_SUM))

FUNCTION(f_conv1d, ct_conv1d(t, in[0], in[1], in[2], context))
FUNCTION(f_conv2d, ct_conv2d(t, in[0], in[1], in[2], context))
FUNCTION(f_conv3d, ct_conv3d(t, in[0], in[1], NULL, context))
FUNCTION(f_transpose1d, ct_conv_transpose1d(t, in[0], in[1], in[2], context))
FUNCTION(f_transpose2d, ct_conv_transpose2d(t, in[0], in[1], in[2], context))
FUNCTION(f_transpose3d, ct_conv_transpose3d(t, in[0], in[1], NULL, context))
FUNCTION(f_weight, ct_conv_weight(t, in[0], in[1], (int64_t[]){ 2, 3 }, context))

/* ---- contexts ------------------------------------------------------------------------ */

#define CONV(name, ...) static const ct_conv_options name = { __VA_ARGS__ };
CONV(plain, .groups = 1)
CONV(inexact, .stride = { 2 }, .padding = { 2 })                   /* the stride does not divide: a last column is not read */
CONV(mixed, .stride = { 2, 3 }, .padding = { 1, 2 }, .dilation = { 2, 1 }, .groups = 2)
CONV(depthwise, .padding = CT_ALL(1), .groups = 3)
CONV(same, .padding_rule = CT_PADDING_SAME, .dilation = { 1, 2 })
CONV(uneven, .stride = { 2, 1 }, .padding_begin = { 0, 2 }, .padding_end = { 1, 0 })
CONV(mirrored, .padding = CT_ALL(1), .padding_mode = CT_REFLECT)
CONV(replicated, .stride = CT_ALL(2), .padding = { 2, 1 }, .padding_mode = CT_REPLICATE)
CONV(circled, .padding_begin = { 1, 2 }, .padding_mode = CT_CIRCULAR)
CONV(over, .padding = CT_ALL(3))                                   /* padding ≥ kernel: whole windows of zeros */
CONV(strided3, .stride = { 1, 2, 1 }, .padding = { 1, 0, 1 })
CONV(stretched, .stride = { 2, 3 }, .padding = { 1, 1 }, .output_padding = { 1, 2 })
CONV(stretched1, .stride = { 3 }, .dilation = { 2 }, .output_padding = { 2 })
CONV(stretched_mixed, .stride = { 2, 3 }, .padding = { 1, 2 }, .dilation = { 2, 1 }, .groups = 2)
CONV(folded_reflect, .stride = CT_ALL(2), .padding = CT_ALL(1), .output_padding = { 1, 0 }, .padding_mode = CT_REFLECT)
CONV(folded_replicate, .padding = CT_ALL(1), .padding_mode = CT_REPLICATE)
CONV(folded_circular, .padding_begin = CT_ALL(1), .padding_mode = CT_CIRCULAR)

#define POOL(name, ...) static const ct_pool_options name = { __VA_ARGS__ };
POOL(pool1, .kernel = { 3 }, .stride = { 2 }, .padding = { 1 })
POOL(pool2, .kernel = { 2, 3 }, .stride = { 2, 1 }, .dilation = { 1, 2 }, .ceil_mode = true)
POOL(cubes, .kernel = { 2, 2, 2 }, .stride = CT_ALL(1))
POOL(average2, .kernel = { 3, 2 }, .stride = { 2, 2 }, .padding = { 1, 1 }, .exclude_pad = true, .ceil_mode = true)
POOL(average3, .kernel = CT_ALL(2), .stride = CT_ALL(1), .padding = CT_ALL(1))

/* ---- the list ------------------------------------------------------------------------ */

#define SHAPE(...) { (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } }
#define REAL(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_REAL }
#define POSITIVE(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_POSITIVE }
#define UNIT(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_UNIT }
#define APART(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_APART }
#define BETWEEN(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_BETWEEN }
#define CLASS(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_CLASS }

/* name, row, function, context, linear inputs, constant inputs, count, inputs */
#define SAMPLE(name_, row, f, context_, linear_, constant_, count, ...)                                                          \
    { .name = name_, .op = &ct_op_##row, .apply = f, .context = context_, .linear = linear_, .constant = constant_, .inputs = count, .in = { __VA_ARGS__ } },
#define ONE(name, row, f, ...) SAMPLE(name, row, f, NULL, 0, 0, 1, __VA_ARGS__)
#define LINEAR(name, row, f, context, ...) SAMPLE(name, row, f, context, 1, 0, 1, __VA_ARGS__)

const ct_sample ct_samples[] = {
    SAMPLE("add", add, f_add, NULL, 3, 0, 2, REAL(2, 3), REAL(3))
    SAMPLE("sub", sub, f_sub, NULL, 3, 0, 2, REAL(2, 1), REAL(1, 3))
    SAMPLE("mul", mul, f_mul, NULL, 3, 0, 2, REAL(2, 3), REAL(2, 1))
    SAMPLE("div", div, f_div, NULL, 1, 0, 2, REAL(2, 3), POSITIVE(3))
    SAMPLE("maximum", maximum, f_maximum, NULL, 0, 0, 2, APART(2, 3), BETWEEN(2, 3))
    SAMPLE("minimum", minimum, f_minimum, NULL, 0, 0, 2, APART(2, 3), BETWEEN(3))
    SAMPLE("greater", greater, f_greater, NULL, 0, 0, 2, APART(2, 3), BETWEEN(2, 3))
    SAMPLE("equal", equal, f_equal, NULL, 0, 0, 2, APART(2, 3), BETWEEN(2, 3))
    SAMPLE("masked", masked, f_masked, NULL, 1, 2, 2, REAL(2, 3), CLASS(2, 3))
    LINEAR("neg", neg, f_neg, NULL, REAL(2, 3))
    LINEAR("scale", scale, f_scale, NULL, REAL(2, 3))
    LINEAR("add_scalar", add_scalar, f_add_scalar, NULL, REAL(2, 3))
    ONE("pow", pow, f_pow, POSITIVE(5))
    ONE("square", square, f_square, REAL(5))
    ONE("sqrt", sqrt, f_sqrt, POSITIVE(5))
    ONE("exp", exp, f_exp, REAL(5))
    ONE("log", log, f_log, POSITIVE(5))
    ONE("abs", abs, f_abs, APART(6))
    ONE("sign", sign, f_sign, APART(6))
    ONE("erf", erf, f_erf, REAL(5))
    ONE("clamp", clamp, f_clamp, APART(10))
    ONE("inside", inside, f_inside, APART(10))
    ONE("relu", relu, f_relu, APART(6))
    ONE("leaky_relu", leaky_relu, f_leaky_relu, APART(6))
    ONE("leaky_step", leaky_step, f_leaky_step, APART(6))
    ONE("elu", elu, f_elu, APART(6))
    ONE("gelu", gelu, f_gelu, REAL(5))
    ONE("sigmoid", sigmoid, f_sigmoid, REAL(5))
    ONE("tanh", tanh, f_tanh, REAL(5))
    ONE("softplus", softplus, f_softplus, REAL(5))
    ONE("above", above, f_above, APART(10))
    { .name = "dropout", .op = &ct_op_mul, .apply = f_dropout, .linear = 1, .inputs = 1, .in = { REAL(3, 4) }, .draws = true },
    ONE("softmax", softmax, f_softmax, REAL(2, 4, 2))
    ONE("log_softmax", log_softmax, f_log_softmax, REAL(2, 4))

    LINEAR("expand", expand, f_expand, NULL, REAL(3, 1))
    LINEAR("sum_to", sum_to, f_sum_to, NULL, REAL(2, 3, 4))
    LINEAR("sum", sum_to, f_sum, NULL, REAL(2, 3))
    LINEAR("mean_axes", sum_to, f_mean, NULL, REAL(2, 3, 4))
    ONE("var_axes", sum_to, f_var, REAL(3, 4))
    ONE("max_axes", max, f_max, APART(3, 4))
    ONE("min_axes", min, f_min, APART(2, 3, 2))
    LINEAR("reshape", reshape, f_reshape, NULL, REAL(2, 6))
    LINEAR("permute", permute, f_permute, NULL, REAL(2, 3, 4))
    SAMPLE("concat", concat, f_concat, NULL, 7, 0, 3, REAL(2, 1), REAL(2, 3), REAL(2, 2))
    LINEAR("slice", index, f_slice, NULL, REAL(2, 6))
    LINEAR("slice_adjoint", index_adjoint, f_slice_adjoint, NULL, REAL(2, 3))
    LINEAR("flip", index, f_flip, NULL, REAL(2, 3))
    LINEAR("pad zeros", index, f_pad, &zeros, REAL(3, 4))
    LINEAR("pad reflect", index, f_pad, &reflect, REAL(3, 4))
    LINEAR("pad replicate", index, f_pad, &replicate, REAL(3, 4))
    LINEAR("pad circular", index, f_pad, &circular, REAL(3, 4))
    LINEAR("pad_adjoint zeros", index_adjoint, f_pad_adjoint, &zeros, REAL(6, 7))
    LINEAR("pad_adjoint reflect", index_adjoint, f_pad_adjoint, &reflect, REAL(6, 7))
    LINEAR("pad_adjoint replicate", index_adjoint, f_pad_adjoint, &replicate, REAL(6, 7))
    LINEAR("pad_adjoint circular", index_adjoint, f_pad_adjoint, &circular, REAL(6, 7))
    SAMPLE("gather", gather, f_gather, NULL, 1, 2, 2, REAL(2, 3), CLASS(2, 5))
    SAMPLE("gather_adjoint", gather_adjoint, f_gather_adjoint, NULL, 1, 2, 2, REAL(2, 5), CLASS(2, 5))
    SAMPLE("matmul", matmul, f_matmul, NULL, 3, 0, 2, REAL(2, 3, 4), REAL(4, 2))
    SAMPLE("matmul aT bT", matmul, f_matmul_tt, NULL, 3, 0, 2, REAL(4, 3), REAL(2, 4))
    SAMPLE("matmul bT", matmul, f_matmul_nt, NULL, 3, 0, 2, REAL(3, 4), REAL(2, 4))
    SAMPLE("linear", matmul, f_linear, NULL, 7, 0, 3, REAL(3, 4), REAL(2, 4), REAL(2))

    LINEAR("upsample_nearest", resample, f_nearest, NULL, REAL(1, 2, 3, 2))
    LINEAR("upsample_bilinear", resample, f_bilinear, NULL, REAL(1, 2, 3, 2))
    LINEAR("upsample_bilinear corners", resample_adjoint, f_corners, NULL, REAL(1, 1, 3, 4))
    SAMPLE("max_pool1d padded", max_pool, f_max_pool1d, &pool1, 0, 0, 1, APART(1, 2, 7))
    SAMPLE("max_pool2d dilated", max_pool, f_max_pool2d, &pool2, 0, 0, 1, APART(1, 1, 4, 7))
    SAMPLE("max_pool3d", max_pool, f_max_pool3d, &cubes, 0, 0, 1, APART(1, 1, 2, 3, 3))
    LINEAR("avg_pool1d", avg_pool, f_avg_pool1d, &pool1, REAL(1, 2, 7))
    LINEAR("avg_pool2d", avg_pool, f_avg_pool2d, &average2, REAL(1, 2, 4, 5))
    LINEAR("avg_pool3d", avg_pool_adjoint, f_avg_pool3d, &average3, REAL(1, 1, 2, 3, 2))

    SAMPLE("batch_norm", batch_norm, f_batch_norm, NULL, 0, 0, 3, REAL(3, 2, 2), REAL(2), REAL(2))
    SAMPLE("batch_norm leaky_relu", batch_norm, f_batch_norm_leaky, NULL, 0, 0, 3, REAL(3, 2, 2), POSITIVE(2), APART(2))
    SAMPLE("batch_norm eval", pow, f_batch_norm_eval, NULL, 15, 0, 5, REAL(2, 2, 2), REAL(2), REAL(2), REAL(2), POSITIVE(2))
    SAMPLE("layer_norm", normalize, f_layer_norm, NULL, 0, 0, 3, REAL(2, 2, 3), REAL(2, 3), REAL(2, 3))
    SAMPLE("instance_norm", normalize, f_instance_norm, NULL, 0, 0, 3, REAL(2, 2, 5), REAL(2), REAL(2))
    SAMPLE("group_norm", normalize, f_group_norm, NULL, 0, 0, 3, REAL(2, 4, 3), REAL(4), REAL(4))

    SAMPLE("mse_loss", mse_loss, f_mse, NULL, 0, 0, 2, REAL(2, 3), REAL(2, 3))
    SAMPLE("l1_loss", l1_loss, f_l1, NULL, 0, 0, 2, APART(2, 3), BETWEEN(2, 3))
    SAMPLE("smooth_l1_loss", smooth_l1_loss, f_smooth_l1, NULL, 0, 0, 2, APART(8), BETWEEN(8))
    SAMPLE("bce_loss", bce_loss, f_bce, NULL, 2, 0, 2, UNIT(2, 3), UNIT(2, 3))
    SAMPLE("bce_with_logits_loss", bce_with_logits_loss, f_bce_logits, NULL, 2, 0, 2, REAL(2, 3), UNIT(2, 3))
    SAMPLE("nll_loss", gather, f_nll, NULL, 1, 2, 3, REAL(4, 3), CLASS(4), POSITIVE(3))
    SAMPLE("cross_entropy_loss", log_softmax, f_cross_entropy, NULL, 0, 2, 2, REAL(2, 3, 2), CLASS(2, 2))
    SAMPLE("cross_entropy_loss soft", log_softmax, f_cross_entropy_soft, NULL, 6, 0, 3, REAL(2, 3), UNIT(2, 3), POSITIVE(3))

    /* x, weight, bias: affine in each, the others fixed */
    SAMPLE("conv1d", conv, f_conv1d, &plain, 7, 0, 3, REAL(2, 2, 6), REAL(3, 2, 3), REAL(3))
    SAMPLE("conv1d stride 2 padding 2", conv, f_conv1d, &inexact, 7, 0, 3, REAL(1, 2, 6), REAL(2, 2, 3), REAL(2))
    SAMPLE("conv1d unbatched", conv, f_conv1d, &plain, 7, 0, 3, REAL(2, 5), REAL(1, 2, 1), REAL(1))
    SAMPLE("conv2d stride, padding, dilation, groups", conv, f_conv2d, &mixed, 7, 0, 3, REAL(1, 2, 5, 4), REAL(4, 1, 2, 3), REAL(4))
    SAMPLE("conv2d depthwise", conv, f_conv2d, &depthwise, 7, 0, 3, REAL(1, 3, 3, 4), REAL(3, 1, 3, 2), REAL(3))
    SAMPLE("conv2d same", conv, f_conv2d, &same, 7, 0, 3, REAL(1, 1, 4, 5), REAL(2, 1, 2, 3), REAL(2))
    SAMPLE("conv2d uneven padding", conv, f_conv2d, &uneven, 7, 0, 3, REAL(2, 1, 4, 3), REAL(1, 1, 3, 3), REAL(1))
    SAMPLE("conv2d padding over kernel", conv, f_conv2d, &over, 7, 0, 3, REAL(1, 1, 2, 1), REAL(1, 1, 2, 2), REAL(1))
    SAMPLE("conv2d reflect", conv, f_conv2d, &mirrored, 7, 0, 3, REAL(1, 1, 3, 4), REAL(2, 1, 3, 2), REAL(2))
    SAMPLE("conv2d replicate", conv, f_conv2d, &replicated, 7, 0, 3, REAL(1, 1, 3, 4), REAL(1, 1, 3, 2), REAL(1))
    SAMPLE("conv2d circular", conv, f_conv2d, &circled, 7, 0, 3, REAL(1, 1, 3, 4), REAL(1, 1, 2, 3), REAL(1))
    SAMPLE("conv3d", conv, f_conv3d, &strided3, 3, 0, 2, REAL(1, 1, 2, 3, 3), REAL(2, 1, 2, 1, 2))
    SAMPLE("conv_transpose1d", conv_transpose, f_transpose1d, &plain, 7, 0, 3, REAL(2, 2, 4), REAL(2, 3, 3), REAL(3))
    SAMPLE("conv_transpose1d stride 3 dilation 2 output_padding 2", conv_transpose, f_transpose1d, &stretched1, 7, 0, 3, REAL(1, 2, 3),
           REAL(2, 1, 2), REAL(1))
    SAMPLE("conv_transpose2d output_padding", conv_transpose, f_transpose2d, &stretched, 7, 0, 3, REAL(1, 2, 2, 3), REAL(2, 1, 3, 3),
           REAL(1))
    SAMPLE("conv_transpose2d stride, padding, dilation, groups", conv_transpose, f_transpose2d, &stretched_mixed, 7, 0, 3,
           REAL(1, 2, 3, 2), REAL(2, 2, 2, 3), REAL(4))
    SAMPLE("conv_transpose2d reflect", conv_transpose, f_transpose2d, &folded_reflect, 7, 0, 3, REAL(1, 1, 2, 3), REAL(1, 1, 3, 3),
           REAL(1))
    SAMPLE("conv_transpose2d replicate", conv_transpose, f_transpose2d, &folded_replicate, 7, 0, 3, REAL(1, 1, 3, 3), REAL(1, 2, 2, 3),
           REAL(2))
    SAMPLE("conv_transpose2d circular", conv_transpose, f_transpose2d, &folded_circular, 7, 0, 3, REAL(1, 1, 3, 3), REAL(1, 1, 2, 3),
           REAL(1))
    SAMPLE("conv_transpose3d", conv_transpose, f_transpose3d, &strided3, 3, 0, 2, REAL(1, 2, 2, 2, 2), REAL(2, 1, 2, 1, 2))
    SAMPLE("conv_weight", conv_weight, f_weight, &plain, 3, 0, 2, REAL(2, 1, 3, 4), REAL(2, 2, 2, 2))
};
const int ct_sample_count = sizeof ct_samples / sizeof *ct_samples;
