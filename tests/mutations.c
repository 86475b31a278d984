/* The mutations. Most have the right forward and a derivative that is the right one, spoiled; some compute something else
 * consistently, which no comparison of derivatives with differences can see. */
#include <math.h>

#include "mutations.h"
#include "wrong.h"

/* ---- convolutions ---------------------------------------------------------------------- */

static const ct_conv_options strided = { .stride = CT_ALL(2), .padding = CT_ALL(1) }, padded = { .padding = CT_ALL(1) },
                             dilated = { .dilation = CT_ALL(2) }, grouped = { .groups = 2 }, uneven = { .stride = { 2, 1 } },
                             lopsided = { .padding_begin = { 0, 2 }, .padding_end = { 1, 0 } }, tall = { .stride = CT_ALL(2), .padding = CT_ALL(1), .output_padding = CT_ALL(1) };
RIGHT(conv_strided, ct_conv2d(t, in[0], in[1], NULL, &strided))
RIGHT(conv_padded, ct_conv2d(t, in[0], in[1], NULL, &padded))
RIGHT(conv_dilated, ct_conv2d(t, in[0], in[1], NULL, &dilated))
RIGHT(conv_grouped, ct_conv2d(t, in[0], in[1], NULL, &grouped))
RIGHT(conv_uneven, ct_conv2d(t, in[0], in[1], NULL, &uneven))
RIGHT(conv_lopsided, ct_conv2d(t, in[0], in[1], NULL, &lopsided))
RIGHT(conv_bias, ct_conv2d(t, in[0], in[1], in[2], &padded))
RIGHT(transposed_tall, ct_conv_transpose2d(t, in[0], in[1], NULL, &tall))
RIGHT(transposed_plain, ct_conv_transpose2d(t, in[0], in[1], NULL, &padded))

static ct_tensor *conv_dx(ct_tape *t, ct_tensor *g, ct_tensor *w, ct_conv_options options, const ct_tensor *x)
{
    options.output_size[0] = ct_tensor_size(x, 2), options.output_size[1] = ct_tensor_size(x, 3);
    return ct_conv_transpose2d(t, g, w, NULL, &options);
}

static ct_tensor *conv_dw(ct_tape *t, ct_tensor *x, ct_tensor *g, ct_conv_options options, const ct_tensor *w)
{
    return ct_conv_weight(t, x, g, (int64_t[]){ ct_tensor_size(w, 2), ct_tensor_size(w, 3) }, &options);
}

BACK(conv_sign, conv_padded, 2, operand == 0 ? ct_neg(t, r) : r)
BACK(conv_no_flip, conv_padded, 2, operand == 0 ? conv_dx(t, g, ct_flip(t, in[1], CT_AXES(2, 3)), padded, in[0]) : r)
BACK(conv_shifted, conv_padded, 2, operand == 0 ? shift(t, r) : r)
BACK(conv_weight_shifted, conv_padded, 2, operand == 1 ? shift(t, r) : r)
BACK(conv_border, conv_padded, 2, operand == 0 ? without_edge(t, r, false) : r)
BACK(conv_unread_column, conv_strided, 2, operand == 0 ? ct_add(t, r, ct_scale(t, ct_sub(t, r, without_edge(t, r, true)), 1e-3)) : r)
BACK(conv_stride_ignored, conv_strided, 2,
     operand == 1 ? ct_flip(t, conv_dw(t, in[0], g, strided, in[1]), CT_AXES(2)) : r)
BACK(conv_strides_swapped, conv_uneven, 2, operand == 1 ? ct_transpose(t, r, 2, 3) : r)
BACK(conv_dilation_ignored, conv_dilated, 2,
     operand == 1 ? conv_dw(t, ct_slice(t, ct_slice(t, in[0], 2, 0, -2, 1), 3, 0, -2, 1), g, (ct_conv_options){ 0 }, in[1]) : r)
BACK(conv_groups_swapped, conv_grouped, 2, operand == 0 ? ct_flip(t, r, CT_AXES(1)) : r)
BACK(conv_group_of_first, conv_grouped, 2,
     operand == 1 ? ct_concat(t, 2, (ct_tensor *[]){ ct_slice(t, r, 0, 0, 1, 1), ct_slice(t, r, 0, 0, 1, 1) }, 0) : r)
BACK(conv_padding_ends_swapped, conv_lopsided, 2, operand == 0 ? ct_flip(t, conv_dx(t, ct_flip(t, g, CT_AXES(3)), in[1], lopsided, in[0]), CT_AXES(3)) : r)
BACK(conv_last_sample_lost, conv_padded, 2, operand == 1 ? conv_dw(t, in[0], without_last_sample(t, g), padded, in[1]) : r)
BACK(conv_bias_mean, conv_bias, 3, operand == 2 ? ct_scale(t, r, 0.5) : r)
BACK(conv_odd_only, conv_padded, 2, operand == 0 && ct_tensor_size(in[0], 3) % 2 ? shift(t, r) : r)
BACK(conv_one_element, conv_padded, 2, operand == 1 ? spoil(t, r, -1, 1 + 1e-6) : r)
BACK(conv_detached_weight, conv_padded, 2, operand == 0 ? conv_dx(t, g, ct_detach(t, in[1]), padded, in[0]) : r)
BACK(conv_detached_input, conv_padded, 2, operand == 1 ? conv_dw(t, ct_detach(t, in[0]), g, padded, in[1]) : r)
BACK(transposed_row_lost, transposed_tall, 2, operand == 1 ? right_vjp(t, transposed_tall, call, 1, without_edge(t, g, true)) : r)
BACK(transposed_slots_swapped, transposed_plain, 2, operand == 1 ? ct_transpose(t, r, 2, 3) : r)
WRONG(conv_forward_mode, conv_padded, 2, r, operand == 1 ? ct_scale(t, r, 2) : r)

/* Consistent forwards. */
static ct_tensor *without_last_tap(ct_tape *t, ct_tensor *w) { return without_edge(t, w, true); }
RIGHT(conv_tap_dropped, ct_conv2d(t, in[0], without_last_tap(t, in[1]), NULL, &padded))
RIGHT(conv_convolves, ct_conv2d(t, in[0], ct_flip(t, in[1], CT_AXES(2, 3)), NULL, &padded))
RIGHT(conv_padding_of_zeros, ct_conv2d(t, in[0], in[1], NULL, &padded))
static const ct_conv_options mirrored = { .padding = CT_ALL(1), .padding_mode = CT_REFLECT };
RIGHT(conv_mirrored, ct_conv2d(t, in[0], in[1], NULL, &mirrored))
RIGHT(transposed_edge_zero, without_edge(t, ct_conv_transpose2d(t, in[0], in[1], NULL, &tall), true))

/* ---- transposes claimed of linear functions -------------------------------------------- */

static ct_tensor *kernel(ct_tape *t, ct_dtype dtype, int64_t out, int64_t in)
{
    ct_tensor *w = ct_tape_tensor(t, dtype, CT_SHAPE(out, in, 3, 2));
    for (int64_t i = 0; w != NULL && i < ct_tensor_count(w); i++)
        ct_check_set(w, i, (double)(i * 5 % 7 - 3));
    return w;
}
#define W(out, in_) kernel(t, ct_tensor_dtype(in[0]), out, in_)
static const ct_conv_options down = { .stride = CT_ALL(2), .padding = CT_ALL(1) }, up = { .stride = CT_ALL(2), .padding = CT_ALL(1), .output_size = { 6, 5 } },
                             up_shifted = { .stride = CT_ALL(2), .padding_begin = { 1, 2 }, .padding_end = { 1, 0 }, .output_size = { 6, 5 } },
                             one_group = { .groups = 2, .padding = CT_ALL(1) };
RIGHT(linear_conv, ct_conv2d(t, in[0], W(2, 1), NULL, &down))
RIGHT(linear_conv_t, ct_conv_transpose2d(t, in[0], W(2, 1), NULL, &up))
RIGHT(adjoint_no_flip, ct_conv_transpose2d(t, in[0], ct_flip(t, W(2, 1), CT_AXES(2, 3)), NULL, &up))
RIGHT(adjoint_shifted, ct_conv_transpose2d(t, in[0], W(2, 1), NULL, &up_shifted))
RIGHT(adjoint_edge_lost, without_edge(t, ct_conv_transpose2d(t, in[0], W(2, 1), NULL, &up), true))
RIGHT(linear_groups, ct_conv2d(t, in[0], W(2, 1), NULL, &one_group))
RIGHT(linear_groups_t, ct_conv_transpose2d(t, in[0], W(2, 1), NULL, &one_group))
RIGHT(adjoint_groups_swapped, ct_flip(t, ct_conv_transpose2d(t, in[0], W(2, 1), NULL, &one_group), CT_AXES(1)))
static const int64_t ring[] = { 1, 1, 2, 1 };
RIGHT(pad_mirrored, ct_pad(t, in[0], 4, ring, CT_REFLECT))
RIGHT(pad_mirrored_t, ct_pad_adjoint(t, in[0], CT_SHAPE(3, 4), 4, ring, CT_REFLECT))
RIGHT(adjoint_replicates, ct_pad_adjoint(t, in[0], CT_SHAPE(3, 4), 4, ring, CT_REPLICATE))
RIGHT(adjoint_crops, ct_pad_adjoint(t, in[0], CT_SHAPE(3, 4), 4, ring, CT_ZEROS))

/* ---- elementwise ------------------------------------------------------------------------ */

RIGHT(f_tanh, ct_tanh(t, in[0]))
RIGHT(f_sigmoid, ct_sigmoid(t, in[0]))
RIGHT(f_leaky, ct_leaky_relu(t, in[0], 0.2))
RIGHT(f_gelu, ct_gelu(t, in[0]))
RIGHT(f_sqrt, ct_sqrt(t, in[0]))
RIGHT(f_log, ct_log(t, in[0]))
RIGHT(f_erf, ct_erf(t, in[0]))
RIGHT(f_exp, ct_exp(t, in[0]))
RIGHT(f_elu, ct_elu(t, in[0], 1.3))
RIGHT(f_softplus, ct_softplus(t, in[0], 1.5, 20))
RIGHT(f_pow, ct_pow(t, in[0], 2.5))
RIGHT(f_div, ct_div(t, in[0], in[1]))
RIGHT(f_maximum, ct_maximum(t, in[0], in[1]))
RIGHT(f_clamp, ct_clamp(t, in[0], -0.9, 0.9))
RIGHT(f_add, ct_add(t, in[0], in[1]))

BOTH(tanh_unsquared, f_tanh, 1, ct_mul(t, g, ct_add_scalar(t, ct_neg(t, y), 1)))
BOTH(sigmoid_of_input, f_sigmoid, 1, ct_mul(t, g, ct_mul(t, in[0], ct_add_scalar(t, ct_neg(t, in[0]), 1))))
BOTH(leaky_default_slope, f_leaky, 1, ct_mul(t, g, ct_add_scalar(t, ct_scale(t, ct_add_scalar(t, ct_sign(t, in[0]), 1), 0.495), 0.01)))
BOTH(gelu_a_little_off, f_gelu, 1, ct_scale(t, r, 1 + 1e-4))
BOTH(sqrt_half_lost, f_sqrt, 1, ct_div(t, g, y))
BOTH(log_guarded, f_log, 1, ct_div(t, g, ct_add_scalar(t, in[0], 1e-7)))
BOTH(erf_short_constant, f_erf, 1, ct_mul(t, g, ct_scale(t, ct_exp(t, ct_neg(t, ct_square(t, in[0]))), 1.1283)))
BOTH(elu_alpha_lost, f_elu, 1, ct_mul(t, g, ct_add(t, ct_relu(t, ct_sign(t, in[0])), ct_mul(t, ct_relu(t, ct_neg(t, ct_sign(t, in[0]))), ct_add_scalar(t, y, 1)))))
BOTH(softplus_beta_lost, f_softplus, 1, ct_mul(t, g, ct_sigmoid(t, in[0])))
BOTH(pow_exponent_kept, f_pow, 1, ct_mul(t, g, ct_scale(t, y, 2.5)))
BOTH(div_sign_lost, f_div, 2, operand == 1 ? ct_neg(t, r) : r)
BOTH(maximum_to_both, f_maximum, 2, g)
BOTH(clamp_open, f_clamp, 1, g)
BACK(add_first_row, f_add, 2, operand == 1 ? ct_reshape(t, ct_slice(t, g, 0, 0, 1, 1), CT_SHAPE(3)) : r)
BOTH(exp_third_order, f_exp, 1, ct_mul(t, g, ct_add(t, y, ct_mul(t, ct_detach(t, y), ct_sub(t, in[0], ct_detach(t, in[0]))))))
BOTH(exp_second_order, f_exp, 1, ct_mul(t, g, ct_detach(t, y)))
BOTH(exp_nan_below, f_exp, 1, ct_mul(t, r, ct_sqrt(t, in[0])))
BACK(exp_one_of_many, f_exp, 1, spoil(t, r, 5077, 1.01))
BACK(exp_one_of_many_little, f_exp, 1, spoil(t, r, 9999, 1 + 1e-6))
BACK(exp_one_nan, f_exp, 1, spoil(t, r, 77, NAN))
BACK(exp_two_swapped, f_exp, 1, ct_concat(t, 2, (ct_tensor *[]){ ct_flip(t, ct_slice(t, r, 0, 0, 2, 1), CT_AXES(0)), ct_slice(t, r, 0, 2, 1000, 1) }, 0))

/* ---- reductions, norms, losses, the rest ------------------------------------------------- */

RIGHT(f_mean, ct_mean_axes(t, in[0], CT_AXES(1), false))
RIGHT(f_var, ct_var_axes(t, in[0], CT_AXES(1), 1, false))
RIGHT(f_max, ct_max_axes(t, in[0], CT_AXES(1), true))
RIGHT(f_square_sum, ct_sum_axes(t, in[0], CT_AXES(1), true))
RIGHT(f_norm, ct_batch_norm(t, in[0], NULL, NULL, NULL, NULL, true, 0.1, 1e-5))
RIGHT(f_layer, ct_layer_norm(t, in[0], 1, NULL, NULL, 1e-1))
RIGHT(f_softmax, ct_softmax(t, in[0], 1))
RIGHT(f_log_softmax, ct_log_softmax(t, in[0], 1))
RIGHT(f_entropy, ct_cross_entropy_loss(t, in[0], in[1], NULL, CT_REDUCTION_MEAN))
RIGHT(f_bce, ct_bce_loss(t, in[0], in[1], CT_REDUCTION_MEAN))
RIGHT(f_mse, ct_mse_loss(t, in[0], in[1], CT_REDUCTION_MEAN))
static const ct_pool_options windows = { .kernel = { 3 }, .stride = { 2 }, .padding = { 1 } };
RIGHT(f_max_pool, ct_max_pool1d(t, in[0], &windows))
RIGHT(f_avg_pool, ct_avg_pool1d(t, in[0], &windows))
RIGHT(f_upsample, ct_upsample_nearest(t, in[0], (int64_t[]){ 6 }))
RIGHT(f_gather, ct_gather(t, in[0], 1, in[1]))
RIGHT(f_mirror, ct_pad(t, in[0], 4, ring, CT_REFLECT))

/* r = (var + eps)^−½ of a batch norm over (N, C), with n in place of its divisor. */
static ct_tensor *norm_slope(ct_tape *t, ct_tensor *x, double factor)
{
    ct_tensor *var = ct_scale(t, ct_var_axes(t, x, CT_AXES(0), 0, true), factor);
    return ct_pow(t, ct_add_scalar(t, var, 1e-5), -0.5);
}
static ct_tensor *norm_rest(ct_tape *t, ct_tensor *g, ct_tensor *y) /* g − mean g − y mean(g y) */
{
    ct_tensor *centred = ct_sub(t, g, ct_mean_axes(t, g, CT_AXES(0), true));
    return ct_sub(t, centred, ct_mul(t, y, ct_mean_axes(t, ct_mul(t, g, y), CT_AXES(0), true)));
}

BACK(mean_of_fewer, f_mean, 1, ct_scale(t, r, 4.0 / 3))
BOTH(var_detached_mean, f_var, 1, ct_mul(t, ct_reshape(t, g, CT_SHAPE(3, 1)),
     ct_scale(t, ct_sub(t, in[0], ct_detach(t, ct_mean_axes(t, in[0], CT_AXES(1), true))), 2.0 / 3)))
BACK(max_to_first, f_max, 1, ct_concat(t, 2, (ct_tensor *[]){ g, ct_scale(t, ct_slice(t, r, 1, 1, 4, 1), 0) }, 1))
BACK(sum_other_axis, f_square_sum, 1, ct_expand(t, ct_transpose(t, g, 0, 1), ct_tensor_shape(in[0])))
BOTH(norm_all_detached, f_norm, 1, ct_mul(t, g, norm_slope(t, in[0], 1)))
BOTH(norm_var_detached, f_norm, 1, ct_mul(t, norm_slope(t, in[0], 1), ct_sub(t, g, ct_mean_axes(t, g, CT_AXES(0), true))))
BOTH(norm_mean_detached, f_norm, 1, ct_mul(t, norm_slope(t, in[0], 1), ct_sub(t, g, ct_mul(t, y, ct_mean_axes(t, ct_mul(t, g, y), CT_AXES(0), true)))))
BOTH(norm_divides_by_fewer, f_norm, 1, ct_mul(t, norm_slope(t, in[0], 4.0 / 3), norm_rest(t, g, y)))
BOTH(norm_detached_slope, f_norm, 1, ct_mul(t, ct_detach(t, norm_slope(t, in[0], 1)), norm_rest(t, g, y)))
BOTH(norm_little_off, f_norm, 1, ct_scale(t, r, 1 + 3e-7))
BOTH(norm_recorded_only, f_norm, 1, ct_tape_recording(t) ? ct_scale(t, r, 0.5) : r)
BOTH(layer_eps_outside, f_layer, 1, ct_scale(t, r, 0.99))
BOTH(softmax_diagonal, f_softmax, 1, ct_mul(t, g, ct_sub(t, y, ct_square(t, y))))
WRONG(log_softmax_forward_mode, f_log_softmax, 1, r, right_vjp(t, f_log_softmax, call, 0, g))
BACK(entropy_over_classes, f_entropy, 2, ct_scale(t, r, 2.0 / 3))
BACK(bce_denominator_lost, f_bce, 2, operand == 0 ? ct_scale(t, ct_mul(t, g, ct_sub(t, in[0], in[1])), 1.0 / 6) : r)
BACK(mse_two_lost, f_mse, 2, ct_scale(t, r, 0.5))
BACK(max_pool_edge, f_max_pool, 1, without_edge(t, r, true))
BACK(avg_pool_counts_less, f_avg_pool, 1, ct_add(t, r, ct_scale(t, ct_sub(t, r, without_edge(t, r, false)), 0.5)))
BACK(upsample_one_of_each, f_upsample, 1, ct_slice(t, g, 2, 0, 6, 2))
BACK(gather_overwrites, f_gather, 2, operand == 0 ? ct_clamp(t, r, -1, 1) : r)
BACK(mirror_as_edge, f_mirror, 1, ct_pad_adjoint(t, g, CT_SHAPE(3, 4), 4, ring, CT_REPLICATE))

/* ---- promises ----------------------------------------------------------------------------- */

static ct_tensor *exp_drifts(ct_tape *t, ct_tensor *const in[], void *context)
{
    static double drift;
    return (void)context, ct_scale(t, ct_exp(t, in[0]), 1 + (drift += 1e-12));
}

static ct_tensor *exp_in_place(ct_tape *t, ct_tensor *const in[], void *context)
{
    ct_tensor *y = ct_exp(t, in[0]);
    (void)context;
    ct_check_set(in[0], 0, 1);
    return y;
}

static int backwards;
BACK(exp_accumulates, f_exp, 1, ct_scale(t, r, 1 + 1e-13 * ++backwards))

/* ---- float32 alone -------------------------------------------------------------------------- */

/* Rounded as if summed in half precision; in float64 all is well. */
static ct_tensor *coarse(ct_tape *t, ct_tensor *x, double by)
{
    return ct_tensor_dtype(x) == CT_F64 ? x : ct_scale(t, x, 1 + by);
}
RIGHT(f_dot, ct_matmul(t, in[0], in[1], false, false))
RIGHT(dot_coarse, coarse(t, ct_matmul(t, in[0], in[1], false, false), 1e-3))
BACK(dot_coarse_backward, f_dot, 2, coarse(t, r, 1e-4))
BACK(norm_coarse_backward, f_norm, 1, coarse(t, r, 1e-2))

/* ---- the list ---------------------------------------------------------------------------------- */

#define SHAPE(...) { (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } }
#define REAL(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_REAL }
#define POSITIVE(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_POSITIVE }
#define UNIT(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_UNIT }
#define APART(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_APART }
#define BETWEEN(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_BETWEEN }
#define CLASS(...) { SHAPE(__VA_ARGS__), CT_DOMAIN_CLASS }
#define M(name_, by, broken_, right_, count, ...) \
    { .name = name_, .proper = by, .broken = broken_, .right = right_, .inputs = { .inputs = count, .in = { __VA_ARGS__ } } },
#define CONSTANT(name_, by, broken_, right_, constant_, count, ...) \
    { .name = name_, .proper = by, .broken = broken_, .right = right_, .inputs = { .constant = constant_, .inputs = count, .in = { __VA_ARGS__ } } },
#define ADJOINT(name_, of_, broken_, right_, ...) \
    { .name = name_, .proper = BY_ADJOINT, .broken = broken_, .right = right_, .of = of_, .inputs = { .inputs = 1, .in = { __VA_ARGS__ } } },

#define XW REAL(2, 1, 4, 5), REAL(2, 1, 3, 3)

const struct mutation mutations[] = {
    M("conv: sign of the input's gradient", BY_ORDER_1, conv_sign, conv_padded, 2, XW)
    M("conv: kernel not flipped in the input's gradient", BY_ORDER_1, conv_no_flip, conv_padded, 2, XW)
    M("conv: input's gradient off by one place", BY_ORDER_1, conv_shifted, conv_padded, 2, XW)
    M("conv: weight's gradient off by one place", BY_ORDER_1, conv_weight_shifted, conv_padded, 2, XW)
    M("conv: wrong at a border only", BY_ORDER_1, conv_border, conv_padded, 2, XW)
    M("conv: last column 0.1 % off, for stride > 1", BY_ORDER_1, conv_unread_column, conv_strided, 2, REAL(1, 1, 5, 5), REAL(1, 1, 3, 3))
    M("conv: weight's gradient upside down, for stride > 1", BY_ORDER_1, conv_stride_ignored, conv_strided, 2, REAL(1, 1, 6, 6), REAL(1, 1, 3, 3))
    M("conv: axes swapped where strides differ", BY_ORDER_1, conv_strides_swapped, conv_uneven, 2, REAL(1, 1, 5, 5), REAL(1, 1, 2, 2))
    M("conv: dilation ignored in the weight's gradient", BY_ORDER_1, conv_dilation_ignored, conv_dilated, 2, REAL(1, 1, 6, 6), REAL(1, 1, 3, 3))
    M("conv: groups swapped", BY_ORDER_1, conv_groups_swapped, conv_grouped, 2, REAL(1, 2, 3, 3), REAL(2, 1, 2, 2))
    M("conv: first group's weight gradient for all", BY_ORDER_1, conv_group_of_first, conv_grouped, 2, REAL(1, 2, 3, 3), REAL(2, 1, 2, 2))
    M("conv: padding's beginning and end swapped", BY_ORDER_1, conv_padding_ends_swapped, conv_lopsided, 2, REAL(1, 1, 4, 4), REAL(1, 1, 3, 3))
    M("conv: last sample lost in the weight's gradient", BY_ORDER_1, conv_last_sample_lost, conv_padded, 2, XW)
    M("conv: bias's gradient averaged, not summed", BY_ORDER_1, conv_bias_mean, conv_bias, 3, XW, REAL(2))
    M("conv: wrong for odd sizes only", BY_ORDER_1, conv_odd_only, conv_padded, 2, XW)
    M("conv: one weight of nine off by 1e-6", BY_ORDER_1, conv_one_element, conv_padded, 2, XW)
    M("conv: weight detached in the first derivative", BY_ORDER_2, conv_detached_weight, conv_padded, 2, REAL(1, 1, 3, 3), REAL(1, 1, 2, 2))
    M("conv: input detached in the first derivative", BY_ORDER_2, conv_detached_input, conv_padded, 2, REAL(1, 1, 3, 3), REAL(1, 1, 2, 2))
    M("conv: forward mode doubled", BY_ORDER_1, conv_forward_mode, conv_padded, 2, XW)
    M("conv: a column of the kernel dropped, consistently", BY_VALUES, conv_tap_dropped, conv_padded, 2, XW)
    M("conv: convolves instead of correlates, consistently", BY_VALUES, conv_convolves, conv_padded, 2, XW)
    M("conv: pads with zeros instead of reflections, consistently", BY_VALUES, conv_padding_of_zeros, conv_mirrored, 2, XW)
    M("conv_transpose: output_padding's row lost in the weight's gradient", BY_ORDER_1, transposed_row_lost, transposed_tall, 2, REAL(1, 1, 3, 2), REAL(1, 1, 3, 3))
    M("conv_transpose: slots swapped in the weight's gradient", BY_ORDER_1, transposed_slots_swapped, transposed_plain, 2, REAL(1, 1, 3, 4), REAL(1, 1, 3, 3))
    M("conv_transpose: output_padding's column zeroed, consistently", BY_VALUES, transposed_edge_zero, transposed_tall, 2, REAL(1, 1, 3, 2), REAL(1, 1, 3, 3))
    ADJOINT("transpose of conv: kernel not flipped", linear_conv, adjoint_no_flip, linear_conv_t, REAL(1, 1, 6, 5))
    ADJOINT("transpose of conv: off by one place", linear_conv, adjoint_shifted, linear_conv_t, REAL(1, 1, 6, 5))
    ADJOINT("transpose of conv: last column lost", linear_conv, adjoint_edge_lost, linear_conv_t, REAL(1, 1, 6, 5))
    ADJOINT("transpose of conv: groups swapped", linear_groups, adjoint_groups_swapped, linear_groups_t, REAL(1, 2, 4, 3))
    ADJOINT("transpose of reflection: folds to the edge", pad_mirrored, adjoint_replicates, pad_mirrored_t, REAL(3, 4))
    ADJOINT("transpose of reflection: crops the border", pad_mirrored, adjoint_crops, pad_mirrored_t, REAL(3, 4))
    M("tanh: 1 - y", BY_ORDER_1, tanh_unsquared, f_tanh, 1, REAL(5))
    M("sigmoid: x (1 - x)", BY_ORDER_1, sigmoid_of_input, f_sigmoid, 1, REAL(5))
    M("leaky_relu: another slope", BY_ORDER_1, leaky_default_slope, f_leaky, 1, APART(6))
    M("gelu: 1e-4 off", BY_ORDER_1, gelu_a_little_off, f_gelu, 1, REAL(5))
    M("sqrt: factor 1/2 lost", BY_ORDER_1, sqrt_half_lost, f_sqrt, 1, POSITIVE(5))
    M("log: guarded by 1e-7", BY_ORDER_1, log_guarded, f_log, 1, POSITIVE(5))
    M("erf: constant of five digits", BY_ORDER_1, erf_short_constant, f_erf, 1, REAL(5))
    M("elu: alpha lost", BY_ORDER_1, elu_alpha_lost, f_elu, 1, APART(6))
    M("softplus: beta lost", BY_ORDER_1, softplus_beta_lost, f_softplus, 1, REAL(5))
    M("pow: exponent not lowered", BY_ORDER_1, pow_exponent_kept, f_pow, 1, POSITIVE(5))
    M("div: sign lost in the divisor's", BY_ORDER_1, div_sign_lost, f_div, 2, REAL(4), POSITIVE(4))
    M("maximum: all to both", BY_ORDER_1, maximum_to_both, f_maximum, 2, APART(6), BETWEEN(6))
    M("clamp: passes outside", BY_ORDER_1, clamp_open, f_clamp, 1, APART(10))
    M("add: first row instead of the sum over rows", BY_ORDER_1, add_first_row, f_add, 2, REAL(2, 3), REAL(3))
    M("exp: result detached", BY_ORDER_2, exp_second_order, f_exp, 1, REAL(4))
    M("exp: right to the second derivative, then detached", BY_ORDER_3, exp_third_order, f_exp, 1, REAL(4))
    M("exp: NaN below 0", BY_ORDER_1, exp_nan_below, f_exp, 1, REAL(8))
    M("exp: one element of 10,000 off by 1 %", BY_ORDER_1, exp_one_of_many, f_exp, 1, UNIT(10000))
    M("exp: one element of 10,000 off by 1e-6", BY_ORDER_1, exp_one_of_many_little, f_exp, 1, UNIT(10000))
    M("exp: one NaN among 1,000", BY_ORDER_1, exp_one_nan, f_exp, 1, UNIT(1000))
    M("exp: two elements of 1,000 swapped", BY_ORDER_1, exp_two_swapped, f_exp, 1, UNIT(1000))
    M("mean: divided by n - 1", BY_ORDER_1, mean_of_fewer, f_mean, 1, REAL(3, 4))
    M("var: mean detached", BY_ORDER_2, var_detached_mean, f_var, 1, REAL(3, 4))
    M("max: to the first, not the largest", BY_ORDER_1, max_to_first, f_max, 1, APART(3, 4))
    M("sum: spread along the other axis, for squares", BY_ORDER_1, sum_other_axis, f_square_sum, 1, REAL(3, 3))
    M("batch_norm: mean and variance detached", BY_ORDER_1, norm_all_detached, f_norm, 1, REAL(4, 3))
    M("batch_norm: variance detached", BY_ORDER_1, norm_var_detached, f_norm, 1, REAL(4, 3))
    M("batch_norm: mean detached", BY_ORDER_1, norm_mean_detached, f_norm, 1, REAL(4, 3))
    M("batch_norm: variance divided by n - 1", BY_ORDER_1, norm_divides_by_fewer, f_norm, 1, REAL(4, 3))
    M("batch_norm: 3e-7 off", BY_ORDER_1, norm_little_off, f_norm, 1, REAL(4, 3))
    M("batch_norm: wrong only where it is recorded", BY_ORDER_1, norm_recorded_only, f_norm, 1, REAL(4, 3))
    M("batch_norm: slope detached in the first derivative", BY_ORDER_2, norm_detached_slope, f_norm, 1, REAL(4, 2))
    M("layer_norm: 1 % off, as with eps outside the root", BY_ORDER_1, layer_eps_outside, f_layer, 1, REAL(2, 5))
    M("softmax: diagonal alone", BY_ORDER_1, softmax_diagonal, f_softmax, 1, REAL(2, 4))
    M("log_softmax: forward mode transposed", BY_ORDER_1, log_softmax_forward_mode, f_log_softmax, 1, REAL(2, 4))
    CONSTANT("cross_entropy: mean over classes, not samples", BY_ORDER_1, entropy_over_classes, f_entropy, 2, 2, REAL(2, 3), CLASS(2))
    M("bce: denominator lost", BY_ORDER_1, bce_denominator_lost, f_bce, 2, UNIT(2, 3), UNIT(2, 3))
    M("mse: factor 2 lost", BY_ORDER_1, mse_two_lost, f_mse, 2, REAL(2, 3), REAL(2, 3))
    M("max_pool: nothing to the last place", BY_ORDER_1, max_pool_edge, f_max_pool, 1, APART(1, 4, 7))
    M("avg_pool: padding counted only forward", BY_ORDER_1, avg_pool_counts_less, f_avg_pool, 1, REAL(1, 2, 6))
    M("upsample: one output of each input", BY_ORDER_1, upsample_one_of_each, f_upsample, 1, REAL(1, 2, 3))
    CONSTANT("gather: repeated indices overwrite", BY_ORDER_1, gather_overwrites, f_gather, 2, 2, REAL(2, 3), CLASS(2, 8))
    M("pad: reflection folds to the edge", BY_ORDER_1, mirror_as_edge, f_mirror, 1, REAL(3, 4))
    M("exp: drifts from call to call", BY_ORDER_1, exp_drifts, f_exp, 1, REAL(4))
    M("exp: changes its input", BY_ORDER_1, exp_in_place, f_exp, 1, REAL(4))
    M("exp: backward accumulates", BY_ORDER_1, exp_accumulates, f_exp, 1, REAL(4))
    M("matmul: float32 value 1e-3 off", BY_FLOAT32, dot_coarse, f_dot, 2, REAL(3, 4), REAL(4, 2))
    M("matmul: float32 gradient 1e-4 off", BY_FLOAT32, dot_coarse_backward, f_dot, 2, REAL(3, 4), REAL(4, 2))
    M("batch_norm: float32 gradient 1 % off", BY_FLOAT32, norm_coarse_backward, f_norm, 1, REAL(8, 2))
};
const int mutation_count = sizeof mutations / sizeof *mutations;

ct_verdict judge_mutation(const struct mutation *m, bool broken, proper_check check, uint64_t seed, ct_gradcheck_report *report)
{
    const ct_function f = { broken ? m->broken : m->right, NULL, m->inputs.inputs }, right = { m->right, NULL, m->inputs.inputs };
    ct_gradcheck_report own;
    if (m->proper == BY_ADJOINT) {
        const ct_function of = { m->of, NULL, 1 };
        return check != BY_ADJOINT || ct_adjoint_check(&of, &f, m->inputs.in[0].shape, seed, NULL) ? CT_RIGHT : CT_WRONG;
    }
    if (check == BY_ADJOINT)
        return CT_RIGHT;
    ct_tensor *in[CT_SAMPLE_INPUTS];
    if (!ct_sample_inputs(&m->inputs, CT_F64, false, seed, in))
        return CT_UNDECIDABLE;
    const ct_gradcheck_options options = {
        .order = check == BY_ORDER_2 ? 2 : check == BY_ORDER_3 ? 3 : 1, .seed = seed, .constant = m->inputs.constant, .elements = 32,
        .float32 = check == BY_FLOAT32, .reference = check == BY_VALUES ? &right : NULL,
    };
    const ct_verdict verdict = ct_gradcheck(&f, in, &options, report != NULL ? report : &own);
    for (int j = 0; j < m->inputs.inputs; j++)
        ct_tensor_release(in[j]);
    return verdict;
}
