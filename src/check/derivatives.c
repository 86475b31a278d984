/* vjp, jvp and what is made of them. The function is applied to aliases of its inputs: a derivative by an alias does not see other ways in
 * which the function depends on the same tensor, so that nested derivatives do not mix (perturbation confusion). */
#include "check.h"

#include "../ops/sweep.h"

#include <string.h>

/* A node since `start` reads a tensor that requires a gradient and is neither an alias nor made since. */
static bool depends_outside(const ct_tape *tape, const struct ct_frame *frame, int inputs)
{
    for (size_t n = frame->start; n < tape->node_count; n++) {
        const struct ct_node *node = tape->nodes[n];
        for (int i = 0; i < node->call.arity; i++) {
            const ct_tensor *in = node->call.in[i];
            bool mine = in->node != NULL && in->node->index >= (int64_t)frame->start;
            for (int j = 0; j < inputs && !mine; j++)
                mine = in == frame->x[j];
            if (node->needs[i] && !mine)
                return true;
        }
    }
    return false;
}

static ct_tensor *alias(ct_tape *tape, ct_tensor *in)
{
    if (in->requires_grad && ct_tape_recording(tape))
        return ct_reshape(tape, in, in->shape);
    ct_tensor *leaf = ct_tensor_share(tape->pool, in, in->shape);
    const bool kept = leaf != NULL && ct_tape_adopt(tape, leaf);
    ct_tensor_release(leaf);
    if (!kept)
        return ct_fail(tape, CT_NO_MEMORY, "no memory for an alias of an input");
    leaf->requires_grad = true;
    return leaf;
}

static bool known(ct_tape *tape, const char *who, const ct_function *f, ct_tensor *const in[])
{
    if (f == NULL || f->apply == NULL || f->inputs < 1 || f->inputs > CT_MAX_INPUTS) {
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: needs a function of 1 to %d inputs, not %d", who, CT_MAX_INPUTS, f && f->apply ? f->inputs : 0);
        return false;
    }
    if (!ct_sweep_given(tape, who, "in", f->inputs, in))
        return false;
    for (int j = 0; j < f->inputs; j++)
        if (in[j] == NULL) {
            ct_fail(tape, CT_BAD_ARGUMENT, "%s: input %d is NULL", who, j);
            return false;
        }
    return ct_tape_status(tape) == CT_OK;
}

bool ct_frame_enter(ct_tape *tape, const char *who, const ct_function *f, ct_tensor *const in[], struct ct_frame *frame)
{
    if (tape == NULL || !known(tape, who, f, in))
        return false;
    *frame = (struct ct_frame){ .start = tape->node_count, .paused = tape->paused };
    for (int j = 0; j < f->inputs; j++)
        if ((frame->x[j] = alias(tape, in[j])) == NULL)
            return false;
    tape->paused = 0;
    frame->y = f->apply(tape, frame->x, f->context);
    tape->paused = frame->paused;
    if (frame->y == NULL || ct_tape_status(tape) != CT_OK) {
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: the function returned NULL", who);
        return false;
    }
    frame->outer = frame->paused == 0 && depends_outside(tape, frame, f->inputs);
    return true;
}

/* y for the caller: with its history where derivatives are recorded, else a constant. */
static ct_tensor *leave(ct_tape *tape, const struct ct_frame *frame)
{
    return ct_tape_status(tape) != CT_OK ? NULL : frame->outer ? frame->y : ct_detach(tape, frame->y);
}

ct_tensor *ct_check_zeros(ct_tape *tape, ct_dtype dtype, ct_shape shape)
{
    ct_tensor *result = ct_tape_tensor(tape, dtype, shape);
    return result != NULL && ct_tensor_fill(result, 0) == CT_OK ? result : NULL;
}

bool ct_frame_pull(ct_tape *tape, const struct ct_frame *frame, int inputs, ct_tensor *cotangent, unsigned flags, ct_tensor *gradient[])
{
    const bool outer = frame->outer || (frame->paused == 0 && cotangent != NULL && cotangent->requires_grad);
    flags |= CT_ALLOW_UNUSED | (outer ? CT_CREATE_GRAPH : 0);
    if (ct_grad(tape, 1, &frame->y, cotangent ? &cotangent : NULL, inputs, frame->x, gradient, flags) != CT_OK)
        return false;
    for (int j = 0; j < inputs; j++)
        if (gradient[j] == NULL && (gradient[j] = ct_check_zeros(tape, frame->x[j]->dtype, frame->x[j]->shape)) == NULL)
            return false;
    return true;
}

static ct_tensor *push_forward(ct_tape *tape, const struct ct_frame *frame, int inputs, ct_tensor *const tangent[])
{
    ct_tensor *x[CT_MAX_INPUTS], *given[CT_MAX_INPUTS], *result = NULL;
    bool outer = frame->outer;
    int count = 0;
    for (int j = 0; j < inputs; j++)
        if (tangent[j] != NULL) {
            outer |= frame->paused == 0 && tangent[j]->requires_grad;
            x[count] = frame->x[j], given[count++] = tangent[j];
        }
    if (count == 0)
        return ct_check_zeros(tape, frame->y->dtype, frame->y->shape);
    ct_push(tape, count, x, given, 1, &frame->y, &result, outer ? CT_CREATE_GRAPH : 0);
    return result;
}

ct_tensor *ct_vjp(ct_tape *tape, const ct_function *f, ct_tensor *const in[], ct_tensor *cotangent, ct_tensor *gradient[])
{
    struct ct_frame frame;
    return ct_sweep_given(tape, "vjp", "gradient", 1, gradient) && ct_frame_enter(tape, "vjp", f, in, &frame) &&
                   ct_frame_pull(tape, &frame, f->inputs, cotangent, 0, gradient)
               ? leave(tape, &frame) : NULL;
}

ct_tensor *ct_jvp(ct_tape *tape, const ct_function *f, ct_tensor *const in[], ct_tensor *const tangent[], ct_tensor **result)
{
    struct ct_frame frame;
    if (!ct_sweep_given(tape, "jvp", "result", 1, result))
        return NULL;
    *result = NULL;
    if (!ct_sweep_given(tape, "jvp", "tangent", 1, tangent) || !ct_frame_enter(tape, "jvp", f, in, &frame))
        return NULL;
    *result = push_forward(tape, &frame, f->inputs, tangent);
    return leave(tape, &frame);
}

/* ---- matrices ------------------------------------------------------------------------ */

ct_tensor *ct_check_basis(ct_tape *tape, const ct_tensor *like, int64_t position)
{
    ct_tensor *e = ct_check_zeros(tape, like->dtype, like->shape);
    if (e != NULL)
        ct_check_set(e, position, 1);
    return e;
}

/* All elements of the tensors, one after another, in a shape of two axes of which `axis` is the long one. */
static ct_tensor *join(ct_tape *tape, int count, ct_tensor *const x[], int axis)
{
    ct_tensor *flat[CT_MAX_INPUTS];
    for (int j = 0; j < count; j++)
        flat[j] = ct_reshape(tape, x[j], axis ? CT_SHAPE(1, x[j]->count) : CT_SHAPE(x[j]->count));
    return ct_concat(tape, count, flat, axis);
}

static ct_tensor *matrix_by_rows(ct_tape *tape, const struct ct_frame *frame, int inputs, ct_tensor *part[])
{
    for (int64_t i = 0; i < frame->y->count; i++) {
        ct_tensor *gradient[CT_MAX_INPUTS], *e = ct_check_basis(tape, frame->y, i);
        if (e == NULL || !ct_frame_pull(tape, frame, inputs, e, CT_RETAIN_GRAPH, gradient))
            return NULL;
        part[i] = join(tape, inputs, gradient, 1);
    }
    return ct_concat(tape, (int)frame->y->count, part, 0);
}

static ct_tensor *matrix_by_columns(ct_tape *tape, const struct ct_frame *frame, int inputs, ct_tensor *part[])
{
    int at = 0;
    for (int j = 0; j < inputs; j++)
        for (int64_t i = 0; i < frame->x[j]->count; i++) {
            ct_tensor *tangent[CT_MAX_INPUTS] = { NULL };
            tangent[j] = ct_check_basis(tape, frame->x[j], i);
            part[at] = tangent[j] ? push_forward(tape, frame, inputs, tangent) : NULL;
            part[at] = part[at] ? ct_reshape(tape, part[at], CT_SHAPE(frame->y->count, 1)) : NULL;
            if (part[at++] == NULL)
                return NULL;
        }
    return ct_concat(tape, at, part, 1);
}

ct_tensor *ct_jacobian(ct_tape *tape, const ct_function *f, ct_tensor *const in[])
{
    struct ct_frame frame;
    if (!ct_frame_enter(tape, "jacobian", f, in, &frame))
        return NULL;
    const int64_t rows = frame.y->count;
    int64_t columns = 0;
    for (int j = 0; j < f->inputs; j++)
        columns += frame.x[j]->count;
    if (rows == 0 || columns == 0)
        return ct_check_zeros(tape, frame.y->dtype, CT_SHAPE(rows, columns));

    ct_tensor *result = NULL;
    bool by_rows = rows <= columns;
    for (int way = 0; way < 2 && result == NULL; way++, by_rows = !by_rows) {
        const int64_t sweeps = by_rows ? rows : columns;
        if (way > 0 && ct_tape_status(tape) != CT_NO_DERIVATIVE)
            break; /* an op without the rule of the cheaper way may have the other's */
        if (sweeps > INT32_MAX)
            return ct_fail(tape, CT_BAD_SHAPE, "jacobian: %lld rows and %lld columns; one must be below 2^31", (long long)rows, (long long)columns);
        ct_tensor **part = ct_allocate_array((size_t)sweeps, sizeof *part);
        if (part == NULL)
            return ct_fail(tape, CT_NO_MEMORY, "jacobian: no memory for %lld sweeps", (long long)sweeps);
        if (way > 0)
            ct_tape_clear_status(tape);
        result = (by_rows ? matrix_by_rows : matrix_by_columns)(tape, &frame, f->inputs, part);
        ct_release(part, (size_t)sweeps * sizeof *part);
    }
    return result;
}

/* ---- second order and beyond --------------------------------------------------------- */

static ct_tensor *derivative_apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    const ct_function *f = context;
    ct_tensor *gradient[CT_MAX_INPUTS];
    return ct_vjp(tape, f, in, in[f->inputs], gradient) ? join(tape, f->inputs, gradient, 0) : NULL;
}

ct_function ct_derivative(const ct_function *f)
{
    return (ct_function){ derivative_apply, (void *)(uintptr_t)f, f->inputs + 1 };
}

/* The gradient of a function to one element, and that element on the way. */
struct gradient_context {
    const ct_function *f;
    ct_tensor *y;
};

static ct_tensor *gradient_apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    struct gradient_context *c = context;
    ct_tensor *gradient[CT_MAX_INPUTS];
    c->y = ct_vjp(tape, c->f, in, NULL, gradient);
    return c->y ? join(tape, c->f->inputs, gradient, 0) : NULL;
}

ct_tensor *ct_hvp(ct_tape *tape, const ct_function *f, ct_tensor *const in[], ct_tensor *const direction[], ct_tensor *product[])
{
    if (tape == NULL || !known(tape, "hvp", f, in) || !ct_sweep_given(tape, "hvp", "direction", 1, direction) ||
        !ct_sweep_given(tape, "hvp", "product", 1, product))
        return NULL;
    struct gradient_context context = { .f = f };
    ct_tensor *flat;
    if (!ct_jvp(tape, &(ct_function){ gradient_apply, &context, f->inputs }, in, direction, &flat))
        return NULL;
    int64_t start = 0;
    for (int j = 0; j < f->inputs; j++) {
        product[j] = ct_reshape(tape, ct_slice(tape, flat, 0, start, start + in[j]->count, 1), in[j]->shape);
        start += in[j]->count;
    }
    const bool outer = ct_tape_recording(tape) && flat->requires_grad;
    return ct_tape_status(tape) != CT_OK ? NULL : outer ? context.y : ct_detach(tape, context.y);
}

ct_tensor *ct_hessian(ct_tape *tape, const ct_function *f, ct_tensor *const in[])
{
    if (tape == NULL || !known(tape, "hessian", f, in))
        return NULL;
    return ct_jacobian(tape, &(ct_function){ gradient_apply, &(struct gradient_context){ .f = f }, f->inputs }, in);
}
