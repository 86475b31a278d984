/* Batch normalisation with its affine part and a leaky ReLU behind it: one row, one pass over memory each way. */
#include "norm.h"

#include "kernels/batch_norm.h"

#include <math.h>

typedef struct attributes {
    double eps, momentum, slope;
    ct_tensor *running_mean, *running_var; /* looked at during forward only */
} attributes;

#define MOMENTS(call) ((double(*)[3])ct_data((call)->aux))

static ct_batch_norm_work work_of(const ct_call *call)
{
    const attributes *a = call->attributes;
    const ct_shape shape = call->in[0]->shape;
    return (ct_batch_norm_work){
        .n = shape.extent[0], .channels = shape.extent[1], .s = ct_shape_product(shape, 2, shape.rank),
        .eps = a->eps, .slope = a->slope,
        .x = CT_IN(call, 0), .weight = CT_IN(call, 1), .bias = CT_IN(call, 2), .moments = MOMENTS(call),
    };
}

static bool batch_norm_forward(ct_tape *tape, ct_call *call)
{
    const attributes *a = call->attributes;
    const int64_t channels = call->in[0]->shape.extent[1];
    call->aux = ct_tensor_new(ct_tape_pool(tape), CT_F64, CT_SHAPE(channels, 3));
    if (!call->aux) {
        ct_fail(tape, CT_NO_MEMORY, "batch_norm: no memory for the moments of %lld channels", (long long)channels);
        return false;
    }
    ct_batch_norm_work work = work_of(call);
    work.y = CT_OUT(call);
    CT_KERNEL_OF(call->out->dtype, ct_batch_norm_forward)(&work);

    void *mean = a->running_mean ? ct_tensor_data_mutable(a->running_mean) : NULL;
    void *var = a->running_var ? ct_tensor_data_mutable(a->running_var) : NULL;
    const double count = (double)(work.n * work.s);
    CT_KERNEL_OF(call->out->dtype, ct_running_update)
    (channels, a->momentum, count / (count - 1), (const double(*)[3])MOMENTS(call), mean, var);
    return true;
}

/* ---- derivatives of y = leaky(x̂ weight + bias), the definition ---- */

static ct_axes batch_and_space(const ct_tensor *x)
{
    ct_axes axes = { .count = 0 };
    for (int i = 0; i < x->shape.rank; i++)
        if (i != 1)
            axes.axis[axes.count++] = i;
    return axes;
}

static ct_normed normal_of(ct_tape *tape, const ct_call *call)
{
    const attributes *a = call->attributes;
    return ct_normed_of(tape, call->in[0], batch_and_space(call->in[0]), a->eps);
}

/* The leaky ReLU's diagonal Jacobian. */
static ct_tensor *rectified(ct_tape *tape, const ct_call *call, const ct_normed *normal, ct_tensor *direction)
{
    const attributes *a = call->attributes;
    ct_tensor *x = call->in[0], *weight = ct_norm_per_channel(tape, x, call->in[1]);
    ct_tensor *z = ct_add(tape, ct_mul(tape, normal->x, weight), ct_norm_per_channel(tape, x, call->in[2]));
    return a->slope == 0 ? ct_masked(tape, direction, ct_relu(tape, z)) : ct_mul(tape, direction, ct_leaky_step(tape, z, a->slope));
}

static ct_tensor *batch_norm_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    const ct_normed normal = normal_of(tape, call);
    ct_tensor *before = rectified(tape, call, &normal, g);
    if (operand == 0)
        return ct_normed_project(tape, &normal, ct_mul(tape, before, ct_norm_per_channel(tape, call->in[0], call->in[1])));
    return ct_sum_axes(tape, operand == 1 ? ct_mul(tape, before, normal.x) : before, normal.axes, false);
}

static ct_tensor *batch_norm_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    const ct_normed normal = normal_of(tape, call);
    ct_tensor *x = call->in[0], *dz;
    if (operand == 0)
        dz = ct_mul(tape, ct_normed_project(tape, &normal, tangent), ct_norm_per_channel(tape, x, call->in[1]));
    else if (operand == 1)
        dz = ct_mul(tape, normal.x, ct_norm_per_channel(tape, x, tangent));
    else
        dz = ct_expand(tape, ct_norm_per_channel(tape, x, tangent), x->shape);
    return rectified(tape, call, &normal, dz);
}

static bool batch_norm_fused_vjp(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[])
{
    void *into[3];
    if (!ct_norm_gradients(tape, call, g, wanted, gradient, into))
        return false;
    ct_batch_norm_work work = work_of(call);
    work.g = ct_data(g);
    work.dx = into[0], work.dweight = into[1], work.dbias = into[2];
    CT_KERNEL_OF(g->dtype, ct_batch_norm_backward)(&work);
    return true;
}

const ct_op ct_op_batch_norm = {
    .name = "batch_norm",
    .arity = 3,
    .reads = CT_READS_IN | CT_READS_IN << 1 | CT_READS_IN << 2,
    .shape = ct_shape_same,
    .forward = batch_norm_forward,
    .vjp = batch_norm_vjp,
    .jvp = batch_norm_jvp,
    .fused_vjp = batch_norm_fused_vjp,
};

/* ---- public ---- */

/* With the running statistics, which are constants: the composed formula. */
static ct_tensor *evaluate(ct_tape *tape, ct_tensor *x, ct_tensor *mean, ct_tensor *var, ct_tensor *weight, ct_tensor *bias,
                           double eps, double slope)
{
    if (!mean || !var)
        return ct_fail(tape, CT_BAD_ARGUMENT, "batch_norm: without training it needs running_mean and running_var");
    ct_tensor *centred = ct_sub(tape, x, ct_norm_per_channel(tape, x, mean));
    ct_tensor *r = ct_pow(tape, ct_add_scalar(tape, var, eps), -0.5);
    ct_tensor *y = centred && r ? ct_mul(tape, centred, ct_norm_per_channel(tape, x, r)) : NULL;
    if (y && weight)
        y = ct_mul(tape, y, ct_norm_per_channel(tape, x, weight));
    if (y && bias)
        y = ct_add(tape, y, ct_norm_per_channel(tape, x, bias));
    return slope == 0 ? ct_relu(tape, y) : slope == 1 ? y : ct_leaky_relu(tape, y, slope);
}

ct_tensor *ct_batch_norm_leaky_relu(ct_tape *tape, ct_tensor *x, ct_tensor *running_mean, ct_tensor *running_var,
                                    ct_tensor *weight, ct_tensor *bias, bool training, double momentum, double eps,
                                    double negative_slope)
{
    const char *op = "batch_norm";
    if (!ct_norm_has_channels(tape, op, x) || !ct_norm_eps_allowed(tape, op, eps))
        return NULL;
    const int64_t c = x->shape.extent[1];
    const ct_shape channels = CT_SHAPE(c);
    if (!ct_norm_fits(tape, op, "running_mean", x, running_mean, channels) ||
        !ct_norm_fits(tape, op, "running_var", x, running_var, channels) ||
        !ct_norm_fits(tape, op, "weight", x, weight, channels) || !ct_norm_fits(tape, op, "bias", x, bias, channels))
        return NULL;
    if (!isfinite(negative_slope))
        return ct_fail(tape, CT_BAD_ARGUMENT, "batch_norm: negative_slope %g must be finite", negative_slope);
    if (!training)
        return evaluate(tape, x, running_mean, running_var, weight, bias, eps, negative_slope);
    if (!isfinite(momentum))
        return ct_fail(tape, CT_BAD_ARGUMENT, "batch_norm: momentum %g must be finite", momentum);
    if (c && x->count / c < 2)
        return ct_fail(tape, CT_BAD_SHAPE, "batch_norm: training needs more than 1 value per channel, x %s has %lld",
                       CT_TEXT(x->shape), (long long)(x->count / c));
    ct_tensor *in[] = { x, weight ? weight : ct_norm_constant(tape, x->dtype, channels, 1),
                        bias ? bias : ct_norm_constant(tape, x->dtype, channels, 0) };
    const attributes a = { eps, momentum, negative_slope, running_mean, running_var };
    return ct_apply(tape, &ct_op_batch_norm, 3, in, &a, sizeof a);
}

ct_tensor *ct_batch_norm(ct_tape *tape, ct_tensor *x, ct_tensor *running_mean, ct_tensor *running_var, ct_tensor *weight,
                         ct_tensor *bias, bool training, double momentum, double eps)
{
    return ct_batch_norm_leaky_relu(tape, x, running_mean, running_var, weight, bias, training, momentum, eps, 1);
}
