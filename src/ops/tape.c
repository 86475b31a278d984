/* The tape: memory of results, the record, and the one way to apply an op. */
#include <stdarg.h>
#include <string.h>

#include "tape.h"

enum { CHUNK_SIZE = 1 << 16 };

ct_tape *ct_tape_new(void)
{
    ct_tape *tape = ct_allocate_zeroed(sizeof *tape);
    if (tape == NULL)
        return NULL;
    tape->pool = ct_pool_new();
    if (tape->pool == NULL) {
        ct_release(tape, sizeof *tape);
        return NULL;
    }
    return tape;
}

/* An operand without history is held whole: other threads' tapes may hold it too. */
static bool linked(const struct ct_node *node, int value)
{
    return !node->tape->keeps_values && !node->reads[value] && (value == node->call.arity || node->needs[value]);
}

static void hold(const struct ct_node *node, int value, ct_tensor *tensor)
{
    if (linked(node, value))
        ct_tensor_link(tensor);
    else
        ct_tensor_retain(tensor);
}

static void let_go(const struct ct_node *node, int value, ct_tensor *tensor)
{
    if (linked(node, value))
        ct_tensor_unlink(tensor);
    else
        ct_tensor_release(tensor);
}

void ct_node_pass(struct ct_node *node)
{
    ct_call *call = &node->call;
    for (int i = 0; !node->tape->keeps_values && i <= call->arity; i++)
        if (node->reads[i] && (i == call->arity || node->needs[i])) {
            node->reads[i] = false;
            ct_tensor_loosen(i < call->arity ? call->in[i] : call->out);
        }
    ct_tensor_release(call->aux);
    call->aux = NULL;
    node->passed = true;
}

void ct_node_free(struct ct_node *node, bool orphan)
{
    ct_call *call = &node->call;
    for (int i = 0; i < call->arity; i++)
        let_go(node, i, call->in[i]);
    ct_tensor_release(call->aux);
    if (call->out != NULL) {
        call->out->node = NULL;
        call->out->orphan = call->out->requires_grad = orphan;
        let_go(node, call->arity, call->out);
    }
    call->arity = 0;
    call->aux = call->out = NULL;
    node->freed = true;
}

void ct_tape_reset(ct_tape *tape)
{
    if (tape == NULL)
        return;
    for (size_t i = 0; i < tape->node_count; i++)
        ct_node_free(tape->nodes[i], false);
    tape->node_count = 0;
    for (size_t i = 0; i < tape->result_count; i++)
        if (tape->results[i] != NULL && tape->results[i]->orphan)
            tape->results[i]->orphan = tape->results[i]->requires_grad = false;
    ct_tape_drop_since(tape, 0);
    for (struct ct_chunk *chunk = tape->chunks; chunk != NULL; chunk = chunk->next)
        chunk->used = 0;
    tape->chunk = tape->chunks;
    ct_tape_clear_status(tape);
}

void ct_tape_free(ct_tape *tape)
{
    if (tape == NULL)
        return;
    ct_tape_reset(tape);
    for (struct ct_chunk *chunk = tape->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        ct_release(chunk, sizeof *chunk + chunk->size);
    }
    ct_release(tape->nodes, tape->node_capacity * sizeof *tape->nodes);
    ct_release(tape->results, tape->result_capacity * sizeof *tape->results);
    ct_pool_close(tape->pool);
    ct_release(tape, sizeof *tape);
}

ct_status ct_tape_status(const ct_tape *tape)
{
    return tape == NULL ? CT_NO_MEMORY : tape->error.status;
}

const char *ct_tape_message(const ct_tape *tape)
{
    return tape == NULL ? "there is no tape (out of memory when it was made?)" : tape->error.message;
}

void ct_tape_clear_status(ct_tape *tape)
{
    if (tape != NULL) {
        tape->error.status = CT_OK;
        tape->error.message[0] = '\0';
    }
}

ct_tensor *ct_fail(ct_tape *tape, ct_status status, const char *format, ...)
{
    if (tape == NULL || tape->error.status != CT_OK)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tape->error.message, sizeof tape->error.message, format, arguments);
    va_end(arguments);
    tape->error.status = status;
    return NULL;
}

int64_t ct_tape_length(const ct_tape *tape) { return tape == NULL ? 0 : (int64_t)tape->node_count; }
size_t ct_tape_bytes(const ct_tape *tape) { return tape == NULL ? 0 : ct_pool_bytes(tape->pool); }
struct ct_pool *ct_tape_pool(ct_tape *tape) { return tape->pool; }
bool ct_tape_recording(const ct_tape *tape) { return tape != NULL && tape->paused == 0; }

void ct_no_grad_begin(ct_tape *tape)
{
    if (tape != NULL)
        tape->paused++;
}

void ct_no_grad_end(ct_tape *tape)
{
    if (tape != NULL && tape->paused > 0)
        tape->paused--;
}

/* ---- results ------------------------------------------------------------------------ */

/* Makes room for one more pointer; doubles, so a steady state never grows. */
static bool reserve(void ***list, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return true;
    const size_t larger = *capacity == 0 ? 256 : 2 * *capacity;
    void **moved = ct_allocate_array(larger, sizeof(void *));
    if (moved == NULL)
        return false;
    if (count > 0)
        memcpy(moved, *list, count * sizeof(void *));
    ct_release(*list, *capacity * sizeof(void *));
    *list = moved;
    *capacity = larger;
    return true;
}

bool ct_tape_adopt(ct_tape *tape, ct_tensor *tensor)
{
    if (tensor->owner >= 0)
        return true;
    if (!reserve((void ***)&tape->results, tape->result_count, &tape->result_capacity)) {
        ct_fail(tape, CT_NO_MEMORY, "out of memory for the list of results");
        return false;
    }
    tensor->owner = (int64_t)tape->result_count;
    tape->results[tape->result_count++] = ct_tensor_retain(tensor);
    return true;
}

static ct_tensor *result_new(ct_tape *tape, const char *who, ct_dtype dtype, ct_shape shape)
{
    int64_t count;
    size_t bytes;
    if (!ct_shape_measure(shape, dtype, &count, &bytes))
        return ct_fail(tape, CT_BAD_SHAPE, "%s: a result of shape %s is too large (rank <= %d, extents 0 ... 2^48, bytes in 63 bits)",
                       who, CT_TEXT(shape), CT_MAX_RANK);
    ct_tensor *tensor = ct_tensor_new(tape->pool, dtype, shape);
    if (tensor == NULL || !reserve((void ***)&tape->results, tape->result_count, &tape->result_capacity)) {
        ct_tensor_release(tensor);
        return ct_fail(tape, CT_NO_MEMORY, "%s: out of memory for a result of shape %s (%zu bytes)", who, CT_TEXT(shape), bytes);
    }
    tensor->owner = (int64_t)tape->result_count;
    tape->results[tape->result_count++] = tensor;
    return tensor;
}

ct_tensor *ct_tape_tensor(ct_tape *tape, ct_dtype dtype, ct_shape shape)
{
    return tape == NULL ? NULL : result_new(tape, "tape", dtype, shape);
}

void ct_tape_drop(ct_tape *tape, ct_tensor *result)
{
    if (tape == NULL || result == NULL || result->owner < 0 || (size_t)result->owner >= tape->result_count ||
        tape->results[result->owner] != result)
        return;
    tape->results[result->owner] = NULL;
    result->owner = -1;
    ct_tensor_release(result);
}

size_t ct_tape_mark(const ct_tape *tape) { return tape->result_count; }

void ct_tape_drop_since(ct_tape *tape, size_t mark)
{
    while (tape->result_count > mark) {
        ct_tensor *result = tape->results[--tape->result_count];
        if (result != NULL) {
            result->owner = -1;
            ct_tensor_release(result);
        }
    }
}

/* ---- the record --------------------------------------------------------------------- */

static void *arena_take(ct_tape *tape, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    while (tape->chunk != NULL && tape->chunk->size - tape->chunk->used < size) {
        if (tape->chunk->next == NULL)
            break;
        tape->chunk = tape->chunk->next;
    }
    if (tape->chunk == NULL || tape->chunk->size - tape->chunk->used < size) {
        const size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        struct ct_chunk *chunk = ct_allocate(sizeof *chunk + room);
        if (chunk == NULL)
            return NULL;
        *chunk = (struct ct_chunk){ .next = NULL, .size = room, .used = 0 };
        *(tape->chunk == NULL ? &tape->chunks : &tape->chunk->next) = chunk;
        tape->chunk = chunk;
    }
    void *memory = (char *)(tape->chunk + 1) + tape->chunk->used;
    tape->chunk->used += size;
    return memory;
}

/* Whether the derivatives of the operands that need one look at a value: an operand, or the output (value = arity). */
static bool is_read(const struct ct_node *node, int value)
{
    const ct_op *op = node->call.op;
    if (value == node->call.arity)
        return (op->reads & CT_READS_OUT) != 0;
    bool others = false;
    for (int i = 0; op->multilinear && i < node->call.arity; i++)
        others |= i != value && node->needs[i];
    const int place = value < 30 ? value : 30;
    return op->multilinear ? others : (op->reads & (unsigned)CT_READS_IN << place) != 0;
}

/* Appends the call to the record, which holds its tensors; attributes are copied. */
static bool record(ct_tape *tape, const ct_call *call)
{
    const size_t attributes_size = call->attributes_size;
    const size_t arity = (size_t)call->arity;
    if (!reserve((void ***)&tape->nodes, tape->node_count, &tape->node_capacity))
        return false;
    struct ct_node *node = arena_take(tape, sizeof *node);
    ct_tensor **in = arena_take(tape, arity * sizeof *in);
    uint64_t *versions = arena_take(tape, (arity + 1) * sizeof *versions);
    bool *flags = arena_take(tape, (2 * arity + 1) * sizeof *flags);
    void *attributes = attributes_size > 0 ? arena_take(tape, attributes_size) : NULL;
    if (node == NULL || in == NULL || versions == NULL || flags == NULL || (attributes_size > 0 && attributes == NULL))
        return false;

    *node = (struct ct_node){ .call = *call, .tape = tape, .index = (int64_t)tape->node_count, .needs = flags,
                              .reads = flags + arity, .versions = versions };
    for (size_t i = 0; i < arity; i++)
        node->needs[i] = call->in[i]->requires_grad;
    for (size_t i = 0; i <= arity; i++) {
        ct_tensor *value = i < arity ? call->in[i] : call->out;
        node->reads[i] = is_read(node, (int)i);
        versions[i] = value->storage->version;
        hold(node, (int)i, value);
    }
    memcpy(in, call->in, arity * sizeof *in);
    if (attributes_size > 0)
        memcpy(attributes, call->attributes, attributes_size);
    node->call.in = in;
    node->call.attributes = attributes;
    call->out->requires_grad = true;
    call->out->node = node;
    tape->nodes[tape->node_count++] = node;
    return true;
}

ct_tensor *ct_apply(ct_tape *tape, const ct_op *op, int arity, ct_tensor *const in[], const void *attributes,
                    size_t attributes_size)
{
    if (tape == NULL || tape->error.status != CT_OK)
        return NULL;
    if (arity < 1 || (op->arity >= 0 && arity != op->arity))
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: takes %d operand%s, not %d", op->name, op->arity < 0 ? 1 : op->arity,
                       op->arity < 0 ? " or more" : op->arity == 1 ? "" : "s", arity);

    bool needed = false;
    for (int i = 0; i < arity; i++) {
        if (in[i] == NULL)
            return ct_fail(tape, CT_BAD_ARGUMENT, "%s: operand %d is NULL (was it made? out of memory, or a shape that is not valid)",
                           op->name, i);
        if (in[i]->dtype != in[0]->dtype)
            return ct_fail(tape, CT_BAD_DTYPE, "%s: operand 0 is %s but operand %d is %s; cast one", op->name,
                           ct_dtype_name(in[0]->dtype), i, ct_dtype_name(in[i]->dtype));
        needed |= in[i]->requires_grad;
        if (tape->paused == 0 && in[i]->requires_grad && in[i]->node != NULL && in[i]->node->tape != tape)
            return ct_fail(tape, CT_BAD_STATE, "%s: operand %d of shape %s was made by another tape, which alone can differentiate it; ct_detach it",
                           op->name, i, CT_TEXT(in[i]->shape));
    }

    union { ct_tensor *const *constant; ct_tensor **plain; } operands = { .constant = in };
    ct_call call = { .op = op, .arity = arity, .in = operands.plain, .attributes = attributes,
                     .attributes_size = attributes_size };
    ct_shape shape;
    if (!op->shape(tape, &call, &shape))
        return NULL;
    call.out = result_new(tape, op->name, in[0]->dtype, shape);
    if (call.out == NULL)
        return NULL;
    const bool computed = op->forward(tape, &call) && (!tape->anomaly || ct_anomaly_forward(tape, &call));
    const bool kept = computed && needed && tape->paused == 0;
    if (kept && !record(tape, &call)) {
        ct_fail(tape, CT_NO_MEMORY, "%s: out of memory for the record", op->name);
        ct_tensor_release(call.aux);
        return NULL;
    }
    if (!kept)
        ct_tensor_release(call.aux);
    return computed ? call.out : NULL;
}

/* ---- rules that rows share ---------------------------------------------------------- */

bool ct_rank_allowed(ct_tape *tape, const char *op, ct_shape shape)
{
    if (shape.rank >= 0 && shape.rank <= CT_MAX_RANK)
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "%s: rank %d; a tensor's is 0 to %d", op, shape.rank, CT_MAX_RANK);
    return false;
}

bool ct_shape_same(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape;
    *out = call->in[0]->shape;
    return true;
}

ct_tensor *ct_zero_derivative(ct_tape *tape, const ct_call *call, int operand, ct_tensor *direction)
{
    (void)tape, (void)call, (void)operand, (void)direction;
    return NULL;
}

ct_tensor *ct_multilinear_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    enum { FEW = 8 };
    ct_tensor *few[FEW], **in = few;
    const size_t arity = (size_t)call->arity;
    if (arity > FEW && (in = ct_allocate_array(arity, sizeof *in)) == NULL)
        return ct_fail(tape, CT_NO_MEMORY, "%s: out of memory for its tangent", call->op->name);
    memcpy(in, call->in, arity * sizeof *in);
    in[operand] = tangent;
    ct_tensor *result = ct_apply(tape, call->op, call->arity, in, call->attributes, call->attributes_size);
    if (in != few)
        ct_release(in, arity * sizeof *in);
    return result;
}
