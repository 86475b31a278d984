/* Upsampling, one axis after another: each output takes one (nearest) or two (linear) inputs of its line. */
#include "upsample.h"

#include "kernels/upsample.h"

typedef enum resample_mode { NEAREST, LINEAR, LINEAR_CORNERS } resample_mode;

typedef struct resample_attributes {
    int axis;
    int64_t in, out; /* of the forward map, in both rows */
    resample_mode mode;
} resample_attributes;

static ct_tap tap_of(const resample_attributes *a, int64_t j)
{
    if (a->mode == NEAREST) {
        const int64_t source = (int64_t)((__int128)j * a->in / a->out);
        return (ct_tap){ source, source, 0 };
    }
    double at;
    if (a->mode == LINEAR_CORNERS)
        at = a->out > 1 ? (double)j * (double)(a->in - 1) / (double)(a->out - 1) : 0;
    else
        at = ((double)j + 0.5) * (double)a->in / (double)a->out - 0.5;
    at = at > 0 ? at : 0;
    const int64_t low = at < (double)(a->in - 1) ? (int64_t)at : a->in - 1;
    if (low == a->in - 1)
        return (ct_tap){ low, low, 0 };
    return (ct_tap){ low, low + 1, at - (double)low };
}

static bool resample_run(ct_tape *tape, ct_call *call, bool adjoint)
{
    const resample_attributes *a = call->attributes;
    const ct_shape shape = call->out->shape;
    const size_t bytes = (size_t)a->out * sizeof(ct_tap);
    ct_tap *taps = ct_allocate_array((size_t)a->out, sizeof(ct_tap));
    if (!taps) {
        ct_fail(tape, CT_NO_MEMORY, "%s: no memory for %lld positions", call->op->name, (long long)a->out);
        return false;
    }
    for (int64_t j = 0; j < a->out; j++)
        taps[j] = tap_of(a, j);
    const int64_t outer = ct_shape_product(shape, 0, a->axis), inner = ct_shape_product(shape, a->axis + 1, shape.rank);
    if (adjoint)
        CT_KERNEL_OF(call->out->dtype, ct_resample_adjoint)(outer, a->in, a->out, inner, a->mode == NEAREST, taps, CT_IN(call, 0),
                                                                 CT_OUT(call));
    else
        CT_KERNEL_OF(call->out->dtype, ct_resample)(outer, a->in, a->out, inner, a->mode == NEAREST, taps, CT_IN(call, 0),
                                                                 CT_OUT(call));
    ct_release(taps, bytes);
    return true;
}

static bool resample_forward(ct_tape *tape, ct_call *call)
{
    return resample_run(tape, call, false);
}

static bool resample_adjoint_forward(ct_tape *tape, ct_call *call)
{
    return resample_run(tape, call, true);
}

static bool resample_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape;
    const resample_attributes *a = call->attributes;
    *out = call->in[0]->shape;
    out->extent[a->axis] = call->op == &ct_op_resample ? a->out : a->in;
    return true;
}

static ct_tensor *resample_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    const ct_op *other = call->op == &ct_op_resample ? &ct_op_resample_adjoint : &ct_op_resample;
    return ct_apply(tape, other, 1, &g, call->attributes, sizeof(resample_attributes));
}

const ct_op ct_op_resample = {
    .name = "upsample",
    .arity = 1,
    .shape = resample_shape,
    .forward = resample_forward,
    .vjp = resample_vjp,
    .jvp = ct_multilinear_jvp,
};

const ct_op ct_op_resample_adjoint = {
    .name = "upsample_adjoint",
    .arity = 1,
    .shape = resample_shape,
    .forward = resample_adjoint_forward,
    .vjp = resample_vjp,
    .jvp = ct_multilinear_jvp,
};

static ct_tensor *upsample(ct_tape *tape, const char *op, ct_tensor *x, const int64_t size[], resample_mode mode)
{
    if (!x || !size)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: %s is NULL", op, x ? "size" : "x");
    const ct_shape from = x->shape;
    if (from.rank < 3 || from.rank > 2 + CT_MAX_SPATIAL)
        return ct_fail(tape, CT_BAD_SHAPE, "%s: x %s must be (N, C, …) with 1 to 3 spatial axes", op, CT_TEXT(from));
    for (int i = 0; i < from.rank - 2; i++)
        if (size[i] < 1 || size[i] > (int64_t)1 << 40 || from.extent[i + 2] < 1)
            return ct_fail(tape, CT_BAD_SHAPE, "%s: spatial axis %d of x %s goes to size %lld, and both must be at least 1", op, i,
                           CT_TEXT(from), (long long)size[i]);
    for (int i = from.rank - 3; i >= 0 && x; i--) { /* single values first, then rows */
        const resample_attributes a = { i + 2, from.extent[i + 2], size[i], mode };
        if (a.in != a.out)
            x = ct_apply(tape, &ct_op_resample, 1, &x, &a, sizeof a);
    }
    return x;
}

ct_tensor *ct_upsample_nearest(ct_tape *tape, ct_tensor *x, const int64_t size[])
{
    return upsample(tape, "upsample_nearest", x, size, NEAREST);
}

ct_tensor *ct_upsample_bilinear(ct_tape *tape, ct_tensor *x, const int64_t size[], bool align_corners)
{
    return upsample(tape, "upsample_bilinear", x, size, align_corners ? LINEAR_CORNERS : LINEAR);
}
