/* softmax and log_softmax along one axis. */
#include "softmax.h"

#include "kernels/softmax.h"

static int axis_of(const ct_call *call)
{
    return *(const int *)call->attributes;
}

static void softmax_rows(const ct_call *call, bool log_of)
{
    const ct_shape shape = call->out->shape;
    const int axis = axis_of(call);
    CT_KERNEL_OF(call->out->dtype, ct_softmax)
    (ct_shape_product(shape, 0, axis), shape.extent[axis], ct_shape_product(shape, axis + 1, shape.rank), log_of, CT_IN(call, 0),
     CT_OUT(call));
}

static bool softmax_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    softmax_rows(call, false);
    return true;
}

static bool log_softmax_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    softmax_rows(call, true);
    return true;
}

/* y (g − Σ g y): diag(y) − yyᵀ is symmetric, so this is the jvp too. */
static ct_tensor *softmax_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    ct_tensor *sum = ct_sum_axes(tape, ct_mul(tape, g, call->out), CT_AXES(axis_of(call)), true);
    return ct_mul(tape, call->out, ct_sub(tape, g, sum));
}

/* The Jacobian is I − 1 pᵀ with p = eʸ. */
static ct_tensor *log_softmax_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    ct_tensor *sum = ct_sum_axes(tape, g, CT_AXES(axis_of(call)), true);
    return ct_sub(tape, g, ct_mul(tape, ct_exp(tape, call->out), sum));
}

static ct_tensor *log_softmax_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *t)
{
    (void)operand;
    ct_tensor *weighted = ct_mul(tape, ct_exp(tape, call->out), t);
    return ct_sub(tape, t, ct_sum_axes(tape, weighted, CT_AXES(axis_of(call)), true));
}

/* Two passes over y and g, where the definitions take more. */
static bool fused_vjp(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[])
{
    if (!wanted[0])
        return true;
    gradient[0] = ct_gradient_in_place(tape, call, g);
    if (gradient[0] == NULL)
        return false;
    const ct_shape shape = g->shape;
    const int axis = axis_of(call);
    CT_KERNEL_OF(g->dtype, ct_softmax_vjp)
    (ct_shape_product(shape, 0, axis), shape.extent[axis], ct_shape_product(shape, axis + 1, shape.rank),
     call->op == &ct_op_log_softmax, CT_OUT(call), ct_data(g), ct_data(gradient[0]));
    return true;
}

const ct_op ct_op_softmax = {
    .name = "softmax",
    .arity = 1,
    .reads = CT_READS_OUT,
    .shape = ct_shape_same,
    .forward = softmax_forward,
    .vjp = softmax_vjp,
    .jvp = softmax_vjp,
    .fused_vjp = fused_vjp,
};

const ct_op ct_op_log_softmax = {
    .name = "log_softmax",
    .arity = 1,
    .reads = CT_READS_OUT,
    .shape = ct_shape_same,
    .forward = log_softmax_forward,
    .vjp = log_softmax_vjp,
    .jvp = log_softmax_jvp,
    .fused_vjp = fused_vjp,
};

static ct_tensor *apply_along(ct_tape *tape, const ct_op *op, ct_tensor *x, int axis)
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: x is NULL", op->name);
    int normal = axis;
    if (!ct_axis_normalize(x->shape.rank, &normal))
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: axis %d is not an axis of x %s", op->name, axis, CT_TEXT(x->shape));
    return ct_apply(tape, op, 1, &x, &normal, sizeof normal);
}

ct_tensor *ct_softmax(ct_tape *tape, ct_tensor *x, int axis)
{
    return apply_along(tape, &ct_op_softmax, x, axis);
}

ct_tensor *ct_log_softmax(ct_tape *tape, ct_tensor *x, int axis)
{
    return apply_along(tape, &ct_op_log_softmax, x, axis);
}
