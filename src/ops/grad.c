/* Differentiation: sweeps over the tape's record, backwards with vjp, forwards with jvp. */
#include "tape.h"

/* True when a saved value the derivatives read is still what it was; else fails. */
static bool check_node(ct_tape *tape, const struct ct_node *node)
{
    const ct_call *call = &node->call;
    for (int i = 0; i <= call->arity; i++) {
        const bool is_out = i == call->arity;
        const ct_tensor *value = is_out ? call->out : call->in[i];
        if (node->reads[i] && value->storage->version != node->versions[i]) {
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

/* What a rule made has the dtype and shape of what it is the derivative of, and in anomaly mode is finite. A sum would broadcast it. */
static bool check_rule(ct_tape *tape, const struct ct_node *node, const char *mode, int operand, const ct_tensor *direction,
                       const ct_tensor *result, const ct_tensor *like)
{
    if (result->dtype == like->dtype && ct_shape_equal(result->shape, like->shape))
        return !tape->anomaly || ct_anomaly_derivative(tape, node, mode, operand, direction, result);
    ct_fail(tape, result->dtype != like->dtype ? CT_BAD_DTYPE : CT_BAD_SHAPE, "%s of %s (op %lld of the tape) by operand %d is %s %s, not %s %s", mode,
            node->call.op->name, (long long)node->index, operand, ct_dtype_name(result->dtype), CT_TEXT(result->shape), ct_dtype_name(like->dtype),
            CT_TEXT(like->shape));
    return false;
}

/* A row's vjp or jvp. */
static ct_tensor *apply_rule(ct_tape *tape, const struct ct_node *node, bool back, int operand, ct_tensor *direction)
{
    const ct_call *call = &node->call;
    tape->inside_rule++;
    ct_tensor *result = (back ? call->op->vjp : call->op->jvp)(tape, call, operand, direction);
    tape->inside_rule--;
    if (result != NULL && !check_rule(tape, node, back ? "the derivative" : "the forward derivative", operand, direction, result,
                                      back ? call->in[operand] : call->out))
        return NULL;
    return result;
}

/* The cotangents of a node's operands from its output's, added to theirs. */
static bool pull(ct_tape *tape, struct ct_node *node)
{
    enum { FEW = 8 };
    const ct_call *call = &node->call;
    ct_tensor *cotangent = call->out->cotangent;
    if (!leads_on(node))
        return true;
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
        ct_tensor *operand = fused ? gradient[i] : apply_rule(tape, node, true, i, cotangent);
        if (fused && operand != NULL && !check_rule(tape, node, "the fused derivative", i, cotangent, operand, call->in[i]))
            return false;
        if (operand == NULL && ct_tape_status(tape) != CT_OK)
            return false;
        if (operand != NULL && !accumulate(tape, &call->in[i]->cotangent, operand))
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

static void clear_cotangent(ct_tensor *tensor)
{
    ct_tensor_release(tensor->cotangent);
    tensor->cotangent = NULL;
}

static void clear_tensors(int count, ct_tensor *const tensor[])
{
    for (int i = 0; i < count; i++)
        if (tensor[i] != NULL) {
            tensor[i]->wanted = tensor[i]->requested = false;
            clear_cotangent(tensor[i]);
        }
}

/* Drops every mark and cotangent that a sweep left on the record's tensors. */
static void clear_sweep(ct_tape *tape, size_t length)
{
    for (size_t n = 0; n < length; n++) {
        const ct_call *call = &tape->nodes[n]->call;
        for (int i = -1; i < call->arity; i++) {
            ct_tensor *tensor = i < 0 ? call->out : call->in[i];
            if (tensor != NULL)
                clear_tensors(1, &tensor);
        }
    }
}

/* Puts the starting directions into the tensors where a sweep begins: outputs and their cotangents, or inputs and their tangents. */
static bool seed(ct_tape *tape, const char *who, const char *place, const char *direction, int count, ct_tensor *const tensor[],
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
        if (!accumulate(tape, &at->cotangent, start))
            return false;
    }
    return true;
}

/* Moves a leaf's cotangent into its gradient. A gradient is the leaf's alone, for it may be changed in place (clipping): what others
 * hold too, or see through a view, is copied. */
static bool deposit(ct_tape *tape, ct_tensor *leaf)
{
    ct_tensor *value = leaf->cotangent;
    const bool shared = atomic_load(&value->references) > 1 || atomic_load(&value->storage->references) > 1;
    if (leaf->gradient == NULL && shared)
        value = ct_scale(tape, value, 1);
    const bool ok = value != NULL && accumulate(tape, &leaf->gradient, value);
    clear_cotangent(leaf);
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
            clear_cotangent(node->call.out);
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

/* Marks the nodes that the outputs depend on. */
static bool mark_used(ct_tape *tape, const char *who, int outputs, ct_tensor *const output[], size_t length)
{
    for (size_t n = 0; n < length; n++)
        tape->nodes[n]->used = false;
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

/* A sweep's own ops are recorded when its results are to be differentiated again, whatever the caller's ops do. */
static int begin_sweep(ct_tape *tape, unsigned flags)
{
    const int paused = tape->paused;
    tape->paused = (flags & CT_CREATE_GRAPH) == 0;
    return paused;
}

static ct_status backward_from(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], unsigned flags)
{
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (!mark_used(tape, "backward", outputs, output, length))
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
    const int paused = begin_sweep(tape, flags);
    bool ok = seed(tape, "backward", "output", "cotangent", outputs, output, cotangent);
    for (int i = 0; ok && i < outputs; i++) /* an output that is itself a leaf */
        if (output[i]->node == NULL && output[i]->cotangent != NULL)
            ok = deposit(tape, output[i]);
    ok = ok && sweep_back(tape, length, true, flags);
    tape->paused = paused;
    clear_sweep(tape, length);
    clear_tensors(outputs, output);
    if ((flags & (CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) == 0)
        free_used(tape, length, ok);
    return ct_tape_status(tape);
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

static ct_status grad(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], int inputs,
                  ct_tensor *const input[], ct_tensor *gradient[], unsigned flags)
{
    for (int j = 0; j < inputs; j++)
        gradient[j] = NULL;
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (!check_inputs(tape, "grad", inputs, input) || !mark_used(tape, "grad", outputs, output, length))
        return ct_tape_status(tape);

    for (int j = 0; j < inputs; j++)
        input[j]->wanted = input[j]->requested = true;
    mark_wanted(tape, length);
    const int paused = begin_sweep(tape, flags);
    bool ok = seed(tape, "grad", "output", "cotangent", outputs, output, cotangent) && sweep_back(tape, length, false, flags);
    tape->paused = paused;
    for (int j = 0; ok && j < inputs; j++) {
        gradient[j] = input[j]->cotangent;
        if (gradient[j] != NULL)
            ok = ct_tape_adopt(tape, gradient[j]); /* the tape's, as every result */
        else if ((flags & CT_ALLOW_UNUSED) == 0)
            ok = ct_fail(tape, CT_BAD_ARGUMENT, "grad: no output depends on input %d of shape %s; CT_ALLOW_UNUSED makes its gradient NULL",
                         j, CT_TEXT(input[j]->shape)) != NULL;
    }
    clear_sweep(tape, length);
    clear_tensors(outputs, output);
    clear_tensors(inputs, input);
    for (int j = 0; !ok && j < inputs; j++)
        gradient[j] = NULL;
    if ((flags & (CT_RETAIN_GRAPH | CT_CREATE_GRAPH)) == 0)
        free_used(tape, length, ok);
    return ct_tape_status(tape);
}

/* The tangent of a node's output from its operands'. */
static bool push_node(ct_tape *tape, struct ct_node *node)
{
    const ct_call *call = &node->call;
    for (int i = 0; i < call->arity; i++) {
        ct_tensor *tangent = call->in[i]->cotangent;
        if (tangent == NULL || !node->needs[i])
            continue;
        if (!check_node(tape, node))
            return false;
        if (call->op->jvp == NULL) {
            ct_fail(tape, CT_NO_DERIVATIVE, "%s (op %lld of the tape) has no forward derivative", call->op->name,
                    (long long)node->index);
            return false;
        }
        ct_tensor *part = apply_rule(tape, node, false, i, tangent);
        if (part == NULL && ct_tape_status(tape) != CT_OK)
            return false;
        if (part != NULL && !accumulate(tape, &call->out->cotangent, part))
            return false;
    }
    return true;
}

static ct_status push(ct_tape *tape, int inputs, ct_tensor *const input[], ct_tensor *const tangent[], int outputs,
                  ct_tensor *const output[], ct_tensor *tangent_out[], unsigned flags)
{
    for (int i = 0; i < outputs; i++)
        tangent_out[i] = NULL;
    if (ct_tape_status(tape) != CT_OK)
        return ct_tape_status(tape);
    const size_t length = tape->node_count;
    if (!check_inputs(tape, "push", inputs, input) || !mark_used(tape, "push", outputs, output, length))
        return ct_tape_status(tape);

    const int paused = begin_sweep(tape, flags);
    bool ok = seed(tape, "push", "input", "tangent", inputs, input, tangent);
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
    clear_sweep(tape, length);
    clear_tensors(inputs, input);
    clear_tensors(outputs, output);
    for (int i = 0; !ok && i < outputs; i++)
        tangent_out[i] = NULL;
    return ct_tape_status(tape);
}

/* ---- a sweep inside a sweep ------------------------------------------------------------ */

/* A rule may itself differentiate (a user's op whose derivative is written with ct_vjp). The outer sweep's marks then wait here: what each
 * tensor holds at its first place in the record, and nothing at the others. */
struct mark {
    ct_tensor *tensor, *cotangent;
    bool wanted, requested;
};

struct suspended {
    size_t nodes, count;
    bool *used, *passed;
    struct mark *marks;
};

static bool suspend(ct_tape *tape, struct suspended *s)
{
    *s = (struct suspended){ .nodes = tape->node_count };
    for (size_t n = 0; n < s->nodes; n++)
        s->count += (size_t)tape->nodes[n]->call.arity + 1;
    s->used = ct_allocate_array(s->nodes + 1, sizeof *s->used);
    s->passed = ct_allocate_array(s->nodes + 1, sizeof *s->passed);
    s->marks = ct_allocate_array(s->count + 1, sizeof *s->marks);
    if (s->used == NULL || s->passed == NULL || s->marks == NULL) {
        ct_fail(tape, CT_NO_MEMORY, "out of memory for a sweep inside a sweep");
        return false;
    }
    struct mark *mark = s->marks;
    for (size_t n = 0; n < s->nodes; n++) {
        struct ct_node *node = tape->nodes[n];
        s->used[n] = node->used, s->passed[n] = node->passed;
        node->used = node->passed = false;
        for (int i = -1; i < node->call.arity; i++, mark++) {
            ct_tensor *tensor = i < 0 ? node->call.out : node->call.in[i];
            *mark = (struct mark){ .tensor = tensor };
            if (tensor == NULL)
                continue;
            *mark = (struct mark){ tensor, tensor->cotangent, tensor->wanted, tensor->requested };
            tensor->cotangent = NULL;
            tensor->wanted = tensor->requested = false;
        }
    }
    return true;
}

static void resume(ct_tape *tape, struct suspended *s)
{
    for (size_t i = s->count; s->marks != NULL && s->passed != NULL && s->used != NULL && i-- > 0;) {
        const struct mark *mark = &s->marks[i];
        if (mark->tensor != NULL) {
            mark->tensor->cotangent = mark->cotangent;
            mark->tensor->wanted = mark->wanted, mark->tensor->requested = mark->requested;
        }
    }
    for (size_t n = 0; s->marks != NULL && s->passed != NULL && s->used != NULL && n < s->nodes; n++)
        tape->nodes[n]->used = s->used[n], tape->nodes[n]->passed = s->passed[n];
    ct_release(s->marks, (s->count + 1) * sizeof *s->marks);
    ct_release(s->used, (s->nodes + 1) * sizeof *s->used);
    ct_release(s->passed, (s->nodes + 1) * sizeof *s->passed);
}

/* SWEEP(call): the call, in a sweep of its own. */
#define SWEEP(call)                                        \
    do {                                                   \
        struct suspended outer;                            \
        if (tape == NULL || tape->inside_rule == 0)        \
            return call;                                   \
        const int inside = tape->inside_rule;              \
        if (suspend(tape, &outer)) {                       \
            tape->inside_rule = 0;                         \
            call;                                          \
            tape->inside_rule = inside;                    \
        }                                                  \
        resume(tape, &outer);                              \
        return ct_tape_status(tape);                       \
    } while (0)

ct_status ct_backward_from(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], unsigned flags)
{
    SWEEP(backward_from(tape, outputs, output, cotangent, flags));
}

ct_status ct_backward(ct_tape *tape, ct_tensor *output)
{
    return ct_backward_from(tape, 1, &output, NULL, 0);
}

ct_status ct_grad(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], int inputs,
                  ct_tensor *const input[], ct_tensor *gradient[], unsigned flags)
{
    SWEEP(grad(tape, outputs, output, cotangent, inputs, input, gradient, flags));
}

ct_status ct_push(ct_tape *tape, int inputs, ct_tensor *const input[], ct_tensor *const tangent[], int outputs,
                  ct_tensor *const output[], ct_tensor *tangent_out[], unsigned flags)
{
    SWEEP(push(tape, inputs, input, tangent, outputs, output, tangent_out, flags));
}
