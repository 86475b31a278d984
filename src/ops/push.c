/* Forward mode: a sweep over the tape's record with jvp. */
#include "sweep.h"

/* The tangent of a node's output from its operands'. */
static bool push_node(ct_tape *tape, struct ct_node *node)
{
    const ct_call *call = &node->call;
    for (int i = 0; i < call->arity; i++) {
        ct_tensor *tangent = call->in[i]->cotangent;
        if (tangent == NULL || !node->needs[i])
            continue;
        if (!ct_sweep_check_saved(tape, node))
            return false;
        if (call->op->jvp == NULL) {
            ct_fail(tape, CT_NO_DERIVATIVE, "%s (op %lld of the tape) has no forward derivative", call->op->name,
                    (long long)node->index);
            return false;
        }
        ct_tensor *part = ct_sweep_apply_rule(tape, node, false, i, tangent);
        if (part == NULL && ct_tape_status(tape) != CT_OK)
            return false;
        if (part != NULL && !ct_sweep_add(tape, &call->out->cotangent, part))
            return false;
    }
    return true;
}

static ct_status push(ct_tape *tape, int inputs, ct_tensor *const input[], ct_tensor *const tangent[], int outputs,
                  ct_tensor *const output[], ct_tensor *tangent_out[], unsigned flags)
{
    const bool given = ct_sweep_given(tape, "push", "tangent_out", outputs, tangent_out);
    for (int i = 0; given && i < outputs; i++)
        tangent_out[i] = NULL;
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (!ct_sweep_check_inputs(tape, "push", inputs, input) || !ct_sweep_mark_used(tape, "push", outputs, output, length))
        return ct_tape_status(tape);

    const int paused = ct_sweep_begin(tape, flags);
    bool ok = ct_sweep_seed(tape, "push", "input", "tangent", inputs, input, tangent);
    for (size_t n = 0; ok && n < length; n++) {
        const size_t mark = ct_tape_mark(tape);
        ok = !tape->nodes[n]->used || push_node(tape, tape->nodes[n]);
        if ((flags & CT_CREATE_GRAPH) == 0)
            ct_tape_drop_since(tape, mark);
    }
    for (int i = 0; ok && i < outputs; i++) {
        tangent_out[i] = output[i]->cotangent;
        if (tangent_out[i] == NULL) {
            tangent_out[i] = ct_tape_tensor(tape, output[i]->dtype, output[i]->shape);
            ok = tangent_out[i] != NULL && ct_tensor_fill(tangent_out[i], 0) == CT_OK;
        } else
            ok = ct_tape_adopt(tape, tangent_out[i]);
    }
    tape->paused = paused;
    ct_sweep_clear(tape, length);
    ct_sweep_clear_tensors(inputs, input);
    ct_sweep_clear_tensors(outputs, output);
    for (int i = 0; !ok && i < outputs; i++)
        tangent_out[i] = NULL;
    return ct_tape_status(tape);
}

ct_status ct_push(ct_tape *tape, int inputs, ct_tensor *const input[], ct_tensor *const tangent[], int outputs,
                  ct_tensor *const output[], ct_tensor *tangent_out[], unsigned flags)
{
    CT_SWEEP(push(tape, inputs, input, tangent, outputs, output, tangent_out, flags));
}
