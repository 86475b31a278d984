/* Every row's `reads` says the truth: a value that a derivative looks at cannot change unnoticed between forward and backward. */
#include <criterion/criterion.h>
#include <string.h>

#include "../src/check/samples.h"
#include "../src/ops/tape.h"

/* One application of a sample, its cotangent and tangents, all of them the tape's or the caller's of `in`. */
struct call {
    const ct_sample *sample;
    ct_tensor *in[CT_SAMPLE_INPUTS], *y, *cotangent, *variable[CT_SAMPLE_INPUTS], *tangent[CT_SAMPLE_INPUTS];
    int variables;
};

static ct_tensor *waves(ct_tape *tape, ct_tensor *like, double phase)
{
    ct_tensor *x = ct_tape_tensor(tape, CT_F64, ct_tensor_shape(like));
    double *value = ct_tensor_data_mutable(x);
    for (int64_t i = 0; i < ct_tensor_count(x); i++)
        value[i] = 0.3 + ((double)(i * 7 % 11) + phase) / 8;
    return x;
}

static void apply(ct_tape *tape, const ct_sample *sample, struct call *call)
{
    *call = (struct call){ .sample = sample };
    cr_assert(ct_sample_inputs(sample, CT_F64, false, 1, call->in));
    for (int j = 0; j < sample->inputs; j++)
        if (!(sample->constant & 1u << j)) {
            ct_requires_grad(call->in[j], true);
            call->tangent[call->variables] = waves(tape, call->in[j], j);
            call->variable[call->variables++] = call->in[j];
        }
    call->y = sample->apply(tape, call->in, (void *)(uintptr_t)sample->context);
    cr_assert_not_null(call->y, "%s: %s", sample->name, ct_tape_message(tape));
    call->cotangent = waves(tape, call->y, 0.5);
}

/* Both sweeps over the record: the gradients and the tangent one after another in `values`; false when a change was noticed. */
static bool sweep(ct_tape *tape, struct call *call, bool forward, double *values, size_t *count)
{
    ct_tensor *result[CT_SAMPLE_INPUTS] = { NULL };
    const int results = forward ? 1 : call->variables;
    const ct_status status =
        forward ? ct_push(tape, call->variables, call->variable, call->tangent, 1, &call->y, result, 0)
                : ct_grad(tape, 1, &call->y, &call->cotangent, call->variables, call->variable, result, CT_RETAIN_GRAPH | CT_ALLOW_UNUSED);
    *count = 0;
    if (status == CT_BAD_STATE) {
        cr_assert(strstr(ct_tape_message(tape), "changed in place"), "%s", ct_tape_message(tape));
        ct_tape_clear_status(tape);
        return false;
    }
    cr_assert_eq(status, CT_OK, "%s: %s", call->sample->name, ct_tape_message(tape));
    for (int j = 0; j < results; j++)
        for (int64_t i = 0; i < ct_tensor_count(result[j]); i++)
            values[(*count)++] = ct_tensor_at(result[j], i);
    return true;
}

enum { MOST = 4096 };

/* Changes one tensor of the record: each sweep gives what it gave, to the bit, or says that it cannot. */
static int change(ct_tape *tape, struct call *call, ct_tensor *tensor, const double whole[2][MOST])
{
    static double saved[MOST], now[MOST];
    const size_t bytes = (size_t)tensor->count * sizeof(double);
    int noticed = 0;
    memcpy(saved, ct_tensor_data(tensor), bytes);
    double *data = ct_tensor_data_mutable(tensor);
    for (int64_t i = 0; i < tensor->count; i++)
        data[i] = i % 3 == 0 ? 0 : 0.25 - data[i];
    for (int forward = 0; forward < 2; forward++) {
        size_t count;
        if (!sweep(tape, call, forward, now, &count))
            noticed++;
        else
            cr_expect(memcmp(now, whole[forward], count * sizeof *now) == 0, "%s: a %s sweep read a %s of shape %s that was changed",
                      call->sample->name, forward ? "forward" : "backward", tensor->node ? "result" : "leaf",
                      ct_shape_text(tensor->shape, (char[128]){ 0 }, 128));
    }
    memcpy(data, saved, bytes);
    tensor->storage->version--;
    return noticed;
}

Test(rows, changes_in_place_are_seen_or_do_not_matter)
{
    static double whole[2][MOST];
    int noticed = 0, unnoticed = 0;
    for (int s = 0; s < ct_sample_count; s++) {
        ct_tape *tape = ct_tape_new();
        struct call call;
        apply(tape, &ct_samples[s], &call);
        size_t count;
        for (int forward = 0; forward < 2; forward++)
            cr_assert(sweep(tape, &call, forward, whole[forward], &count) && count < MOST);
        const size_t length = tape->node_count;
        for (size_t n = 0; n < length; n++) {
            const ct_call *node = &tape->nodes[n]->call;
            for (int i = 0; i <= node->arity; i++) {
                ct_tensor *value = i < node->arity ? node->in[i] : node->out;
                if (!value->storage) /* no derivative reads it, and nobody else: it is gone */
                    continue;
                const int seen = change(tape, &call, value, whole);
                noticed += seen, unnoticed += 2 - seen;
            }
        }
        ct_tape_free(tape);
        for (int j = 0; j < ct_samples[s].inputs; j++)
            ct_tensor_release(call.in[j]);
    }
    cr_expect(noticed > 200 && unnoticed > 200, "%d and %d", noticed, unnoticed); /* the walk meets both kinds */
}
