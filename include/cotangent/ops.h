/* The ops, but for convolutions (conv.h). PyTorch's names, argument order and defaults.
 *
 * All take the tape first and return a tensor of the operands' dtype that belongs to the tape, or NULL (tape.h). An op with nothing to
 * do may return its operand: ct_dropout in evaluation, ct_expand and ct_sum_to to x's own shape, a sum over no axes with keepdim.
 * Operands of one op have one dtype. Formulas are elementwise unless axes are named; negative axes count from the end.
 */
#ifndef COTANGENT_OPS_H
#define COTANGENT_OPS_H

#include <cotangent/tape.h>

/* A list of axes: CT_AXES(0, 2). */
typedef struct ct_axes {
    int count;
    int axis[CT_MAX_RANK];
} ct_axes;

#define CT_AXES(...) ((ct_axes){ (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)), { __VA_ARGS__ } })

/* ---- arithmetic, with NumPy broadcasting -------------------------------------------- */

CT_API ct_tensor *ct_add(ct_tape *tape, ct_tensor *a, ct_tensor *b); /* a + b */
CT_API ct_tensor *ct_sub(ct_tape *tape, ct_tensor *a, ct_tensor *b); /* a − b */
CT_API ct_tensor *ct_mul(ct_tape *tape, ct_tensor *a, ct_tensor *b); /* a · b */
CT_API ct_tensor *ct_div(ct_tape *tape, ct_tensor *a, ct_tensor *b); /* a / b */
CT_API ct_tensor *ct_maximum(ct_tape *tape, ct_tensor *a, ct_tensor *b); /* ties: half the gradient to each, as PyTorch */
CT_API ct_tensor *ct_minimum(ct_tape *tape, ct_tensor *a, ct_tensor *b);

/* ---- one operand -------------------------------------------------------------------- */

CT_API ct_tensor *ct_neg(ct_tape *tape, ct_tensor *x);                         /* −x */
CT_API ct_tensor *ct_scale(ct_tape *tape, ct_tensor *x, double factor);        /* factor · x */
CT_API ct_tensor *ct_add_scalar(ct_tape *tape, ct_tensor *x, double addend);   /* x + addend */
CT_API ct_tensor *ct_pow(ct_tape *tape, ct_tensor *x, double exponent);        /* x ^ exponent */
CT_API ct_tensor *ct_square(ct_tape *tape, ct_tensor *x);                      /* x² */
CT_API ct_tensor *ct_sqrt(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_exp(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_log(ct_tape *tape, ct_tensor *x);                         /* natural */
CT_API ct_tensor *ct_abs(ct_tape *tape, ct_tensor *x);                         /* derivative 0 at 0 */
CT_API ct_tensor *ct_sign(ct_tape *tape, ct_tensor *x);                        /* −1, 0, 1; derivative 0 */
CT_API ct_tensor *ct_erf(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_clamp(ct_tape *tape, ct_tensor *x, double low, double high); /* low ≤ high; derivative 1 where low ≤ x ≤ high */

CT_API ct_tensor *ct_relu(ct_tape *tape, ct_tensor *x);                        /* max(x, 0); derivative 0 at 0 */
CT_API ct_tensor *ct_leaky_relu(ct_tape *tape, ct_tensor *x, double negative_slope); /* PyTorch's default 0.01 */
CT_API ct_tensor *ct_elu(ct_tape *tape, ct_tensor *x, double alpha);           /* x, or alpha (eˣ − 1) for x ≤ 0; default 1 */
CT_API ct_tensor *ct_gelu(ct_tape *tape, ct_tensor *x);                        /* x Φ(x), exact */
CT_API ct_tensor *ct_sigmoid(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_tanh(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_softplus(ct_tape *tape, ct_tensor *x, double beta, double threshold); /* log(1 + e^βx)/β; x where βx > threshold; defaults 1, 20 */
CT_API ct_tensor *ct_softmax(ct_tape *tape, ct_tensor *x, int axis);
CT_API ct_tensor *ct_log_softmax(ct_tape *tape, ct_tensor *x, int axis);

/* x · mask / (1 − p) with P(mask = 0) = p, drawn from `random`, when training; x itself when not. */
CT_API ct_tensor *ct_dropout(ct_tape *tape, ct_tensor *x, double p, bool training, ct_random *random);

/* The same values, in the same storage, without history: derivatives do not pass. */
CT_API ct_tensor *ct_detach(ct_tape *tape, ct_tensor *x);

/* ---- reductions --------------------------------------------------------------------- */

CT_API ct_tensor *ct_sum(ct_tape *tape, ct_tensor *x);  /* over everything, to rank 0 */
CT_API ct_tensor *ct_mean(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_sum_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim);
CT_API ct_tensor *ct_mean_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim);
/* Σ (x − mean)² / (n − correction); correction 1 is PyTorch's default, 0 the biased variance. */
CT_API ct_tensor *ct_var_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, int correction, bool keepdim);
/* As torch.amax and amin: ties share the gradient evenly. NaN propagates. An empty axis is CT_BAD_SHAPE. */
CT_API ct_tensor *ct_max_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim);
CT_API ct_tensor *ct_min_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim);
CT_API ct_tensor *ct_max(ct_tape *tape, ct_tensor *x);
CT_API ct_tensor *ct_min(ct_tape *tape, ct_tensor *x);

/* Broadcasting to a shape, and its adjoint: the sum over what was broadcast. */
CT_API ct_tensor *ct_expand(ct_tape *tape, ct_tensor *x, ct_shape shape);
CT_API ct_tensor *ct_sum_to(ct_tape *tape, ct_tensor *x, ct_shape shape);

/* ---- moving values ------------------------------------------------------------------ */

/* One extent may be −1: what the count leaves. Shares storage. */
CT_API ct_tensor *ct_reshape(ct_tape *tape, ct_tensor *x, ct_shape shape);
CT_API ct_tensor *ct_flatten(ct_tape *tape, ct_tensor *x, int start_axis, int end_axis);
CT_API ct_tensor *ct_permute(ct_tape *tape, ct_tensor *x, ct_axes order); /* output axis i is input axis order[i] */
CT_API ct_tensor *ct_transpose(ct_tape *tape, ct_tensor *x, int axis0, int axis1);
CT_API ct_tensor *ct_concat(ct_tape *tape, int count, ct_tensor *const x[], int axis);
/* x[start : stop : step] along one axis, as Python cuts it (negative start, stop; step ≥ 1). */
CT_API ct_tensor *ct_slice(ct_tape *tape, ct_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
/* Embeds x into zeros of `size` along the axis at start, start + step, …: slice's adjoint. */
CT_API ct_tensor *ct_slice_adjoint(ct_tape *tape, ct_tensor *x, int axis, int64_t start, int64_t size, int64_t step);
CT_API ct_tensor *ct_flip(ct_tape *tape, ct_tensor *x, ct_axes axes);

typedef enum ct_padding_mode { CT_ZEROS = 0, CT_REFLECT, CT_REPLICATE, CT_CIRCULAR } ct_padding_mode;

/* torch.nn.functional.pad: `pad` holds count numbers in PyTorch's order (last axis begin, end, then the axis before …); negative
 * numbers crop (zeros mode only). reflect needs pad < extent, circular pad ≤ extent. */
CT_API ct_tensor *ct_pad(ct_tape *tape, ct_tensor *x, int count, const int64_t pad[], ct_padding_mode mode);
/* Its adjoint: folds the border back where it came from. x has the padded shape; `shape` is the unpadded one. */
CT_API ct_tensor *ct_pad_adjoint(ct_tape *tape, ct_tensor *x, ct_shape shape, int count, const int64_t pad[],
                                 ct_padding_mode mode);

/* y[a, j, b] = x[a, index[a, j, b], b] along one axis, and its adjoint, which adds into zeros of `size` along that axis. `index`
 * has the output's (the adjoint: x's) shape and holds whole numbers 0 … size − 1 in either dtype; x in float32 has size ≤ 2^24, for
 * indices travel in x's dtype. torch.gather, scatter_add. */
CT_API ct_tensor *ct_gather(ct_tape *tape, ct_tensor *x, int axis, ct_tensor *index);
CT_API ct_tensor *ct_gather_adjoint(ct_tape *tape, ct_tensor *x, int axis, ct_tensor *index, int64_t size);

/* ---- matrices ----------------------------------------------------------------------- */

/* Batched matrix product of the last two axes; the axes before broadcast. Rank ≥ 2 each. transpose_a: aᵀ b, and so on.
 * a (…, m, k) or (…, k, m) when transposed; b (…, k, n) or (…, n, k); result (…, m, n). */
CT_API ct_tensor *ct_matmul(ct_tape *tape, ct_tensor *a, ct_tensor *b, bool transpose_a, bool transpose_b);

/* x Aᵀ + b: x (…, in), weight (out, in), bias (out) or NULL. */
CT_API ct_tensor *ct_linear(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias);

/* ---- normalisation ------------------------------------------------------------------ */

/* y = (x − mean) / √(var + eps) · weight + bias, per channel (axis 1) over all other axes. weight and bias (C) may be NULL.
 * Training: the batch's mean and biased variance; running statistics (may be NULL) move by
 * momentum towards the mean and the unbiased variance, in place. Otherwise the running statistics (needed) are used.
 * PyTorch's defaults: momentum 0.1, eps 1e-5. */
CT_API ct_tensor *ct_batch_norm(ct_tape *tape, ct_tensor *x, ct_tensor *running_mean, ct_tensor *running_var, ct_tensor *weight,
                                ct_tensor *bias, bool training, double momentum, double eps);
/* leaky_relu(batch_norm(…), negative_slope) in one pass each way. Slope 0 is relu, and 1 no activation. */
CT_API ct_tensor *ct_batch_norm_leaky_relu(ct_tape *tape, ct_tensor *x, ct_tensor *running_mean, ct_tensor *running_var,
                                           ct_tensor *weight, ct_tensor *bias, bool training, double momentum, double eps,
                                           double negative_slope);
/* Over the last `axes` axes of x; weight and bias have their shape, or are NULL. */
CT_API ct_tensor *ct_layer_norm(ct_tape *tape, ct_tensor *x, int axes, ct_tensor *weight, ct_tensor *bias, double eps);
/* Per sample and channel over the spatial axes; x (N, C, …). */
CT_API ct_tensor *ct_instance_norm(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, double eps);
/* Per sample and group of channels; groups divides C. */
CT_API ct_tensor *ct_group_norm(ct_tape *tape, ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias, double eps);

/* ---- losses ------------------------------------------------------------------------- */

typedef enum ct_reduction { CT_REDUCTION_MEAN = 0, CT_REDUCTION_SUM, CT_REDUCTION_NONE } ct_reduction;

CT_API ct_tensor *ct_mse_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction);
CT_API ct_tensor *ct_l1_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction);
/* ½ d²/beta where |d| < beta, |d| − beta/2 elsewhere; default beta 1. */
CT_API ct_tensor *ct_smooth_l1_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, double beta, ct_reduction reduction);
/* −t log x − (1 − t) log(1 − x), each log clamped at −100 as PyTorch does; x and t in [0, 1]. */
CT_API ct_tensor *ct_bce_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction);
CT_API ct_tensor *ct_bce_with_logits_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction);
/* input (N, C, …) or (C); target class indices (N, …) as whole numbers in input's dtype, −100 ignored, or, for cross_entropy,
 * class probabilities of input's shape. weight (C) or NULL. nll_loss takes log-probabilities. */
CT_API ct_tensor *ct_nll_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_tensor *weight, ct_reduction reduction);
CT_API ct_tensor *ct_cross_entropy_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_tensor *weight,
                                        ct_reduction reduction);

#endif
