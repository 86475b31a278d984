/* What sweeps over the tape's record share, whichever way they go. */
#include "sweep.h"

/* Marks the node that made a tensor, if one did; fails when it was freed or is another tape's. */
static bool use(ct_tape *tape, const char *who, const ct_tensor *tensor)
{
    if (tensor->orphan)
        return ct_fail(tape, CT_BAD_STATE,
                       "%s: it needs the graph of a %s of shape %s, which an earlier backward has freed; give that one CT_RETAIN_GRAPH",
                       who, ct_dtype_name(tensor->dtype), CT_TEXT(tensor->shape)), false;
    if (tensor->node != NULL && tensor->node->tape != tape)
        return ct_fail(tape, CT_BAD_STATE, "%s: a %s of shape %s was made by another tape; ct_detach it, or use that tape", who,
                       ct_dtype_name(tensor->dtype), CT_TEXT(tensor->shape)), false;
    if (tensor->node != NULL)
        tensor->node->used = true;
    return true;
}

bool ct_sweep_given(ct_tape *tape, const char *who, const char *name, int count, const void *list)
{
    if (count < 1 || list != NULL)
        return true;
    ct_fail(tape, CT_BAD_ARGUMENT, "%s: %s is NULL", who, name);
    return false;
}

bool ct_sweep_mark_used(ct_tape *tape, const char *who, int outputs, ct_tensor *const output[], size_t length)
{
    for (size_t n = 0; n < length; n++)
        tape->nodes[n]->used = false;
    if (!ct_sweep_given(tape, who, "output", outputs, output))
        return false;
    for (int i = 0; i < outputs; i++) {
        if (output[i] == NULL)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: output %d is NULL", who, i), false;
        if (!use(tape, who, output[i]))
            return false;
    }
    for (size_t n = length; n-- > 0;) {
        const struct ct_node *node = tape->nodes[n];
        for (int i = 0; node->used && i < node->call.arity; i++)
            if (node->needs[i] && !use(tape, who, node->call.in[i]))
                return false;
    }
    return true;
}

bool ct_sweep_check_inputs(ct_tape *tape, const char *who, int inputs, ct_tensor *const input[])
{
    if (!ct_sweep_given(tape, who, "input", inputs, input))
        return false;
    for (int j = 0; j < inputs; j++) {
        if (input[j] == NULL)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: input %d is NULL", who, j), false;
        if (!input[j]->requires_grad)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: input %d of shape %s does not require a gradient; ct_requires_grad it before the ops",
                           who, j, CT_TEXT(input[j]->shape)), false;
    }
    return true;
}

bool ct_sweep_seed(ct_tape *tape, const char *who, const char *place, const char *direction, int count, ct_tensor *const tensor[],
                   ct_tensor *const given[])
{
    for (int i = 0; i < count; i++) {
        ct_tensor *at = tensor[i], *start = given == NULL ? NULL : given[i];
        if (start == NULL && at->count != 1)
            return ct_fail(tape, CT_BAD_SHAPE, "%s: %s %d has shape %s, not one element: give its %s", who, place, i,
                           CT_TEXT(at->shape), direction), false;
        if (start == NULL) {
            start = ct_tape_tensor(tape, at->dtype, at->shape);
            if (start == NULL || ct_tensor_fill(start, 1) != CT_OK)
                return false;
        }
        if (start->dtype != at->dtype || !ct_shape_equal(start->shape, at->shape))
            return ct_fail(tape, start->dtype != at->dtype ? CT_BAD_DTYPE : CT_BAD_SHAPE, "%s: %s %d is %s %s but %s %d is %s %s",
                           who, direction, i, ct_dtype_name(start->dtype), CT_TEXT(start->shape), place, i,
                           ct_dtype_name(at->dtype), CT_TEXT(at->shape)), false;
        if (!ct_sweep_add(tape, &at->cotangent, start))
            return false;
    }
    return true;
}

int ct_sweep_begin(ct_tape *tape, unsigned flags)
{
    const int paused = tape->paused;
    tape->paused = (flags & CT_CREATE_GRAPH) == 0;
    return paused;
}

bool ct_sweep_check_saved(ct_tape *tape, const struct ct_node *node)
{
    const ct_call *call = &node->call;
    for (int i = 0; i <= call->arity; i++) {
        const bool is_out = i == call->arity;
        const ct_tensor *value = is_out ? call->out : call->in[i];
        if (node->reads[i] && value->storage->version != node->versions[i]) {
            ct_fail(tape, CT_BAD_STATE,
                    "%s (op %lld of the tape): its %s %s of shape %s was changed in place after it was saved for the derivative",
                    call->op->name, (long long)node->index, ct_dtype_name(value->dtype), is_out ? "output" : "operand",
                    CT_TEXT(value->shape));
            return false;
        }
    }
    return true;
}

bool ct_sweep_add(ct_tape *tape, ct_tensor **slot, ct_tensor *value)
{
    ct_tensor *sum = *slot == NULL ? value : ct_add(tape, *slot, value);
    if (sum == NULL)
        return false;
    ct_tensor_retain(sum);
    ct_tensor_release(*slot);
    *slot = sum;
    return true;
}

bool ct_sweep_check_rule(ct_tape *tape, const struct ct_node *node, const char *mode, int operand, const ct_tensor *direction,
                         const ct_tensor *result, const ct_tensor *like)
{
    if (result->dtype == like->dtype && ct_shape_equal(result->shape, like->shape))
        return !tape->anomaly || ct_anomaly_derivative(tape, node, mode, operand, direction, result);
    ct_fail(tape, result->dtype != like->dtype ? CT_BAD_DTYPE : CT_BAD_SHAPE,
            "%s of %s (op %lld of the tape) by operand %d is %s %s, not %s %s", mode, node->call.op->name, (long long)node->index, operand,
            ct_dtype_name(result->dtype), CT_TEXT(result->shape), ct_dtype_name(like->dtype), CT_TEXT(like->shape));
    return false;
}

ct_tensor *ct_sweep_apply_rule(ct_tape *tape, const struct ct_node *node, bool back, int operand, ct_tensor *direction)
{
    const ct_call *call = &node->call;
    tape->inside_rule++;
    ct_tensor *result = (back ? call->op->vjp : call->op->jvp)(tape, call, operand, direction);
    tape->inside_rule--;
    if (result != NULL && !ct_sweep_check_rule(tape, node, back ? "the derivative" : "the forward derivative", operand, direction,
                                               result, back ? call->in[operand] : call->out))
        return NULL;
    return result;
}

void ct_sweep_clear_cotangent(ct_tensor *tensor)
{
    ct_tensor_release(tensor->cotangent);
    tensor->cotangent = NULL;
}

void ct_sweep_clear_tensors(int count, ct_tensor *const tensor[])
{
    for (int i = 0; i < count; i++)
        if (tensor[i] != NULL) {
            tensor[i]->wanted = tensor[i]->requested = false;
            ct_sweep_clear_cotangent(tensor[i]);
        }
}

void ct_sweep_clear(ct_tape *tape, size_t length)
{
    for (size_t n = 0; n < length; n++) {
        const ct_call *call = &tape->nodes[n]->call;
        for (int i = -1; i < call->arity; i++) {
            ct_tensor *tensor = i < 0 ? call->out : call->in[i];
            if (tensor != NULL)
                ct_sweep_clear_tensors(1, &tensor);
        }
    }
}

struct ct_mark {
    ct_tensor *tensor, *cotangent;
    bool wanted, requested;
};

bool ct_sweep_suspend(ct_tape *tape, struct ct_suspended *s)
{
    *s = (struct ct_suspended){ .nodes = tape->node_count };
    for (size_t n = 0; n < s->nodes; n++)
        s->count += (size_t)tape->nodes[n]->call.arity + 1;
    s->used = ct_allocate_array(s->nodes + 1, sizeof *s->used);
    s->passed = ct_allocate_array(s->nodes + 1, sizeof *s->passed);
    s->marks = ct_allocate_array(s->count + 1, sizeof *s->marks);
    if (s->used == NULL || s->passed == NULL || s->marks == NULL) {
        ct_fail(tape, CT_NO_MEMORY, "out of memory for a sweep inside a sweep");
        return false;
    }
    struct ct_mark *mark = s->marks;
    for (size_t n = 0; n < s->nodes; n++) {
        struct ct_node *node = tape->nodes[n];
        s->used[n] = node->used, s->passed[n] = node->passed;
        node->used = node->passed = false;
        for (int i = -1; i < node->call.arity; i++, mark++) {
            ct_tensor *tensor = i < 0 ? node->call.out : node->call.in[i];
            *mark = (struct ct_mark){ .tensor = tensor };
            if (tensor == NULL)
                continue;
            *mark = (struct ct_mark){ tensor, tensor->cotangent, tensor->wanted, tensor->requested };
            tensor->cotangent = NULL;
            tensor->wanted = tensor->requested = false;
        }
    }
    return true;
}

void ct_sweep_resume(ct_tape *tape, struct ct_suspended *s)
{
    const bool whole = s->marks != NULL && s->passed != NULL && s->used != NULL;
    for (size_t i = s->count; whole && i-- > 0;) {
        const struct ct_mark *mark = &s->marks[i];
        if (mark->tensor != NULL) {
            mark->tensor->cotangent = mark->cotangent;
            mark->tensor->wanted = mark->wanted, mark->tensor->requested = mark->requested;
        }
    }
    for (size_t n = 0; whole && n < s->nodes; n++)
        tape->nodes[n]->used = s->used[n], tape->nodes[n]->passed = s->passed[n];
    ct_release(s->marks, (s->count + 1) * sizeof *s->marks);
    ct_release(s->used, (s->nodes + 1) * sizeof *s->used);
    ct_release(s->passed, (s->nodes + 1) * sizeof *s->passed);
}
