/* Reverse mode: sweeps back over the tape's record with vjp. */
#include "sweep.h"

ct_tensor *ct_gradient_in_place(ct_tape *tape, const ct_call *call, ct_tensor *cotangent)
{
    const bool alone = !tape->anomaly && !call->out->requested && cotangent == call->out->cotangent &&
                       atomic_load(&cotangent->references) == 1 && atomic_load(&cotangent->storage->references) == 1;
    return alone ? cotangent : ct_tape_tensor(tape, cotangent->dtype, cotangent->shape);
}

/* True when some operand's cotangent is asked for. */
static bool leads_on(const struct ct_node *node)
{
    bool any = false;
    for (int i = 0; i < node->call.arity; i++)
        any |= node->needs[i] && node->call.in[i]->wanted;
    return any;
}

/* The cotangents of a node's operands from its output's, added to theirs. */
static bool pull(ct_tape *tape, struct ct_node *node)
{
    enum { FEW = 8 };
    const ct_call *call = &node->call;
    ct_tensor *cotangent = call->out->cotangent;
    if (!leads_on(node))
        return true;
    if (!ct_sweep_check_saved(tape, node))
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
        ct_tensor *operand = fused ? gradient[i] : ct_sweep_apply_rule(tape, node, true, i, cotangent);
        if (fused && operand != NULL && !ct_sweep_check_rule(tape, node, "the fused derivative", i, cotangent, operand, call->in[i]))
            return false;
        if (operand == NULL && ct_tape_status(tape) != CT_OK)
            return false;
        if (operand != NULL && !ct_sweep_add(tape, &call->in[i]->cotangent, operand))
            return false;
    }
    return true;
}

/* Marks what a cotangent passes on its way to a requested input; of the used nodes only those stay used. */
static void mark_wanted(ct_tape *tape, size_t length)
{
    for (size_t n = 0; n < length; n++) {
        struct ct_node *node = tape->nodes[n];
        if (node->used && leads_on(node))
            node->call.out->wanted = true;
        else
            node->used = false;
    }
}

/* Moves a leaf's cotangent into its gradient. A gradient is the leaf's alone, for it may be changed in place (clipping): what others
 * hold too, or see through a view, is copied. */
static bool deposit(ct_tape *tape, ct_tensor *leaf)
{
    ct_tensor *value = leaf->cotangent;
    const bool shared = atomic_load(&value->references) > 1 || atomic_load(&value->storage->references) > 1;
    if (leaf->gradient == NULL && shared)
        value = ct_scale(tape, value, 1);
    const bool ok = value != NULL && ct_sweep_add(tape, &leaf->gradient, value);
    ct_sweep_clear_cotangent(leaf);
    return ok;
}

/* Walks the record backwards over the used nodes. `leaves`: what arrives at a leaf that requires a gradient is added to its gradient. */
static bool sweep_back(ct_tape *tape, size_t length, bool leaves, unsigned flags)
{
    const bool keep = (flags & CT_CREATE_GRAPH) != 0, last = (flags & (CT_CREATE_GRAPH | CT_RETAIN_GRAPH)) == 0;
    for (size_t n = length; n-- > 0;) {
        struct ct_node *node = tape->nodes[n];
        if (!node->used || node->call.out->cotangent == NULL)
            continue;
        const size_t mark = ct_tape_mark(tape);
        if (!pull(tape, node))
            return false;
        if (!keep)
            ct_tape_drop_since(tape, mark);
        if (last)
            ct_node_pass(node);
        if (!node->call.out->requested) /* else ct_grad has yet to read it */
            ct_sweep_clear_cotangent(node->call.out);
        for (int i = 0; leaves && i < node->call.arity; i++) {
            ct_tensor *in = node->call.in[i];
            if (in->node == NULL && in->cotangent != NULL && !deposit(tape, in))
                return false;
        }
        if (!keep)
            ct_tape_drop_since(tape, mark);
    }
    return true;
}

/* Frees the nodes that a sweep has used, or of one that failed, those that it has passed: a second backward through them is an error. */
static void free_used(ct_tape *tape, size_t length, bool all)
{
    for (size_t n = 0; n < length; n++)
        if (tape->nodes[n]->used && (all || tape->nodes[n]->passed))
            ct_node_free(tape->nodes[n], true);
}

static ct_status backward_from(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], unsigned flags)
{
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (!ct_sweep_mark_used(tape, "backward", outputs, output, length))
        return ct_tape_status(tape);
    for (int i = 0; i < outputs; i++)
        if (!output[i]->requires_grad) {
            ct_fail(tape, CT_BAD_ARGUMENT, "backward: output %d depends on nothing that requires a gradient", i);
            return ct_tape_status(tape);
        }

    for (size_t n = 0; n < length; n++)
        for (int i = 0; tape->nodes[n]->used && i < tape->nodes[n]->call.arity; i++) {
            ct_tensor *in = tape->nodes[n]->call.in[i];
            in->wanted = in->requires_grad;
        }
    const int paused = ct_sweep_begin(tape, flags);
    bool ok = ct_sweep_seed(tape, "backward", "output", "cotangent", outputs, output, cotangent);
    for (int i = 0; ok && i < outputs; i++) /* an output that is itself a leaf */
        if (output[i]->node == NULL && output[i]->cotangent != NULL)
            ok = deposit(tape, output[i]);
    ok = ok && sweep_back(tape, length, true, flags);
    tape->paused = paused;
    ct_sweep_clear(tape, length);
    ct_sweep_clear_tensors(outputs, output);
    if ((flags & (CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) == 0)
        free_used(tape, length, ok);
    return ct_tape_status(tape);
}

static ct_status grad(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], int inputs,
                  ct_tensor *const input[], ct_tensor *gradient[], unsigned flags)
{
    const bool given = ct_sweep_given(tape, "grad", "gradient", inputs, gradient);
    for (int j = 0; given && j < inputs; j++)
        gradient[j] = NULL;
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (!ct_sweep_check_inputs(tape, "grad", inputs, input) || !ct_sweep_mark_used(tape, "grad", outputs, output, length))
        return ct_tape_status(tape);

    for (int j = 0; j < inputs; j++)
        input[j]->wanted = input[j]->requested = true;
    mark_wanted(tape, length);
    const int paused = ct_sweep_begin(tape, flags);
    bool ok = ct_sweep_seed(tape, "grad", "output", "cotangent", outputs, output, cotangent) && sweep_back(tape, length, false, flags);
    tape->paused = paused;
    for (int j = 0; ok && j < inputs; j++) {
        gradient[j] = input[j]->cotangent;
        if (gradient[j] != NULL)
            ok = ct_tape_adopt(tape, gradient[j]); /* the tape's, as every result */
        else if ((flags & CT_ALLOW_UNUSED) == 0)
            ok = ct_fail(tape, CT_BAD_ARGUMENT, "grad: no output depends on input %d of shape %s; CT_ALLOW_UNUSED makes its gradient NULL",
                         j, CT_TEXT(input[j]->shape)) != NULL;
    }
    ct_sweep_clear(tape, length);
    ct_sweep_clear_tensors(outputs, output);
    ct_sweep_clear_tensors(inputs, input);
    for (int j = 0; !ok && j < inputs; j++)
        gradient[j] = NULL;
    if ((flags & (CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) == 0)
        free_used(tape, length, ok);
    return ct_tape_status(tape);
}

ct_status ct_backward_from(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], unsigned flags)
{
    CT_SWEEP(backward_from(tape, outputs, output, cotangent, flags));
}

ct_status ct_backward(ct_tape *tape, ct_tensor *output)
{
    return ct_backward_from(tape, 1, &output, NULL, 0);
}

ct_status ct_grad(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], int inputs,
                  ct_tensor *const input[], ct_tensor *gradient[], unsigned flags)
{
    CT_SWEEP(grad(tape, outputs, output, cotangent, inputs, input, gradient, flags));
}
