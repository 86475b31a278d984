/* Pooling over 1 to 3 axes: the maximum, which is a gather once its places are known, and the mean, which is linear. */
#include "pool.h"

#include "kernels/pool.h"

/* The last `rank` extents of a tensor's shape replaced. */
static ct_shape with_spatial(ct_shape shape, const ct_windows *w, const int64_t extent[3])
{
    for (int i = 0; i < w->rank; i++)
        shape.extent[shape.rank - w->rank + i] = extent[3 - w->rank + i];
    return shape;
}

static int64_t planes_of(const ct_call *call)
{
    const ct_windows *w = call->attributes;
    return ct_shape_product(call->out->shape, 0, call->out->shape.rank - w->rank);
}

static bool pool_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape;
    const ct_windows *w = call->attributes;
    *out = with_spatial(call->in[0]->shape, w, call->op == &ct_op_avg_pool_adjoint ? w->in : w->out);
    return true;
}

/* ---- maximum ------------------------------------------------------------------------------ */

static bool max_pool_forward(ct_tape *tape, ct_call *call)
{
    const ct_windows *w = call->attributes;
    const int64_t planes = planes_of(call);
    call->aux = ct_tensor_new(ct_tape_pool(tape), call->out->dtype, CT_SHAPE(planes, w->out[0] * w->out[1] * w->out[2]));
    if (!call->aux) {
        ct_fail(tape, CT_NO_MEMORY, "max_pool: no memory for the places of %lld maxima", (long long)call->out->count);
        return false;
    }
    CT_KERNEL_OF(call->out->dtype, ct_max_windows)(planes, w, CT_IN(call, 0), CT_OUT(call), ct_data(call->aux));
    return true;
}

static ct_tensor *max_pool_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    const ct_windows *w = call->attributes;
    ct_tensor *places = ct_reshape(tape, g, call->aux->shape);
    ct_tensor *x = ct_gather_adjoint(tape, places, 1, call->aux, w->in[0] * w->in[1] * w->in[2]);
    return ct_reshape(tape, x, with_spatial(call->out->shape, w, w->in));
}

static ct_tensor *max_pool_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *t)
{
    (void)operand;
    const ct_windows *w = call->attributes;
    ct_tensor *planes = ct_reshape(tape, t, CT_SHAPE(planes_of(call), w->in[0] * w->in[1] * w->in[2]));
    return ct_reshape(tape, ct_gather(tape, planes, 1, call->aux), call->out->shape);
}

const ct_op ct_op_max_pool = {
    .name = "max_pool",
    .arity = 1,
    .shape = pool_shape,
    .forward = max_pool_forward,
    .vjp = max_pool_vjp,
    .jvp = max_pool_jvp,
};

/* ---- mean --------------------------------------------------------------------------------- */

static bool avg_pool_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    CT_KERNEL_OF(call->out->dtype, ct_mean_windows)(planes_of(call), call->attributes, CT_IN(call, 0), CT_OUT(call));
    return true;
}

static bool avg_pool_adjoint_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    CT_KERNEL_OF(call->out->dtype, ct_mean_windows_adjoint)(planes_of(call), call->attributes, CT_IN(call, 0), CT_OUT(call));
    return true;
}

static ct_tensor *avg_pool_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    const ct_op *other = call->op == &ct_op_avg_pool ? &ct_op_avg_pool_adjoint : &ct_op_avg_pool;
    return ct_apply(tape, other, 1, &g, call->attributes, sizeof(ct_windows));
}

const ct_op ct_op_avg_pool = {
    .name = "avg_pool",
    .arity = 1,
    .shape = pool_shape,
    .forward = avg_pool_forward,
    .vjp = avg_pool_vjp,
    .jvp = ct_multilinear_jvp,
};

const ct_op ct_op_avg_pool_adjoint = {
    .name = "avg_pool_adjoint",
    .arity = 1,
    .shape = pool_shape,
    .forward = avg_pool_adjoint_forward,
    .vjp = avg_pool_vjp,
    .jvp = ct_multilinear_jvp,
};

/* ---- geometry ------------------------------------------------------------------------------ */

enum { EXTENT_LIMIT = 1 << 30 }; /* of kernel, stride and dilation, so that no product overflows */

/* Fills one axis of the windows; false when the numbers break a rule. */
static bool axis_windows(ct_windows *w, int axis, int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                         bool ceil_mode)
{
    stride = stride ? stride : kernel;
    dilation = dilation ? dilation : 1;
    if (in < 1 || kernel < 1 || kernel > EXTENT_LIMIT || stride < 1 || stride > EXTENT_LIMIT || dilation < 1 ||
        dilation > EXTENT_LIMIT || padding < 0 || padding > kernel / 2)
        return false;
    const int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
    int64_t out = room < 0 ? 0 : room / stride + 1;
    /* A last, partial window counts if it starts inside x or the padding before it. */
    if (ceil_mode && room > -stride && room % stride && out * stride < in + padding)
        out++;
    /* A dilated window may step over a small x from one padding to the other. */
    for (int64_t q = 0; q < out && q * stride < padding; q++)
        if ((dilation - (padding - q * stride) % dilation) % dilation >= in)
            return false;
    w->in[axis] = in, w->out[axis] = out, w->kernel[axis] = kernel;
    w->stride[axis] = stride, w->padding[axis] = padding, w->dilation[axis] = dilation;
    return out > 0;
}

static ct_tensor *pool(ct_tape *tape, const ct_op *op, int rank, ct_tensor *x, const ct_pool_options *options)
{
    if (!x || !options)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s%dd: %s is NULL", op->name, rank, x ? "options" : "x");
    const ct_shape shape = x->shape;
    if (shape.rank != rank + 1 && shape.rank != rank + 2)
        return ct_fail(tape, CT_BAD_SHAPE, "%s%dd: x %s must be (N, C, …) or (C, …) with %d spatial axes", op->name, rank,
                       CT_TEXT(shape), rank);
    ct_windows w = { .rank = rank, .exclude_pad = options->exclude_pad };
    int64_t plane = 1;
    for (int i = 0; i < 3; i++) {
        const int axis = i - (3 - rank);
        if (axis < 0) {
            axis_windows(&w, i, 1, 1, 1, 0, 1, false);
            continue;
        }
        const int64_t in = shape.extent[shape.rank - rank + axis], kernel = options->kernel[axis];
        const int64_t stride = options->stride[axis], padding = options->padding[axis], dilation = options->dilation[axis];
        if (op == &ct_op_avg_pool && dilation > 1)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s%dd: dilation %lld, but averages have none", op->name, rank,
                           (long long)dilation);
        if (!axis_windows(&w, i, in, kernel, stride, padding, dilation, options->ceil_mode))
            return ct_fail(tape, CT_BAD_SHAPE,
                           "%s%dd: spatial axis %d of x %s with kernel %lld, stride %lld, padding %lld, dilation %lld: "
                           "the window must fit into x with its padding and meet x wherever it stands, "
                           "and padding be 0 … kernel/2",
                           op->name, rank, axis, CT_TEXT(shape), (long long)kernel, (long long)(stride ? stride : kernel),
                           (long long)padding, (long long)(dilation ? dilation : 1));
        plane *= in;
    }
    if (op == &ct_op_max_pool && x->dtype == CT_F32 && plane > 1 << 24)
        return ct_fail(tape, CT_BAD_SHAPE, "%s%dd: a plane of x %s has %lld values; float32 can number 2^24", op->name, rank,
                       CT_TEXT(shape), (long long)plane);
    return ct_apply(tape, op, 1, &x, &w, sizeof w);
}

ct_tensor *ct_max_pool1d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options)
{
    return pool(tape, &ct_op_max_pool, 1, x, options);
}

ct_tensor *ct_max_pool2d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options)
{
    return pool(tape, &ct_op_max_pool, 2, x, options);
}

ct_tensor *ct_max_pool3d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options)
{
    return pool(tape, &ct_op_max_pool, 3, x, options);
}

ct_tensor *ct_avg_pool1d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options)
{
    return pool(tape, &ct_op_avg_pool, 1, x, options);
}

ct_tensor *ct_avg_pool2d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options)
{
    return pool(tape, &ct_op_avg_pool, 2, x, options);
}

ct_tensor *ct_avg_pool3d(ct_tape *tape, ct_tensor *x, const ct_pool_options *options)
{
    return pool(tape, &ct_op_avg_pool, 3, x, options);
}
