/* Losses: formulas of taped ops; binary cross-entropy alone is a row, for its clamped logs. */
#include "loss.h"

#include "elementwise.h"
#include "kernels/loss.h"

#include <math.h>

static ct_tensor *reduce(ct_tape *tape, const char *op, ct_tensor *loss, ct_reduction reduction)
{
    switch (reduction) {
    case CT_REDUCTION_MEAN:
        return ct_mean(tape, loss);
    case CT_REDUCTION_SUM:
        return ct_sum(tape, loss);
    case CT_REDUCTION_NONE:
        return loss;
    }
    return ct_fail(tape, CT_BAD_ARGUMENT, "%s: reduction %d is none of mean, sum, none", op, (int)reduction);
}

static bool given(ct_tape *tape, const char *op, const ct_tensor *input, const ct_tensor *target)
{
    if (!input || !target)
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: %s is NULL", op, input ? "target" : "input");
    else if (input->dtype != target->dtype)
        ct_fail(tape, CT_BAD_DTYPE, "%s: input is %s but target is %s", op, ct_dtype_name(input->dtype),
                ct_dtype_name(target->dtype));
    else
        return true;
    return false;
}

/* Losses that compare element by element do not broadcast: shapes that differ are nearly always a mistake. */
static bool alike(ct_tape *tape, const char *op, const ct_tensor *input, const ct_tensor *target)
{
    if (!given(tape, op, input, target))
        return false;
    if (ct_shape_equal(input->shape, target->shape))
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "%s: target %s must have the shape of input %s", op, CT_TEXT(target->shape),
            CT_TEXT(input->shape));
    return false;
}

ct_tensor *ct_mse_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    if (!alike(tape, "mse_loss", input, target))
        return NULL;
    return reduce(tape, "mse_loss", ct_square(tape, ct_sub(tape, input, target)), reduction);
}

ct_tensor *ct_l1_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    if (!alike(tape, "l1_loss", input, target))
        return NULL;
    return reduce(tape, "l1_loss", ct_abs(tape, ct_sub(tape, input, target)), reduction);
}

/* With c = clamp(d, ±beta) both branches are c (d − c/2) / beta. */
ct_tensor *ct_smooth_l1_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, double beta, ct_reduction reduction)
{
    const char *op = "smooth_l1_loss";
    if (!alike(tape, op, input, target))
        return NULL;
    if (!(beta >= 0 && isfinite(beta)))
        return ct_fail(tape, CT_BAD_ARGUMENT, "smooth_l1_loss: beta %g must be finite and not negative", beta);
    ct_tensor *d = ct_sub(tape, input, target);
    if (!(beta > 0))
        return reduce(tape, op, ct_abs(tape, d), reduction);
    ct_tensor *c = ct_clamp(tape, d, -beta, beta);
    ct_tensor *loss = ct_mul(tape, c, ct_sub(tape, d, ct_scale(tape, c, 0.5)));
    return reduce(tape, op, ct_scale(tape, loss, 1 / beta), reduction);
}

/* ---- binary cross-entropy ------------------------------------------------------------- */

static bool bce_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    CT_KERNEL_OF(call->out->dtype, ct_bce)(call->out->count, CT_IN(call, 0), CT_IN(call, 1), CT_OUT(call));
    return true;
}

/* max(log x, −100), whose derivative at 0 is 0, not 0/0: 1e-45 is above 0 in float32 too, and its log below −100. */
static ct_tensor *clamped_log(ct_tape *tape, ct_tensor *x)
{
    return ct_clamp(tape, ct_log(tape, ct_clamp(tape, x, 1e-45, INFINITY)), -100, INFINITY);
}

/* Elementwise, so the Jacobians are diagonal and this is the jvp too. torch keeps x (1 − x) at 1e-12 or more. */
static ct_tensor *bce_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    ct_tensor *x = call->in[0], *t = call->in[1];
    ct_tensor *rest = ct_add_scalar(tape, ct_neg(tape, x), 1);
    if (operand == 0) {
        ct_tensor *spread = ct_clamp(tape, ct_mul(tape, x, rest), 1e-12, INFINITY);
        return ct_mul(tape, g, ct_div(tape, ct_sub(tape, x, t), spread));
    }
    return ct_mul(tape, g, ct_sub(tape, clamped_log(tape, rest), clamped_log(tape, x)));
}

const ct_op ct_op_bce = {
    .name = "bce_loss",
    .arity = 2,
    .reads = CT_READS_IN << 0 | CT_READS_IN << 1,
    .shape = ct_shape_same,
    .forward = bce_forward,
    .vjp = bce_vjp,
    .jvp = bce_vjp,
};

ct_tensor *ct_bce_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    if (!alike(tape, "bce_loss", input, target))
        return NULL;
    ct_tensor *operands[] = { input, target };
    return reduce(tape, "bce_loss", ct_apply(tape, &ct_op_bce, 2, operands, NULL, 0), reduction);
}

/* log(1 + eˣ) − x t: no sigmoid that could round to 0 or 1. */
ct_tensor *ct_bce_with_logits_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    const char *op = "bce_with_logits_loss";
    if (!alike(tape, op, input, target))
        return NULL;
    ct_tensor *softplus = ct_softplus(tape, input, 1, INFINITY);
    return reduce(tape, op, ct_sub(tape, softplus, ct_mul(tape, input, target)), reduction);
}

/* ---- classes -------------------------------------------------------------------------- */

static bool weight_fits(ct_tape *tape, const char *op, const ct_tensor *input, const ct_tensor *weight)
{
    const int64_t classes = input->shape.extent[input->shape.rank > 1];
    if (!weight || (weight->shape.rank == 1 && weight->shape.extent[0] == classes))
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "%s: weight %s must have shape (%lld), one a class of input %s", op, CT_TEXT(weight->shape),
            (long long)classes, CT_TEXT(input->shape));
    return false;
}

/* −w[t] · input[n, t], where `input` holds log-probabilities; the mean is over the weights that took part. */
static ct_tensor *nll(ct_tape *tape, const char *op, ct_tensor *input, ct_tensor *target, ct_tensor *weight,
                      ct_reduction reduction)
{
    if (!given(tape, op, input, target))
        return NULL;
    const int axis = input->shape.rank > 1;
    ct_shape expected = { 0 }, picked = input->shape;
    for (int i = 0; i < input->shape.rank; i++)
        if (i != axis)
            expected.extent[expected.rank++] = input->shape.extent[i];
    if (input->shape.rank < 1 || !ct_shape_equal(target->shape, expected))
        return ct_fail(tape, CT_BAD_SHAPE, "%s: target %s must be input %s without its class axis", op, CT_TEXT(target->shape),
                       CT_TEXT(input->shape));
    if (!weight_fits(tape, op, input, weight))
        return NULL;
    picked.extent[axis] = 1;
    const int64_t classes = input->shape.extent[axis];

    ct_tensor *index = ct_tape_tensor(tape, input->dtype, picked), *mask = ct_tape_tensor(tape, input->dtype, expected);
    if (!index || !mask)
        return NULL;
    const int64_t bad = CT_KERNEL_OF(input->dtype, ct_class_targets)(target->count, classes, ct_data(target), ct_data(index),
                                                                      ct_data(mask));
    if (bad >= 0)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: target %g at position %lld is neither a class 0 … %lld nor −100 (ignored)", op,
                       ct_tensor_at(target, bad), (long long)bad, (long long)(classes - 1));
    ct_tensor *share = mask; /* of each target in the mean */
    if (weight) {
        ct_tensor *flat = ct_gather(tape, weight, 0, ct_reshape(tape, index, CT_SHAPE(index->count)));
        share = ct_mul(tape, mask, ct_reshape(tape, flat, expected));
    }
    ct_tensor *chosen = ct_reshape(tape, ct_gather(tape, input, axis, index), expected);
    ct_tensor *loss = ct_neg(tape, ct_mul(tape, ct_masked(tape, chosen, mask), share));
    if (reduction == CT_REDUCTION_MEAN)
        return ct_div(tape, ct_sum(tape, loss), ct_sum(tape, share));
    return reduce(tape, op, loss, reduction);
}

/* −Σ_c w_c t_c log p_c, whose mean is over samples, not elements. */
static ct_tensor *probability_loss(ct_tape *tape, const char *op, ct_tensor *log_p, ct_tensor *target, ct_tensor *weight,
                                   ct_reduction reduction)
{
    const int axis = log_p->shape.rank > 1;
    ct_tensor *terms = ct_mul(tape, log_p, target);
    if (weight) {
        ct_shape shape = { .rank = log_p->shape.rank };
        for (int i = 0; i < shape.rank; i++)
            shape.extent[i] = i == axis ? log_p->shape.extent[axis] : 1;
        terms = ct_mul(tape, terms, ct_reshape(tape, weight, shape));
    }
    return reduce(tape, op, ct_neg(tape, ct_sum_axes(tape, terms, CT_AXES(axis), false)), reduction);
}

ct_tensor *ct_nll_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_tensor *weight, ct_reduction reduction)
{
    return nll(tape, "nll_loss", input, target, weight, reduction);
}

ct_tensor *ct_cross_entropy_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_tensor *weight, ct_reduction reduction)
{
    const char *op = "cross_entropy_loss";
    if (!given(tape, op, input, target))
        return NULL;
    if (input->shape.rank < 1)
        return ct_fail(tape, CT_BAD_SHAPE, "cross_entropy_loss: input %s needs a class axis", CT_TEXT(input->shape));
    ct_tensor *log_p = ct_log_softmax(tape, input, input->shape.rank > 1);
    if (!log_p || !weight_fits(tape, op, input, weight))
        return NULL;
    if (ct_shape_equal(input->shape, target->shape))
        return probability_loss(tape, op, log_p, target, weight, reduction);
    return nll(tape, op, log_p, target, weight, reduction);
}
