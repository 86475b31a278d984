/* How to be wrong: ops with the values of a right function and a spoiled derivative, and ways to spoil one. */
#ifndef TESTS_WRONG_H
#define TESTS_WRONG_H

#include "mutations.h"

/* The right cotangent of one operand. */
static ct_tensor *right_vjp(ct_tape *t, sample_function *f, const ct_call *call, int operand, ct_tensor *g)
{
    ct_tensor *gradient[CT_MAX_INPUTS];
    return ct_vjp(t, &(ct_function){ f, NULL, call->arity }, call->in, g, gradient) ? gradient[operand] : NULL;
}

static ct_tensor *right_jvp(ct_tape *t, sample_function *f, const ct_call *call, int operand, ct_tensor *tangent)
{
    ct_tensor *tangents[CT_MAX_INPUTS] = { NULL }, *pushed;
    tangents[operand] = tangent;
    return ct_jvp(t, &(ct_function){ f, NULL, call->arity }, call->in, tangents, &pushed) ? pushed : NULL;
}

static bool shape_by(ct_tape *t, sample_function *f, const ct_call *call, ct_shape *out)
{
    ct_no_grad_begin(t);
    const ct_tensor *y = f(t, call->in, NULL);
    ct_no_grad_end(t);
    if (y != NULL)
        *out = ct_tensor_shape(y);
    return y != NULL;
}

static bool forward_by(ct_tape *t, sample_function *f, ct_call *call)
{
    ct_no_grad_begin(t);
    const ct_tensor *y = f(t, call->in, NULL);
    ct_no_grad_end(t);
    return y != NULL && ct_tensor_assign(call->out, y) == CT_OK;
}

#define RIGHT(name, expression) \
    static ct_tensor *name(ct_tape *t, ct_tensor *const in[], void *context) { return (void)t, (void)context, expression; }

/* WRONG(name, right, operands, vjp, jvp): an op with right's values. In the expressions: tape t, operands in[], result y, the cotangent or
 * tangent g, the operand's number, and the right answer r. */
#define WRONG(name_, right, operands, vjp_, jvp_)                                                                        \
    static bool name_##_shape(ct_tape *t, const ct_call *call, ct_shape *out) { return shape_by(t, right, call, out); }  \
    static bool name_##_forward(ct_tape *t, ct_call *call) { return forward_by(t, right, call); }                        \
    static ct_tensor *name_##_vjp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                            \
    {                                                                                                                   \
        ct_tensor *const *const in = call->in, *const y = call->out, *const r = right_vjp(t, right, call, operand, g);  \
        return (void)in, (void)y, (void)r, vjp_;                                                                        \
    }                                                                                                                   \
    static ct_tensor *name_##_jvp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                            \
    {                                                                                                                   \
        ct_tensor *const *const in = call->in, *const y = call->out, *const r = right_jvp(t, right, call, operand, g);  \
        return (void)in, (void)y, (void)r, jvp_;                                                                        \
    }                                                                                                                   \
    static const ct_op name_##_op = { .name = #name_, .arity = operands, .reads = CT_READS_ALL_IN | CT_READS_OUT,         \
                                     .shape = name_##_shape, .forward = name_##_forward, .vjp = name_##_vjp, .jvp = name_##_jvp }; \
    static ct_tensor *name_(ct_tape *t, ct_tensor *const in[], void *context)                                            \
    {                                                                                                                   \
        return (void)context, ct_apply(t, &name_##_op, operands, in, NULL, 0);                                           \
    }

/* Both modes wrong in the same way: of a symmetric Jacobian. */
#define BOTH(name_, right, operands, expression) WRONG(name_, right, operands, expression, expression)
/* Reverse mode alone. */
#define BACK(name_, right, operands, expression) WRONG(name_, right, operands, expression, r)

/* x with the element at `position` (negative: from the end) times factor. */
static ct_tensor *spoil(ct_tape *t, ct_tensor *x, int64_t position, double factor)
{
    ct_tensor *mask = ct_tape_tensor(t, ct_tensor_dtype(x), ct_tensor_shape(x));
    const int64_t count = ct_tensor_count(x);
    if (mask == NULL || count == 0)
        return x;
    ct_tensor_fill(mask, 1);
    ct_check_set(mask, ((position % count) + count) % count, factor);
    return ct_mul(t, x, mask);
}

static ct_tensor *shift(ct_tape *t, ct_tensor *x) { return ct_pad(t, x, 2, (int64_t[]){ 1, -1 }, CT_ZEROS); }

/* Zero at the first place of the last axis, or at the last. */
static ct_tensor *without_edge(ct_tape *t, ct_tensor *x, bool last)
{
    const int64_t edge[2] = { last ? 0 : -1, last ? -1 : 0 }, back[2] = { -edge[0], -edge[1] };
    return ct_pad(t, ct_pad(t, x, 2, edge, CT_ZEROS), 2, back, CT_ZEROS);
}

/* The rows of the batch but the last. */
static ct_tensor *without_last_sample(ct_tape *t, ct_tensor *x)
{
    const int64_t n = ct_tensor_size(x, 0);
    return ct_slice_adjoint(t, ct_slice(t, x, 0, 0, n - 1, 1), 0, 0, n, 1);
}

#endif
