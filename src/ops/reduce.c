/* Reductions. sum_to is the primitive, the adjoint of expand; the rest is composed, but for max and min. */
#include "elementwise.h"
#include "kernels/reduce.h"

#include "../tensor/whole.h"

/* The attributes are the target shape: of the operand's rank, with extent 1 where it sums. */
static bool target_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape;
    *out = *(const ct_shape *)call->attributes;
    return true;
}

struct job {
    const ct_call *call;
    enum ct_reducer f;
    struct ct_reduction_plan plan;
};

static void reduce_range(void *context, int64_t begin, int64_t end)
{
    const struct job *job = context;
    CT_KERNEL_OF(job->call->out->dtype, ct_reduce)(job->f, &job->plan, CT_IN(job->call, 0), CT_OUT(job->call), begin, end);
}

/* Folds adjacent axes of one kind into one. */
static struct ct_reduction_plan plan_reduction(ct_shape x, ct_shape y)
{
    struct ct_reduction_plan plan = { 0 };
    int64_t step = 1;
    int previous = -1; /* 0 kept, 1 reduced */
    for (int axis = x.rank - 1; axis >= 0; axis--) {
        const int64_t extent = x.extent[axis];
        const int reduced = y.extent[axis] != extent;
        int *count = reduced ? &plan.reduced : &plan.kept;
        int64_t *extents = reduced ? plan.reduced_extent : plan.kept_extent;
        int64_t *strides = reduced ? plan.reduced_stride : plan.kept_stride;
        if (extent == 1)
            continue;
        if (previous == reduced)
            extents[*count - 1] *= extent;
        else {
            extents[*count] = extent;
            strides[(*count)++] = step;
        }
        previous = reduced;
        step *= extent;
    }
    /* Built from the last axis; turn both lists round. */
    for (int i = 0; i < plan.kept / 2; i++) {
        const int j = plan.kept - 1 - i;
        const int64_t extent = plan.kept_extent[i], stride = plan.kept_stride[i];
        plan.kept_extent[i] = plan.kept_extent[j], plan.kept_stride[i] = plan.kept_stride[j];
        plan.kept_extent[j] = extent, plan.kept_stride[j] = stride;
    }
    for (int i = 0; i < plan.reduced / 2; i++) {
        const int j = plan.reduced - 1 - i;
        const int64_t extent = plan.reduced_extent[i], stride = plan.reduced_stride[i];
        plan.reduced_extent[i] = plan.reduced_extent[j], plan.reduced_stride[i] = plan.reduced_stride[j];
        plan.reduced_extent[j] = extent, plan.reduced_stride[j] = stride;
    }
    return plan;
}

/* Values of a part, where all are reduced to one number. */
#define PART ((int64_t)1 << 16)

struct parts {
    const ct_call *call;
    enum ct_reducer f;
    double *result;
};

static void reduce_parts(void *context, int64_t begin, int64_t end)
{
    const struct parts *p = context;
    const ct_tensor *x = p->call->in[0];
    for (int64_t i = begin; i < end; i++)
        p->result[i] = CT_KERNEL_OF(x->dtype, ct_reduce_row)(p->f, ct_data(x), i * PART, least((i + 1) * PART, x->count));
}

/* Part by part, and then the parts: threads share the work, and the cut is the count's alone. */
static bool reduce_all(ct_tape *tape, ct_call *call, enum ct_reducer f)
{
    const int64_t count = ceil_divide(call->in[0]->count, PART);
    ct_tensor *partial = ct_tape_tensor(tape, CT_F64, CT_SHAPE(count));
    if (!partial)
        return false;
    struct parts parts = { call, f, ct_data(partial) };
    ct_parallel_for(count, 1, reduce_parts, &parts);
    ct_tensor_fill(call->out, CT_KERNEL_OF(CT_F64, ct_reduce_row)(f, parts.result, 0, count));
    ct_tape_drop(tape, partial);
    return true;
}

static bool reduce(ct_tape *tape, ct_call *call, enum ct_reducer f)
{
    if (call->out->count == 1 && call->in[0]->count > PART)
        return reduce_all(tape, call, f);
    struct job job = { call, f, plan_reduction(call->in[0]->shape, call->out->shape) };
    const int64_t outputs = call->out->count;
    const int64_t each = outputs == 0 ? 1 : call->in[0]->count / outputs + 1;
    const bool across = job.plan.kept > 0 && job.plan.kept_stride[job.plan.kept - 1] == 1;
    int64_t grain = (1 << 14) / each + 1; /* outputs that make a chunk worth a thread, and neighbours enough */
    if (across && grain < 128)
        grain = 128;
    ct_parallel_for(outputs, grain, reduce_range, &job);
    return true;
}

static bool sum_forward(ct_tape *tape, ct_call *call) { return reduce(tape, call, CT_REDUCE_SUM); }
static bool max_forward(ct_tape *tape, ct_call *call) { return reduce(tape, call, CT_REDUCE_MAX); }
static bool min_forward(ct_tape *tape, ct_call *call) { return reduce(tape, call, CT_REDUCE_MIN); }

static ct_tensor *sum_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    return ct_expand(tape, cotangent, call->in[operand]->shape);
}

/* The share of each extreme element: mask / number of ties. It is constant almost everywhere. */
static ct_tensor *extreme_share(ct_tape *tape, const ct_call *call)
{
    ct_tensor *mask = ct_equal(tape, call->in[0], call->out);
    return ct_div(tape, mask, ct_sum_to(tape, mask, call->out->shape));
}

static ct_tensor *extreme_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    (void)operand;
    return ct_mul(tape, cotangent, extreme_share(tape, call));
}

static ct_tensor *extreme_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    (void)operand;
    return ct_sum_to(tape, ct_mul(tape, tangent, extreme_share(tape, call)), call->out->shape);
}

const ct_op ct_op_sum_to = { .name = "sum", .arity = 1, .reads = 0, .shape = target_shape, .forward = sum_forward,
                             .vjp = sum_vjp, .jvp = ct_multilinear_jvp };
const ct_op ct_op_max = { .name = "max", .arity = 1, .reads = CT_READS_IN | CT_READS_OUT, .shape = target_shape,
                          .forward = max_forward, .vjp = extreme_vjp, .jvp = extreme_jvp };
const ct_op ct_op_min = { .name = "min", .arity = 1, .reads = CT_READS_IN | CT_READS_OUT, .shape = target_shape,
                          .forward = min_forward, .vjp = extreme_vjp, .jvp = extreme_jvp };

ct_tensor *ct_sum_to(ct_tape *tape, ct_tensor *x, ct_shape shape)
{
    if (x == NULL)
        return ct_fail(tape, CT_BAD_ARGUMENT, "sum_to: the operand is NULL");
    if (!ct_rank_allowed(tape, "sum_to", shape))
        return NULL;
    if (ct_shape_equal(x->shape, shape))
        return x;
    ct_shape back;
    if (!ct_shape_broadcast(shape, x->shape, &back) || !ct_shape_equal(back, x->shape))
        return ct_fail(tape, CT_BAD_SHAPE, "sum_to: shape %s does not come from broadcasting %s", CT_TEXT(x->shape), CT_TEXT(shape));
    ct_shape aligned = { .rank = x->shape.rank };
    for (int axis = x->shape.rank - 1, mine = shape.rank - 1; axis >= 0; axis--, mine--)
        aligned.extent[axis] = mine >= 0 ? shape.extent[mine] : 1;
    ct_tensor *sum = ct_shape_equal(aligned, x->shape) ? x : ct_apply(tape, &ct_op_sum_to, 1, &x, &aligned, sizeof aligned);
    return aligned.rank == shape.rank ? sum : ct_reshape(tape, sum, shape);
}

/* The shape with the named axes at extent 1 (kept) and without them (squeezed), and the number of elements each result takes in. */
struct target {
    ct_shape kept, squeezed;
    int64_t each;
};

static bool find_target(ct_tape *tape, const char *op, const ct_tensor *x, ct_axes axes, struct target *target)
{
    if (x == NULL)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: the operand is NULL", op), false;
    bool named[CT_MAX_RANK] = { false };
    for (int i = 0; i < axes.count; i++) {
        int axis = i < CT_MAX_RANK ? axes.axis[i] : CT_MAX_RANK;
        if (!ct_axis_normalize(x->shape.rank, &axis))
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: axis %d is not one of shape %s (−rank … rank − 1)", op, axis,
                           CT_TEXT(x->shape)), false;
        if (named[axis])
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: axis %d is named twice", op, axis), false;
        named[axis] = true;
    }
    *target = (struct target){ .kept = x->shape, .squeezed = { 0 }, .each = 1 };
    for (int axis = 0; axis < x->shape.rank; axis++)
        if (named[axis]) {
            target->each *= x->shape.extent[axis];
            target->kept.extent[axis] = 1;
        } else
            target->squeezed.extent[target->squeezed.rank++] = x->shape.extent[axis];
    return true;
}

static ct_axes all_axes(const ct_tensor *x)
{
    ct_axes axes = { 0 };
    for (axes.count = 0; x != NULL && axes.count < x->shape.rank; axes.count++)
        axes.axis[axes.count] = axes.count;
    return axes;
}

ct_tensor *ct_sum_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim)
{
    struct target target;
    if (!find_target(tape, "sum", x, axes, &target))
        return NULL;
    ct_tensor *sum = ct_sum_to(tape, x, target.kept);
    return keepdim ? sum : ct_reshape(tape, sum, target.squeezed);
}

ct_tensor *ct_mean_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim)
{
    struct target target;
    if (!find_target(tape, "mean", x, axes, &target))
        return NULL;
    return ct_scale(tape, ct_sum_axes(tape, x, axes, keepdim), 1.0 / (double)target.each);
}

ct_tensor *ct_var_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, int correction, bool keepdim)
{
    struct target target;
    if (!find_target(tape, "var", x, axes, &target))
        return NULL;
    if (correction < 0)
        return ct_fail(tape, CT_BAD_ARGUMENT, "var: correction must be >= 0, not %d", correction);
    ct_tensor *deviation = ct_sub(tape, x, ct_mean_axes(tape, x, axes, true));
    const int64_t freedom = target.each > correction ? target.each - correction : 0;
    return ct_scale(tape, ct_sum_axes(tape, ct_square(tape, deviation), axes, keepdim), 1.0 / (double)freedom);
}

static ct_tensor *extreme(ct_tape *tape, const ct_op *op, ct_tensor *x, ct_axes axes, bool keepdim)
{
    struct target target;
    if (!find_target(tape, op->name, x, axes, &target))
        return NULL;
    if (target.each == 0)
        return ct_fail(tape, CT_BAD_SHAPE, "%s: there is no %s of no elements; shape %s has an empty axis", op->name, op->name,
                       CT_TEXT(x->shape));
    ct_tensor *result = ct_apply(tape, op, 1, &x, &target.kept, sizeof target.kept);
    return keepdim ? result : ct_reshape(tape, result, target.squeezed);
}

ct_tensor *ct_max_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim) { return extreme(tape, &ct_op_max, x, axes, keepdim); }
ct_tensor *ct_min_axes(ct_tape *tape, ct_tensor *x, ct_axes axes, bool keepdim) { return extreme(tape, &ct_op_min, x, axes, keepdim); }

ct_tensor *ct_sum(ct_tape *tape, ct_tensor *x) { return ct_sum_axes(tape, x, all_axes(x), false); }
ct_tensor *ct_mean(ct_tape *tape, ct_tensor *x) { return ct_mean_axes(tape, x, all_axes(x), false); }
ct_tensor *ct_max(ct_tape *tape, ct_tensor *x) { return ct_max_axes(tape, x, all_axes(x), false); }
ct_tensor *ct_min(ct_tape *tape, ct_tensor *x) { return ct_min_axes(tape, x, all_axes(x), false); }
