/* Differentiation: sweeps over the tape's record, backwards with vjp, forwards with jvp. */
#include "tape.h"

/* A result or leaf's place in the record; leaves have none. */
static struct ct_node *live_node(const ct_tape *tape, const ct_tensor *tensor)
{
    struct ct_node *node = tensor->node;
    return node != NULL && node->tape == tape ? node : NULL;
}

/* True when a saved value the derivatives read is still what it was; else fails. */
static bool check_node(ct_tape *tape, const struct ct_node *node)
{
    const ct_call *call = &node->call;
    for (int i = 0; i <= call->arity; i++) {
        const bool is_out = i == call->arity;
        const unsigned bit = is_out ? CT_READS_OUT : i < 30 ? (unsigned)CT_READS_IN << i : (unsigned)CT_READS_IN << 30;
        const ct_tensor *value = is_out ? call->out : call->in[i];
        if ((call->op->reads & bit) != 0 && value->storage->version != node->versions[i]) {
            ct_fail(tape, CT_BAD_STATE,
                    "%s (op %lld of the tape): its %s %s of shape %s was changed in place after it was saved for the derivative", call->op->name,
                    (long long)node->index, ct_dtype_name(value->dtype), is_out ? "output" : "operand", CT_TEXT(value->shape));
            return false;
        }
    }
    return true;
}

/* slot ← slot + value (taped); the slot owns what it holds. */
static bool accumulate(ct_tape *tape, ct_tensor **slot, ct_tensor *value)
{
    ct_tensor *sum = *slot == NULL ? value : ct_add(tape, *slot, value);
    if (sum == NULL)
        return false;
    ct_tensor_retain(sum);
    ct_tensor_release(*slot);
    *slot = sum;
    return true;
}

/* The cotangents of a node's operands from its output's, added to theirs. */
static bool pull(ct_tape *tape, struct ct_node *node)
{
    enum { FEW = 8 };
    const ct_call *call = &node->call;
    ct_tensor *cotangent = call->out->cotangent;
    if (!check_node(tape, node))
        return false;

    bool wanted[FEW] = { false };
    ct_tensor *gradient[FEW] = { NULL };
    const bool fused = call->op->fused_vjp != NULL && call->arity <= FEW && !ct_tape_recording(tape);
    for (int i = 0; fused && i < call->arity; i++)
        wanted[i] = node->needs[i] && call->in[i]->wanted;
    if (fused && !call->op->fused_vjp(tape, call, cotangent, wanted, gradient))
        return false;

    for (int i = 0; i < call->arity; i++) {
        if (!node->needs[i] || !call->in[i]->wanted)
            continue;
        if (!fused && call->op->vjp == NULL) {
            ct_fail(tape, CT_NO_DERIVATIVE, "%s (op %lld of the tape) has no derivative", call->op->name, (long long)node->index);
            return false;
        }
        ct_tensor *operand = fused ? gradient[i] : call->op->vjp(tape, call, i, cotangent);
        if (operand == NULL && ct_tape_status(tape) != CT_OK)
            return false;
        if (operand != NULL && !accumulate(tape, &call->in[i]->cotangent, operand))
            return false;
    }
    return true;
}

/* Marks what a cotangent can reach on its way to a requested input. A leaf is requested by its own mark. */
static void mark_wanted(ct_tape *tape, size_t length)
{
    for (size_t n = 0; n < length; n++) {
        const struct ct_node *node = tape->nodes[n];
        bool wanted = !node->freed && node->call.out->wanted;
        for (int i = 0; i < node->call.arity; i++)
            wanted |= node->needs[i] && node->call.in[i]->wanted;
        if (!node->freed)
            node->call.out->wanted = wanted;
    }
}

/* Drops every mark and cotangent that a sweep left on the record's tensors. */
static void clear_sweep(ct_tape *tape, size_t length)
{
    for (size_t n = 0; n < length; n++) {
        const ct_call *call = &tape->nodes[n]->call;
        for (int i = -1; i < call->arity; i++) {
            ct_tensor *tensor = i < 0 ? call->out : call->in[i];
            if (tensor != NULL) {
                tensor->wanted = false;
                ct_tensor_release(tensor->cotangent);
                tensor->cotangent = NULL;
            }
        }
    }
}

static void clear_tensors(int count, ct_tensor *const tensor[])
{
    for (int i = 0; i < count; i++) {
        if (tensor[i] == NULL)
            continue;
        tensor[i]->wanted = false;
        ct_tensor_release(tensor[i]->cotangent);
        tensor[i]->cotangent = NULL;
    }
}

/* Puts the starting cotangents into the outputs. */
static bool seed(ct_tape *tape, const char *who, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[])
{
    for (int i = 0; i < outputs; i++) {
        ct_tensor *out = output[i];
        if (out == NULL)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: output %d is NULL", who, i), false;
        ct_tensor *start = cotangent == NULL ? NULL : cotangent[i];
        if (start == NULL && out->count != 1)
            return ct_fail(tape, CT_BAD_SHAPE, "%s: output %d has shape %s, not one element: give its cotangent", who, i,
                           CT_TEXT(out->shape)), false;
        if (start == NULL) {
            start = ct_tape_tensor(tape, out->dtype, out->shape);
            if (start == NULL || ct_tensor_fill(start, 1) != CT_OK)
                return false;
        }
        if (start->dtype != out->dtype || !ct_shape_equal(start->shape, out->shape))
            return ct_fail(tape, CT_BAD_SHAPE, "%s: cotangent %d is %s %s but output %d is %s %s", who, i,
                           ct_dtype_name(start->dtype), CT_TEXT(start->shape), i, ct_dtype_name(out->dtype), CT_TEXT(out->shape)), false;
        if (!accumulate(tape, &out->cotangent, start))
            return false;
    }
    return true;
}

/* Walks the record backwards. `leaves`: what arrives at a leaf that requires a gradient is added to its gradient. */
static bool sweep_back(ct_tape *tape, size_t length, bool leaves, unsigned flags)
{
    for (size_t n = length; n-- > 0;) {
        struct ct_node *node = tape->nodes[n];
        if (node->freed || node->call.out->cotangent == NULL)
            continue;
        const size_t mark = ct_tape_mark(tape);
        if (!pull(tape, node))
            return false;
        for (int i = 0; leaves && i < node->call.arity; i++) {
            ct_tensor *leaf = node->call.in[i];
            if (leaf->node == NULL && leaf->requires_grad && leaf->cotangent != NULL) {
                if (!accumulate(tape, &leaf->gradient, leaf->cotangent))
                    return false;
                ct_tensor_release(leaf->cotangent);
                leaf->cotangent = NULL;
            }
        }
        if ((flags & CT_CREATE_GRAPH) == 0)
            ct_tape_drop_since(tape, mark);
        if ((flags & (CT_CREATE_GRAPH | CT_RETAIN_GRAPH)) == 0) {
            ct_tensor *out = node->call.out;
            if (leaves || !out->wanted) { /* requested results keep theirs until ct_grad has read it */
                ct_tensor_release(out->cotangent);
                out->cotangent = NULL;
            }
        }
    }
    return true;
}

/* Frees the nodes that a sweep has used: a second backward through them is an error. */
static void free_used(ct_tape *tape, size_t length)
{
    for (size_t n = 0; n < length; n++)
        if (tape->nodes[n]->used)
            ct_node_free(tape->nodes[n], true);
}

/* Marks the nodes that the outputs depend on; fails when one of them was freed. */
static bool mark_used(ct_tape *tape, const char *who, int outputs, ct_tensor *const output[], size_t length)
{
    for (size_t n = 0; n < length; n++)
        tape->nodes[n]->used = false;
    for (int i = 0; i < outputs; i++) {
        struct ct_node *node = output[i] == NULL ? NULL : live_node(tape, output[i]);
        if (node != NULL)
            node->used = true;
        else if (output[i] != NULL && output[i]->orphan)
            return ct_fail(tape, CT_BAD_STATE,
                           "%s: output %d of shape %s belongs to a graph that an earlier backward has freed; give that one CT_RETAIN_GRAPH",
                           who, i, CT_TEXT(output[i]->shape)), false;
    }
    for (size_t n = length; n-- > 0;) {
        const struct ct_node *node = tape->nodes[n];
        for (int i = 0; node->used && i < node->call.arity; i++) {
            const ct_tensor *in = node->call.in[i];
            if (!node->needs[i])
                continue;
            if (live_node(tape, in) != NULL)
                in->node->used = true;
            else if (in->orphan)
                return ct_fail(tape, CT_BAD_STATE,
                               "%s: the graph of %s's operand %d (shape %s) was freed by an earlier backward; give that one CT_RETAIN_GRAPH",
                               who, node->call.op->name, i, CT_TEXT(in->shape)), false;
        }
    }
    return true;
}

ct_status ct_backward_from(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], unsigned flags)
{
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    for (int i = 0; i < outputs; i++)
        if (output[i] != NULL && !output[i]->requires_grad)
            ct_fail(tape, CT_BAD_ARGUMENT, "backward: output %d depends on nothing that requires a gradient", i);

    if (ct_tape_status(tape) == CT_OK && mark_used(tape, "backward", outputs, output, length)) {
        for (size_t n = 0; n < length; n++)
            for (int i = 0; tape->nodes[n]->used && i < tape->nodes[n]->call.arity; i++) {
                ct_tensor *in = tape->nodes[n]->call.in[i];
                in->wanted = in->requires_grad;
            }
        if ((flags & CT_CREATE_GRAPH) == 0)
            ct_no_grad_begin(tape);
        bool ok = seed(tape, "backward", outputs, output, cotangent);
        for (int i = 0; ok && i < outputs; i++) { /* an output that is itself a leaf */
            ct_tensor *leaf = output[i];
            if (leaf->node == NULL && leaf->cotangent != NULL) {
                ok = accumulate(tape, &leaf->gradient, leaf->cotangent);
                ct_tensor_release(leaf->cotangent);
                leaf->cotangent = NULL;
            }
        }
        ok = ok && sweep_back(tape, length, true, flags);
        if ((flags & CT_CREATE_GRAPH) == 0)
            ct_no_grad_end(tape);
        clear_sweep(tape, length);
        clear_tensors(outputs, output);
        if (ok && (flags & (CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) == 0)
            free_used(tape, length);
    }
    return ct_tape_status(tape);
}

ct_status ct_backward(ct_tape *tape, ct_tensor *output)
{
    return ct_backward_from(tape, 1, &output, NULL, 0);
}

/* Refuses inputs that no derivative can be asked for. */
static bool check_inputs(ct_tape *tape, const char *who, int inputs, ct_tensor *const input[])
{
    for (int j = 0; j < inputs; j++) {
        if (input[j] == NULL)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: input %d is NULL", who, j), false;
        if (!input[j]->requires_grad)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: input %d of shape %s does not require a gradient; ct_requires_grad it before the ops",
                           who, j, CT_TEXT(input[j]->shape)), false;
    }
    return true;
}

ct_status ct_grad(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], int inputs,
                  ct_tensor *const input[], ct_tensor *gradient[], unsigned flags)
{
    for (int j = 0; j < inputs; j++)
        gradient[j] = NULL;
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (check_inputs(tape, "grad", inputs, input) && mark_used(tape, "grad", outputs, output, length)) {
        for (int j = 0; j < inputs; j++)
            input[j]->wanted = true;
        mark_wanted(tape, length);
        if ((flags & CT_CREATE_GRAPH) == 0)
            ct_no_grad_begin(tape);
        bool ok = seed(tape, "grad", outputs, output, cotangent) && sweep_back(tape, length, false, flags);
        if ((flags & CT_CREATE_GRAPH) == 0)
            ct_no_grad_end(tape);
        for (int j = 0; ok && j < inputs; j++) {
            ct_tensor *found = input[j]->cotangent;
            if (found == NULL && (flags & CT_ALLOW_UNUSED) == 0)
                ok = ct_fail(tape, CT_BAD_ARGUMENT,
                             "grad: no output depends on input %d of shape %s; CT_ALLOW_UNUSED makes its gradient NULL", j,
                             CT_TEXT(input[j]->shape)) != NULL;
            gradient[j] = found;
        }
        for (int j = 0; ok && j < inputs; j++) /* the tape's, as every result */
            if (gradient[j] != NULL)
                ok = ct_tape_adopt(tape, gradient[j]);
        clear_sweep(tape, length);
        clear_tensors(outputs, output);
        clear_tensors(inputs, input);
        if (ok && (flags & (CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) == 0)
            free_used(tape, length);
        for (int j = 0; !ok && j < inputs; j++)
            gradient[j] = NULL;
    }
    return ct_tape_status(tape);
}

/* The tangent of a node's output from its operands'. */
static bool push_node(ct_tape *tape, struct ct_node *node)
{
    const ct_call *call = &node->call;
    if (!check_node(tape, node))
        return false;
    for (int i = 0; i < call->arity; i++) {
        ct_tensor *tangent = call->in[i]->cotangent;
        if (tangent == NULL || !node->needs[i])
            continue;
        if (call->op->jvp == NULL) {
            ct_fail(tape, CT_NO_DERIVATIVE, "%s (op %lld of the tape) has no forward derivative", call->op->name,
                    (long long)node->index);
            return false;
        }
        ct_tensor *part = call->op->jvp(tape, call, i, tangent);
        if (part == NULL && ct_tape_status(tape) != CT_OK)
            return false;
        if (part != NULL && !accumulate(tape, &call->out->cotangent, part))
            return false;
    }
    return true;
}

ct_status ct_push(ct_tape *tape, int inputs, ct_tensor *const input[], ct_tensor *const tangent[], int outputs,
                  ct_tensor *const output[], ct_tensor *tangent_out[], unsigned flags)
{
    for (int i = 0; i < outputs; i++)
        tangent_out[i] = NULL;
    if (ct_tape_status(tape) != CT_OK || !check_inputs(tape, "push", inputs, input))
        return ct_tape_status(tape);
    for (int i = 0; i < outputs; i++)
        if (output[i] == NULL)
            ct_fail(tape, CT_BAD_ARGUMENT, "push: output %d is NULL", i);
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);

    const size_t length = tape->node_count;
    if ((flags & CT_CREATE_GRAPH) == 0)
        ct_no_grad_begin(tape);
    bool ok = seed(tape, "push", inputs, input, tangent);
    for (size_t n = 0; ok && n < length; n++)
        ok = tape->nodes[n]->freed || push_node(tape, tape->nodes[n]);
    for (int i = 0; ok && i < outputs; i++) {
        tangent_out[i] = output[i]->cotangent;
        if (tangent_out[i] == NULL) {
            tangent_out[i] = ct_tape_tensor(tape, output[i]->dtype, output[i]->shape);
            ok = tangent_out[i] != NULL && ct_tensor_fill(tangent_out[i], 0) == CT_OK;
        } else
            ok = ct_tape_adopt(tape, tangent_out[i]);
    }
    if ((flags & CT_CREATE_GRAPH) == 0)
        ct_no_grad_end(tape);
    clear_sweep(tape, length);
    clear_tensors(inputs, input);
    clear_tensors(outputs, output);
    for (int i = 0; !ok && i < outputs; i++)
        tangent_out[i] = NULL;
    return ct_tape_status(tape);
}
