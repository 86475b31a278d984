/* Another catalogue for `cotangent check`, with ops that are wrong on purpose: what the command says, and how it exits, when it finds
 * something. build/cotangent-broken is the command with this in place of src/check/samples.c. */
#include <math.h>

#include "../../src/check/samples.h"

static bool same_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape;
    *out = ct_tensor_shape(call->in[0]);
    return true;
}

static bool square_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    for (int64_t i = 0; i < ct_tensor_count(call->out); i++)
        ct_check_set(call->out, i, ct_check_get(call->in[0], i) * ct_check_get(call->in[0], i));
    return true;
}

/* Derivatives of x², of which one each is wrong. */
static ct_tensor *two_lost(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    return ct_mul(tape, g, call->in[0]);
}

static ct_tensor *detached(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    return ct_mul(tape, g, ct_scale(tape, ct_detach(tape, call->in[0]), 2));
}

static ct_tensor *coarse(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    return ct_mul(tape, g, ct_scale(tape, call->in[0], ct_tensor_dtype(g) == CT_F32 ? 2.001 : 2));
}

static ct_tensor *not_a_number(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    return ct_scale(tape, ct_mul(tape, g, call->in[0]), NAN);
}

#define ROW(rule) \
    static const ct_op row_##rule = { .name = #rule, .arity = 1, .reads = CT_READS_IN, .shape = same_shape, .forward = square_forward, \
                                      .vjp = rule, .jvp = rule };
ROW(two_lost)
ROW(detached)
ROW(coarse)
ROW(not_a_number)
static const ct_op row_opaque = { .name = "opaque", .arity = 1, .shape = same_shape, .forward = square_forward };

static ct_tensor *apply_row(ct_tape *tape, ct_tensor *const in[], void *row) { return ct_apply(tape, row, 1, in, NULL, 0); }

static ct_tensor *right(ct_tape *tape, ct_tensor *const in[], void *context) { return (void)context, ct_square(tape, in[0]); }

/* Rounded to 1e-4 on the way. */
static ct_tensor *noisy(ct_tape *tape, ct_tensor *const in[], void *context)
{
    (void)context;
    return ct_add_scalar(tape, ct_add_scalar(tape, in[0], 1e12), -1e12);
}

static ct_tensor *fails(ct_tape *tape, ct_tensor *const in[], void *context) { return (void)context, ct_matmul(tape, in[0], in[0], false, false); }

#define SAMPLE(name_, row, function) \
    { .name = name_, .op = &row, .apply = function, .context = &row, .inputs = 1, .in = { { { 2, { 2, 3 } }, CT_DOMAIN_REAL } } }
const ct_sample ct_samples[] = {
    SAMPLE("right", row_two_lost, right),
    SAMPLE("wrong", row_two_lost, apply_row),
    SAMPLE("wrong from order 2", row_detached, apply_row),
    SAMPLE("float32 wrong", row_coarse, apply_row),
    SAMPLE("nan", row_not_a_number, apply_row),
    SAMPLE("opaque", row_opaque, apply_row),
    SAMPLE("noisy", row_two_lost, noisy),
    SAMPLE("fails", row_two_lost, fails),
};
const int ct_sample_count = sizeof ct_samples / sizeof *ct_samples;
