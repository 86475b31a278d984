/* Losses: of pairs, a row each; of classes, formulas of taped ops. */
#include "loss.h"

#include "../tensor/whole.h"
#include "elementwise.h"
#include "kernels/loss.h"
#include "kernels/reduce.h"

#include <math.h>
#include <string.h>

static bool known(ct_tape *tape, const char *op, ct_reduction reduction)
{
    if (reduction == CT_REDUCTION_MEAN || reduction == CT_REDUCTION_SUM || reduction == CT_REDUCTION_NONE)
        return true;
    return ct_fail(tape, CT_BAD_ARGUMENT, "%s: reduction %d is none of mean, sum, none", op, (int)reduction), false;
}

static ct_tensor *reduce(ct_tape *tape, const char *op, ct_tensor *loss, ct_reduction reduction)
{
    if (!known(tape, op, reduction))
        return NULL;
    return reduction == CT_REDUCTION_MEAN ? ct_mean(tape, loss) : reduction == CT_REDUCTION_SUM ? ct_sum(tape, loss) : loss;
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

/* ---- pairs: one pass over input and target, whatever the reduction --------------------- */

struct pairwise {
    double parameter, factor; /* factor: of the sum, or 1 */
    bool sums;
};

static const struct pairwise *pairwise_of(const ct_call *call) { return call->attributes; }

static bool pairwise_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape;
    *out = pairwise_of(call)->sums ? CT_SCALAR : call->in[0]->shape;
    return true;
}

struct pairwise_job {
    const ct_call *call;
    enum ct_loss f;
    double *part; /* the parts' sums */
    const ct_tensor *cotangent;
    void *gradient[2];
};

enum { GRAIN = 1 << 13, PART = 1 << 16 };

static void each_pair(void *context, int64_t begin, int64_t end)
{
    const struct pairwise_job *job = context;
    const ct_call *call = job->call;
    CT_KERNEL_OF(call->out->dtype, ct_loss)
    (job->f, pairwise_of(call)->parameter, CT_IN(call, 0), CT_IN(call, 1), CT_OUT(call), begin, end);
}

static void each_part(void *context, int64_t begin, int64_t end)
{
    const struct pairwise_job *job = context;
    const ct_call *call = job->call;
    for (int64_t i = begin; i < end; i++)
        job->part[i] = CT_KERNEL_OF(call->out->dtype, ct_loss_sum)(job->f, pairwise_of(call)->parameter, CT_IN(call, 0), CT_IN(call, 1),
                                                                   i * PART, least((i + 1) * PART, call->in[0]->count));
}

/* Part by part, and then the parts: threads share the work, and the cut is the count's alone. */
static bool run_pairwise(ct_tape *tape, ct_call *call, enum ct_loss f)
{
    struct pairwise_job job = { .call = call, .f = f };
    if (!pairwise_of(call)->sums) {
        ct_parallel_for(call->out->count, GRAIN, each_pair, &job);
        return true;
    }
    const int64_t parts = ceil_divide(call->in[0]->count, PART);
    ct_tensor *sums = ct_tape_tensor(tape, CT_F64, CT_SHAPE(parts));
    if (!sums)
        return false;
    job.part = ct_data(sums);
    ct_parallel_for(parts, 1, each_part, &job);
    const double sum = CT_KERNEL_OF(CT_F64, ct_reduce_row)(CT_REDUCE_SUM, job.part, 0, parts);
    ct_tensor_fill(call->out, sum * pairwise_of(call)->factor);
    ct_tape_drop(tape, sums);
    return true;
}

static void each_gradient(void *context, int64_t begin, int64_t end)
{
    const struct pairwise_job *job = context;
    const ct_call *call = job->call;
    const struct pairwise *a = pairwise_of(call);
    CT_KERNEL_OF(call->out->dtype, ct_loss_vjp)
    (job->f, a->parameter, a->factor, CT_IN(call, 0), CT_IN(call, 1), ct_data(job->cotangent), !a->sums, job->gradient[0],
     job->gradient[1], begin, end);
}

static bool run_pairwise_vjp(enum ct_loss f, ct_tape *tape, const ct_call *call, ct_tensor *cotangent, const bool wanted[],
                             ct_tensor *gradient[])
{
    struct pairwise_job job = { .call = call, .f = f, .cotangent = cotangent };
    for (int i = 0; i < 2; i++) {
        if (!wanted[i])
            continue;
        const ct_tensor *in = call->in[i];
        const bool in_place = i == 0 && !pairwise_of(call)->sums;
        gradient[i] = in_place ? ct_gradient_in_place(tape, call, cotangent) : ct_tape_tensor(tape, in->dtype, in->shape);
        if (!gradient[i])
            return false;
        job.gradient[i] = ct_data(gradient[i]);
    }
    ct_parallel_for(call->in[0]->count, GRAIN, each_gradient, &job);
    return true;
}

/* The Jacobian of the losses is diagonal, and the sum's of equal columns: both rules are products with the slopes. */
static ct_tensor *pairwise_vjp(ct_tape *t, const ct_call *call, ct_tensor *g, ct_tensor *slope)
{
    return ct_mul(t, pairwise_of(call)->sums ? ct_scale(t, g, pairwise_of(call)->factor) : g, slope);
}

static ct_tensor *pairwise_jvp(ct_tape *t, const ct_call *call, ct_tensor *tangent, ct_tensor *slope)
{
    ct_tensor *each = ct_mul(t, tangent, slope);
    return pairwise_of(call)->sums ? ct_scale(t, ct_sum(t, each), pairwise_of(call)->factor) : each;
}

/* PAIRWISE(name, LOSS, by_x, by_t): the row ct_op_name, whose slopes are expressions of the tape t, input x, target y and parameter a. */
#define PAIRWISE(name_, loss_, by_x_, by_t_)                                                                          \
    static bool name_##_forward(ct_tape *tape, ct_call *call) { return run_pairwise(tape, call, loss_); }             \
    static bool name_##_fused(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[]) \
    {                                                                                                                 \
        return run_pairwise_vjp(loss_, tape, call, g, wanted, gradient);                                              \
    }                                                                                                                 \
    static ct_tensor *name_##_slope(ct_tape *t, const ct_call *call, int operand)                                     \
    {                                                                                                                 \
        ct_tensor *const x = call->in[0], *const y = call->in[1];                                                     \
        const double a = pairwise_of(call)->parameter;                                                                \
        (void)x, (void)y, (void)a;                                                                                    \
        return operand == 0 ? (by_x_) : (by_t_);                                                                      \
    }                                                                                                                 \
    static ct_tensor *name_##_vjp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                         \
    {                                                                                                                 \
        return pairwise_vjp(t, call, g, name_##_slope(t, call, operand));                                             \
    }                                                                                                                 \
    static ct_tensor *name_##_jvp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                         \
    {                                                                                                                 \
        return pairwise_jvp(t, call, g, name_##_slope(t, call, operand));                                             \
    }                                                                                                                 \
    const ct_op ct_op_##name_ = {                                                                                     \
        .name = #name_, .arity = 2, .reads = CT_READS_IN << 0 | CT_READS_IN << 1, .shape = pairwise_shape,            \
        .forward = name_##_forward, .vjp = name_##_vjp, .jvp = name_##_jvp, .fused_vjp = name_##_fused,               \
    };

/* max(log x, −100), whose derivative at 0 is 0, not 0/0: 1e-45 is above 0 in float32 too, and its log below −100. */
static ct_tensor *clamped_log(ct_tape *tape, ct_tensor *x)
{
    return ct_clamp(tape, ct_log(tape, ct_clamp(tape, x, 1e-45, INFINITY)), -100, INFINITY);
}

static ct_tensor *one_minus(ct_tape *tape, ct_tensor *x) { return ct_add_scalar(tape, ct_neg(tape, x), 1); }

/* torch keeps x (1 − x) at 1e-12 or more. */
static ct_tensor *spread(ct_tape *tape, ct_tensor *x) { return ct_clamp(tape, ct_mul(tape, x, one_minus(tape, x)), 1e-12, INFINITY); }

PAIRWISE(mse_loss, CT_LOSS_SQUARE, ct_scale(t, ct_sub(t, x, y), 2), ct_scale(t, ct_sub(t, x, y), -2))
PAIRWISE(l1_loss, CT_LOSS_ABSOLUTE, ct_sign(t, ct_sub(t, x, y)), ct_neg(t, ct_sign(t, ct_sub(t, x, y))))
PAIRWISE(smooth_l1_loss, CT_LOSS_SMOOTH, ct_scale(t, ct_clamp(t, ct_sub(t, x, y), -a, a), 1 / a),
         ct_scale(t, ct_clamp(t, ct_sub(t, x, y), -a, a), -1 / a))
PAIRWISE(bce_loss, CT_LOSS_ENTROPY, ct_div(t, ct_sub(t, x, y), spread(t, x)),
         ct_sub(t, clamped_log(t, one_minus(t, x)), clamped_log(t, x)))
PAIRWISE(bce_with_logits_loss, CT_LOSS_LOGITS, ct_sub(t, ct_sigmoid(t, x), y), ct_neg(t, x))

/* They do not broadcast: shapes that differ are nearly always a mistake. */
static ct_tensor *pairwise(ct_tape *tape, const ct_op *op, ct_tensor *input, ct_tensor *target, double parameter, ct_reduction reduction)
{
    if (!given(tape, op->name, input, target))
        return NULL;
    if (!ct_shape_equal(input->shape, target->shape))
        return ct_fail(tape, CT_BAD_SHAPE, "%s: target %s must have the shape of input %s", op->name, CT_TEXT(target->shape),
                       CT_TEXT(input->shape));
    if (!known(tape, op->name, reduction))
        return NULL;
    struct pairwise a;
    memset(&a, 0, sizeof a);
    a.parameter = parameter;
    a.factor = reduction == CT_REDUCTION_MEAN ? 1 / (double)input->count : 1;
    a.sums = reduction != CT_REDUCTION_NONE;
    return ct_apply(tape, op, 2, (ct_tensor *[]){ input, target }, &a, sizeof a);
}

ct_tensor *ct_mse_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    return pairwise(tape, &ct_op_mse_loss, input, target, 0, reduction);
}

ct_tensor *ct_l1_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    return pairwise(tape, &ct_op_l1_loss, input, target, 0, reduction);
}

ct_tensor *ct_smooth_l1_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, double beta, ct_reduction reduction)
{
    if (!(beta >= 0 && isfinite(beta)))
        return ct_fail(tape, CT_BAD_ARGUMENT, "smooth_l1_loss: beta %g must be finite and not negative", beta);
    return pairwise(tape, beta > 0 ? &ct_op_smooth_l1_loss : &ct_op_l1_loss, input, target, beta, reduction);
}

ct_tensor *ct_bce_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    return pairwise(tape, &ct_op_bce_loss, input, target, 0, reduction);
}

ct_tensor *ct_bce_with_logits_loss(ct_tape *tape, ct_tensor *input, ct_tensor *target, ct_reduction reduction)
{
    return pairwise(tape, &ct_op_bce_with_logits_loss, input, target, 0, reduction);
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
