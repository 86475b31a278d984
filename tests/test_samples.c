/* The catalogue of calls covers the op table. */
#include <criterion/criterion.h>
#include <math.h>

#include "../src/check/samples.h"

static bool records(const ct_tape *tape, const ct_op *op)
{
    for (size_t n = 0; n < tape->node_count; n++)
        if (tape->nodes[n]->call.op == op)
            return true;
    return false;
}

/* Every sample computes, and its record, with the record of its derivative, holds the row that it is there for. */
Test(samples, hold_their_rows)
{
    ct_tape *tape = ct_tape_new();
    for (int i = 0; i < ct_sample_count; i++) {
        const ct_sample *sample = &ct_samples[i];
        ct_tensor *in[CT_SAMPLE_INPUTS], *gradient[CT_SAMPLE_INPUTS];
        for (int whole = 0; whole < 2; whole++) {
            cr_assert(ct_sample_inputs(sample, CT_F64, whole, 1, in));
            for (int j = 0; j < sample->inputs; j++)
                ct_requires_grad(in[j], !(sample->constant & 1u << j));
            ct_tensor *y = sample->apply(tape, in, (void *)(uintptr_t)sample->context);
            cr_assert_not_null(y, "%s: %s", sample->name, ct_tape_message(tape));
            ct_tensor *v = ct_tape_tensor(tape, CT_F64, ct_tensor_shape(y));
            ct_tensor_fill(v, 1);
            ct_requires_grad(v, true);
            cr_assert_eq(ct_grad(tape, 1, &y, &v, 1, in, gradient, CT_CREATE_GRAPH | CT_ALLOW_UNUSED), CT_OK, "%s: %s", sample->name,
                         ct_tape_message(tape));
            cr_expect(records(tape, sample->op), "%s does not record %s", sample->name, sample->op->name);
            ct_tape_reset(tape);
            for (int j = 0; j < sample->inputs; j++)
                ct_tensor_release(in[j]);
        }
    }
    ct_tape_free(tape);
}

Test(samples, cover_the_table)
{
    for (int row = 0; row < ct_op_table_length; row++) {
        int samples = 0;
        for (int i = 0; i < ct_sample_count; i++)
            samples += ct_samples[i].op == ct_op_table[row];
        cr_expect_geq(samples, 1, "no sample for row %d, %s", row, ct_op_table[row]->name);
    }
}

/* Values depend on the seed alone, and stay where ops are smooth. */
Test(samples, domains)
{
    for (int i = 0; i < ct_sample_count; i++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            ct_tensor *in[CT_SAMPLE_INPUTS], *again[CT_SAMPLE_INPUTS];
            cr_assert(ct_sample_inputs(&ct_samples[i], CT_F64, false, seed, in) && ct_sample_inputs(&ct_samples[i], CT_F64, false, seed, again));
            for (int j = 0; j < ct_samples[i].inputs; j++) {
                for (int64_t k = 0; k < ct_tensor_count(in[j]); k++) {
                    const double x = ct_tensor_at(in[j], k);
                    cr_assert_eq(x, ct_tensor_at(again[j], k));
                    if (ct_samples[i].in[j].domain == CT_DOMAIN_APART)
                        for (int64_t l = 0; l < k; l++)
                            cr_assert_gt(fabs(x - ct_tensor_at(in[j], l)), 0.19, "%s", ct_samples[i].name);
                    if (ct_samples[i].in[j].domain == CT_DOMAIN_APART)
                        cr_assert(fabs(x) > 0.09 && fabs(fabs(x) - 0.9) > 0.09, "%s: %g", ct_samples[i].name, x);
                }
                ct_tensor_release(in[j]), ct_tensor_release(again[j]);
            }
        }
}
