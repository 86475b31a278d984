/* reshape, permute, concat, gather, and their kin. Slices and paddings are in index.c. */
#include "move.h"

#include <string.h>

#include "../tensor/whole.h"
#include "kernels/move.h"

/* ---- reshape ---- */

struct reshape_attributes {
    ct_shape from, to;
};

static bool reshape_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    const struct reshape_attributes *a = call->attributes;
    (void)tape;
    *out = a->to;
    return true;
}

/* The output takes over the operand's storage: a view is made, and the two exchange storages. */
static bool reshape_forward(ct_tape *tape, ct_call *call)
{
    ct_tensor *view = ct_tensor_share(ct_tape_pool(tape), call->in[0], call->out->shape);
    if (!view) {
        ct_fail(tape, CT_NO_MEMORY, "reshape: no memory for a view");
        return false;
    }
    struct ct_storage *storage = view->storage;
    view->storage = call->out->storage;
    call->out->storage = storage;
    ct_tensor_release(view);
    return true;
}

static ct_tensor *reshape_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    (void)operand;
    return ct_reshape(tape, cotangent, ((const struct reshape_attributes *)call->attributes)->from);
}

const ct_op ct_op_reshape = {
    .name = "reshape", .arity = 1, .shape = reshape_shape, .forward = reshape_forward, .vjp = reshape_vjp,
    .jvp = ct_multilinear_jvp,
};

ct_tensor *ct_reshape(ct_tape *tape, ct_tensor *x, ct_shape shape)
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "reshape: x is NULL");
    if (!ct_rank_allowed(tape, "reshape", shape))
        return NULL;
    struct reshape_attributes a;
    memset(&a, 0, sizeof a);
    a.from = x->shape;
    a.to = shape;
    int free_axis = -1;
    for (int axis = 0; axis < shape.rank; axis++) {
        if (shape.extent[axis] != -1)
            continue;
        if (free_axis >= 0)
            return ct_fail(tape, CT_BAD_SHAPE, "reshape: %s has more than one −1", CT_TEXT(shape));
        free_axis = axis;
        a.to.extent[axis] = 1;
    }
    int64_t count = 0;
    size_t bytes;
    if (ct_shape_measure(a.to, x->dtype, &count, &bytes) && free_axis >= 0 && count > 0 && x->count % count == 0) {
        a.to.extent[free_axis] = x->count / count;
        count = x->count;
    } else if (free_axis >= 0) {
        count = -1;
    }
    if (count != x->count || !ct_shape_measure(a.to, x->dtype, &count, &bytes))
        return ct_fail(tape, CT_BAD_SHAPE, "reshape: %s has %lld elements; they do not make %s", CT_TEXT(x->shape),
                       (long long)x->count, CT_TEXT(shape));
    return ct_apply(tape, &ct_op_reshape, 1, &x, &a, sizeof a);
}

ct_tensor *ct_flatten(ct_tape *tape, ct_tensor *x, int start_axis, int end_axis)
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "flatten: x is NULL");
    int rank = x->shape.rank, axes = rank > 0 ? rank : 1, start = start_axis, end = end_axis;
    if (!ct_axis_normalize(axes, &start) || !ct_axis_normalize(axes, &end) || start > end)
        return ct_fail(tape, CT_BAD_ARGUMENT, "flatten: axes %d to %d of a tensor of rank %d", start_axis, end_axis, rank);
    if (rank == 0)
        return ct_reshape(tape, x, CT_SHAPE(1));
    ct_shape shape = { .rank = rank - (end - start) };
    for (int axis = 0; axis < shape.rank; axis++)
        shape.extent[axis] = x->shape.extent[axis < start ? axis : axis + end - start];
    shape.extent[start] = ct_shape_product(x->shape, start, end + 1);
    return ct_reshape(tape, x, shape);
}

/* ---- permute ---- */

static bool permute_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    const ct_axes *order = call->attributes;
    ct_shape in = call->in[0]->shape;
    (void)tape;
    out->rank = in.rank;
    for (int axis = 0; axis < in.rank; axis++)
        out->extent[axis] = in.extent[order->axis[axis]];
    return true;
}

/* Axes that are neighbours in both tensors count as one. */
static bool permute_forward(ct_tape *tape, ct_call *call)
{
    const ct_axes *order = call->attributes;
    const ct_shape in = call->in[0]->shape;
    ct_shape folded = { .rank = 1, .extent = { 1 } };
    int64_t stride[CT_MAX_RANK] = { 1 };
    (void)tape;
    for (int axis = 0; axis < in.rank; axis++) {
        const int64_t extent = call->out->shape.extent[axis], step = ct_shape_product(in, order->axis[axis] + 1, in.rank);
        int *rank = &folded.rank;
        if (extent == 1)
            continue;
        if (folded.extent[*rank - 1] == 1)
            folded.extent[*rank - 1] = extent;
        else if (stride[*rank - 1] == step * extent)
            folded.extent[*rank - 1] *= extent;
        else
            folded.extent[(*rank)++] = extent;
        stride[*rank - 1] = step;
    }
    if (call->out->count > 0)
        CT_KERNEL_OF(call->out->dtype, ct_kernel_permute)(folded, stride, CT_IN(call, 0), CT_OUT(call));
    return true;
}

static ct_tensor *permute_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    const ct_axes *order = call->attributes;
    ct_axes inverse = { .count = order->count };
    (void)operand;
    for (int axis = 0; axis < order->count; axis++)
        inverse.axis[order->axis[axis]] = axis;
    return ct_permute(tape, cotangent, inverse);
}

const ct_op ct_op_permute = {
    .name = "permute", .arity = 1, .shape = permute_shape, .forward = permute_forward, .vjp = permute_vjp,
    .jvp = ct_multilinear_jvp,
};

ct_tensor *ct_permute(ct_tape *tape, ct_tensor *x, ct_axes order)
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "permute: x is NULL");
    if (order.count != x->shape.rank)
        return ct_fail(tape, CT_BAD_ARGUMENT, "permute: %d axes for a tensor of rank %d", order.count, x->shape.rank);
    unsigned seen = 0;
    for (int i = 0; i < order.count; i++) {
        int given = order.axis[i];
        if (!ct_axis_normalize(x->shape.rank, &order.axis[i]))
            return ct_fail(tape, CT_BAD_ARGUMENT, "permute: axis %d of a tensor of rank %d", given, x->shape.rank);
        if (seen & 1u << order.axis[i])
            return ct_fail(tape, CT_BAD_ARGUMENT, "permute: axis %d is given twice", order.axis[i]);
        seen |= 1u << order.axis[i];
    }
    return ct_apply(tape, &ct_op_permute, 1, &x, &order, sizeof order);
}

ct_tensor *ct_transpose(ct_tape *tape, ct_tensor *x, int axis0, int axis1)
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "transpose: x is NULL");
    int a = axis0, b = axis1;
    if (!ct_axis_normalize(x->shape.rank, &a) || !ct_axis_normalize(x->shape.rank, &b))
        return ct_fail(tape, CT_BAD_ARGUMENT, "transpose: axes %d and %d of a tensor of rank %d", axis0, axis1, x->shape.rank);
    ct_axes order = { .count = x->shape.rank };
    for (int axis = 0; axis < order.count; axis++)
        order.axis[axis] = axis == a ? b : axis == b ? a : axis;
    return ct_permute(tape, x, order);
}

/* ---- concat ---- */

struct concat_attributes {
    int axis;
};

static int64_t concat_start(const ct_call *call, int operand)
{
    const struct concat_attributes *a = call->attributes;
    int64_t start = 0;
    for (int i = 0; i < operand; i++)
        start += call->in[i]->shape.extent[a->axis];
    return start;
}

static bool concat_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    const struct concat_attributes *a = call->attributes;
    *out = call->in[0]->shape;
    for (int i = 1; i < call->arity; i++) {
        ct_shape like = call->in[i]->shape;
        if (like.rank == out->rank)
            like.extent[a->axis] = out->extent[a->axis];
        if (!ct_shape_equal(like, *out)) {
            ct_fail(tape, CT_BAD_SHAPE, "concat: %s and %s differ in more than axis %d", CT_TEXT(call->in[0]->shape),
                    CT_TEXT(call->in[i]->shape), a->axis);
            return false;
        }
    }
    out->extent[a->axis] = concat_start(call, call->arity);
    return true;
}

/* An operand's blocks, one for each index of the axes in front, on their way into the output. */
struct concat_job {
    const char *from;
    char *to;
    int64_t block, stride; /* in elements: of the operand, and from one block to the next in the output */
    size_t size;
};

static void concat_range(void *context, int64_t begin, int64_t end)
{
    const struct concat_job *job = context;
    for (int64_t at = begin, some; at < end; at += some) {
        const int64_t row = at / job->block, column = at % job->block;
        some = least(job->block - column, end - at);
        memcpy(job->to + (size_t)(row * job->stride + column) * job->size, job->from + (size_t)at * job->size, (size_t)some * job->size);
    }
}

static bool concat_forward(ct_tape *tape, ct_call *call)
{
    enum { GRAIN = 1 << 16 };
    const int axis = ((const struct concat_attributes *)call->attributes)->axis;
    const ct_shape out = call->out->shape;
    struct concat_job job = { .to = CT_OUT(call), .stride = ct_shape_product(out, axis, out.rank), .size = ct_dtype_size(call->out->dtype) };
    (void)tape;
    for (int i = 0; i < call->arity; i++) {
        job.from = CT_IN(call, i);
        job.block = ct_shape_product(call->in[i]->shape, axis, out.rank);
        ct_parallel_for(call->in[i]->count, GRAIN, concat_range, &job);
        job.to += (size_t)job.block * job.size;
    }
    return true;
}

static ct_tensor *concat_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    int axis = ((const struct concat_attributes *)call->attributes)->axis;
    return ct_slice(tape, cotangent, axis, concat_start(call, operand), concat_start(call, operand + 1), 1);
}

static ct_tensor *concat_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    int axis = ((const struct concat_attributes *)call->attributes)->axis;
    return ct_slice_adjoint(tape, tangent, axis, concat_start(call, operand), concat_start(call, call->arity), 1);
}

const ct_op ct_op_concat = {
    .name = "concat", .arity = -1, .shape = concat_shape, .forward = concat_forward, .vjp = concat_vjp, .jvp = concat_jvp,
};

ct_tensor *ct_concat(ct_tape *tape, int count, ct_tensor *const x[], int axis)
{
    if (count < 1 || !x || !x[0])
        return ct_fail(tape, CT_BAD_ARGUMENT, "concat: no tensor (count %d)", count);
    struct concat_attributes a = { axis };
    if (!ct_axis_normalize(x[0]->shape.rank, &a.axis))
        return ct_fail(tape, CT_BAD_ARGUMENT, "concat: axis %d of a tensor of rank %d", axis, x[0]->shape.rank);
    return ct_apply(tape, &ct_op_concat, count, x, &a, sizeof a);
}

/* ---- gather ---- */

struct gather_attributes {
    int axis;
    int64_t size; /* of x along the axis, which index points into */
};

/* The shapes of operand 0 and of the index agree but for the axis (the adjoint: entirely), and every index points into x. */
static bool gather_check(ct_tape *tape, const ct_call *call, bool adjoint)
{
    const struct gather_attributes *a = call->attributes;
    ct_tensor *index = call->in[1];
    ct_shape x = call->in[0]->shape, like = index->shape;
    if (!adjoint && like.rank == x.rank)
        like.extent[a->axis] = x.extent[a->axis];
    if (!ct_shape_equal(like, x)) {
        ct_fail(tape, CT_BAD_SHAPE, "%s: index %s for x %s; they agree %s", call->op->name, CT_TEXT(index->shape), CT_TEXT(x),
                adjoint ? "on every axis" : "on every other axis");
        return false;
    }
    int64_t bad = CT_KERNEL_OF(index->dtype, ct_kernel_index_check)(ct_data(index), index->count, a->size);
    if (bad < 0)
        return true;
    ct_fail(tape, CT_BAD_ARGUMENT, "%s: index %g at position %lld; indices are whole numbers, 0 to %lld", call->op->name,
            ct_tensor_at(index, bad), (long long)bad, (long long)a->size - 1);
    return false;
}

static bool gather_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    *out = call->in[1]->shape;
    return gather_check(tape, call, false);
}

static bool scatter_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    const struct gather_attributes *a = call->attributes;
    *out = call->in[0]->shape;
    if (!gather_check(tape, call, true))
        return false;
    out->extent[a->axis] = a->size;
    return true;
}

typedef void gather_kernel(const int64_t[4], const void *, const void *, void *);

static bool gather_run(const ct_call *call, gather_kernel *kernel)
{
    const struct gather_attributes *a = call->attributes;
    ct_shape index = call->in[1]->shape;
    int64_t extents[4] = { ct_shape_product(index, 0, a->axis), index.extent[a->axis], a->size,
                           ct_shape_product(index, a->axis + 1, index.rank) };
    if (call->out->count > 0)
        kernel(extents, CT_IN(call, 0), CT_IN(call, 1), CT_OUT(call));
    return true;
}

static bool gather_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    return gather_run(call, CT_KERNEL_OF(call->out->dtype, ct_kernel_gather));
}

static bool scatter_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    return gather_run(call, CT_KERNEL_OF(call->out->dtype, ct_kernel_gather_adjoint));
}

/* An index is piecewise constant: what follows from moving it is zero. */
static ct_tensor *zeros(ct_tape *tape, ct_dtype dtype, ct_shape shape)
{
    ct_tensor *result = ct_tape_tensor(tape, dtype, shape);
    if (result)
        ct_tensor_fill(result, 0);
    return result;
}

static ct_tensor *gather_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    const struct gather_attributes *a = call->attributes;
    if (operand == 1)
        return zeros(tape, cotangent->dtype, call->in[1]->shape);
    return ct_gather_adjoint(tape, cotangent, a->axis, call->in[1], a->size);
}

static ct_tensor *scatter_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    const struct gather_attributes *a = call->attributes;
    if (operand == 1)
        return zeros(tape, cotangent->dtype, call->in[1]->shape);
    return ct_gather(tape, cotangent, a->axis, call->in[1]);
}

static ct_tensor *gather_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    return operand == 1 ? zeros(tape, tangent->dtype, call->out->shape) : ct_multilinear_jvp(tape, call, operand, tangent);
}

const ct_op ct_op_gather = {
    .name = "gather", .arity = 2, .reads = CT_READS_IN << 1, .shape = gather_shape, .forward = gather_forward,
    .vjp = gather_vjp, .jvp = gather_jvp,
};

const ct_op ct_op_gather_adjoint = {
    .name = "gather_adjoint", .arity = 2, .reads = CT_READS_IN << 1, .shape = scatter_shape, .forward = scatter_forward,
    .vjp = scatter_vjp, .jvp = gather_jvp,
};

static ct_tensor *gather_apply(ct_tape *tape, const ct_op *op, ct_tensor *x, int axis, ct_tensor *index, int64_t size)
{
    if (!x || !index)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: %s is NULL", op->name, x ? "index" : "x");
    struct gather_attributes a;
    memset(&a, 0, sizeof a);
    a.axis = axis;
    if (!ct_axis_normalize(x->shape.rank, &a.axis))
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: axis %d of a tensor of rank %d", op->name, axis, x->shape.rank);
    a.size = size < 0 ? x->shape.extent[a.axis] : size;
    if (x->dtype == CT_F32 && a.size > 1 << 24)
        return ct_fail(tape, CT_BAD_SHAPE, "%s: axis %d has extent %lld; float32 can number 2^24", op->name, a.axis, (long long)a.size);
    if (index->dtype != x->dtype) { /* either dtype will do: bring it to x's */
        ct_tensor *same = ct_tape_tensor(tape, x->dtype, index->shape);
        if (!same || ct_tensor_assign(same, index) != CT_OK)
            return ct_fail(tape, CT_NO_MEMORY, "%s: no memory for the index", op->name);
        index = same;
    }
    return ct_apply(tape, op, 2, (ct_tensor *[]){ x, index }, &a, sizeof a);
}

ct_tensor *ct_gather(ct_tape *tape, ct_tensor *x, int axis, ct_tensor *index)
{
    return gather_apply(tape, &ct_op_gather, x, axis, index, -1);
}

ct_tensor *ct_gather_adjoint(ct_tape *tape, ct_tensor *x, int axis, ct_tensor *index, int64_t size)
{
    if (size < 0)
        return ct_fail(tape, CT_BAD_ARGUMENT, "gather_adjoint: size %lld", (long long)size);
    return gather_apply(tape, &ct_op_gather_adjoint, x, axis, index, size);
}
