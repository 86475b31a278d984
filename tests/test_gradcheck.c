/* The gradient check: every op, orders 1 to 3, is right; what it promises of functions and says in reports. Verdicts: test_verdicts.c. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../src/check/samples.h"

#define FUNCTION(name, expression) \
    static ct_tensor *name(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, expression; }

/* ---- the ops are right ---- */

/* Seeds of the quick run; `make kill-matrix` takes 1,000. At whole inputs affine functions are checked exactly. */
static void check_samples(const char *prefix, int order, int seeds, int64_t elements)
{
    ct_set_num_threads(1);
    for (int i = 0; i < ct_sample_count; i++) {
        const ct_sample *sample = &ct_samples[i];
        const ct_function f = ct_sample_function(sample);
        if (strncmp(sample->name, prefix, strlen(prefix)) != 0)
            continue;
        for (int n = 0; n < 2 * seeds; n++) {
            ct_tensor *in[CT_SAMPLE_INPUTS];
            ct_gradcheck_report report;
            char text[1500];
            const uint64_t seed = (uint64_t)(n / 2);
            cr_assert(ct_sample_inputs(sample, CT_F64, n % 2, seed, in));
            const ct_gradcheck_options options = { .order = order, .seed = seed, .linear = sample->linear, .constant = sample->constant,
                                                   .float32 = !sample->draws, .elements = elements };
            ct_gradcheck(&f, in, &options, &report);
            cr_expect_eq(report.verdict, CT_RIGHT, "%s, order %d: %s", sample->name, order, ct_gradcheck_text(&report, text, sizeof text));
            /* erf at whole numbers has derivatives of 1e-7 beside values of 1: eight digits less. */
            cr_expect_geq(report.digits, n % 2 ? 7 : 8, "%s, order %d: %g digits", sample->name, order, report.digits);
            for (int j = 0; j < sample->inputs; j++)
                ct_tensor_release(in[j]);
        }
    }
}

Test(gradcheck, first_order) { check_samples("", 1, 2, 0); }
Test(gradcheck, second_order) { check_samples("", 2, 1, 16); }
Test(gradcheck, third_order) { check_samples("", 3, 1, 8); }

/* Bilinear algorithms, which larger convolutions take by themselves, leave roundings of neighbours where float64 has exact zeros. */
Test(gradcheck, bilinear)
{
    setenv("CT_ALGORITHM", "bilinear", 1);
    check_samples("conv", 1, 4, 0), check_samples("conv", 2, 1, 8);
}

static ct_verdict check(ct_tensor *(*apply)(ct_tape *, ct_tensor *const[], void *), ct_tensor *x, ct_gradcheck_options options,
                        ct_gradcheck_report *report)
{
    const ct_function f = { apply, NULL, 1 };
    return ct_gradcheck(&f, &x, &options, report);
}

/* ---- promises of a function ---- */

static ct_tensor *counts(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_scale(t, in[0], 1 + 1e-13 * ++*(int *)context); }

static ct_tensor *mutates(ct_tape *t, ct_tensor *const in[], void *context)
{
    ct_tensor *y = ct_square(t, in[0]);
    (void)context;
    ((double *)ct_tensor_data_mutable(in[0]))[1] = 7;
    return ct_add_scalar(t, y, 0);
}

FUNCTION(first_only, ct_square(t, in[0]))

Test(gradcheck, purity)
{
    ct_gradcheck_report report;
    int calls = 0;
    ct_tensor *x[] = { ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 1, 2 }), ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 3, 4 }) };
    ct_function f = { counts, &calls, 1 }, g = { mutates, NULL, 1 }, h = { first_only, NULL, 2 };
    cr_expect_eq(ct_gradcheck(&f, x, NULL, &report), CT_WRONG, "%s", report.message);
    cr_expect_not_null(strstr(report.message, "different values for the same inputs"), "%s", report.message);
    cr_expect(ct_gradcheck(&g, x, NULL, &report) != CT_RIGHT, "%s", report.message);
    cr_expect_not_null(strstr(report.message, "in place"), "%s", report.message);
    cr_expect_eq(ct_tensor_at(x[0], 1), 2, "the caller's tensor stays as it was");
    cr_expect_eq(ct_gradcheck(&h, x, NULL, &report), CT_RIGHT, "%s", report.message);
    cr_expect_eq(report.unused, 2u);
    char text[1500], json[1500];
    cr_expect_not_null(strstr(ct_gradcheck_text(&report, text, sizeof text), "\nno dependence on input 1\n"), "%s", text);
    cr_expect_not_null(strstr(ct_gradcheck_json(&report, json, sizeof json), "\"unused\":[1]"), "%s", json);
    ct_tensor_release(x[0]), ct_tensor_release(x[1]);
}

/* Said to be affine, and is not. */
Test(gradcheck, not_linear)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 1, 2 });
    cr_expect_eq(check(first_only, x, (ct_gradcheck_options){ .linear = 1 }, &report), CT_WRONG);
    cr_expect_str_eq(report.worst.check, "linear");
    ct_tensor_release(x);
}

/* ---- reports ---- */

/* exp with a derivative that is off by 1e-9 of itself, but for one element that is far off. */
static bool exp_forward(ct_tape *tape, ct_call *call) { return (void)tape, ct_tensor_assign(call->out, ct_exp(tape, call->in[0])) == CT_OK; }
static ct_tensor *exp_vjp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    ct_tensor *slope = ct_detach(t, ct_mul(t, g, call->out)), *copy = ct_scale(t, slope, 1);
    const int64_t last = ct_tensor_count(copy) - 1;
    if (last >= 0)
        ((double *)ct_tensor_data_mutable(copy))[last - 1] *= 1.01;
    return copy;
}
static bool same(ct_tape *tape, const ct_call *call, ct_shape *out) { return (void)tape, *out = ct_tensor_shape(call->in[0]), true; }
static const ct_op broken_exp = { .name = "broken_exp", .arity = 1, .reads = CT_READS_OUT, .shape = same, .forward = exp_forward, .vjp = exp_vjp };
FUNCTION(exp_broken, ct_apply(t, &broken_exp, 1, in, NULL, 0))

Test(gradcheck, names_the_element)
{
    ct_gradcheck_report report;
    char text[1500];
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(2, 3), 0.5);
    static const char *const names[] = { "weight" };
    cr_expect_eq(check(exp_broken, x, (ct_gradcheck_options){ .names = names, .seed = 77 }, &report), CT_WRONG);
    cr_expect_str_eq(report.worst.name, "weight");
    cr_expect(report.worst.index.extent[0] == 1 && report.worst.index.extent[1] == 1 && report.worst.output == 4, "%s", report.message);
    cr_expect_float_eq(report.worst.numeric, exp(0.5), 1e-12);
    cr_expect_float_eq(report.worst.analytic, 1.01 * exp(0.5), 1e-12);
    cr_expect_not_null(strstr(ct_gradcheck_text(&report, text, sizeof text), "output 4 by weight[1, 1]"), "%s", text);
    ct_gradcheck_json(&report, text, sizeof text);
    cr_expect_not_null(strstr(text, "\"verdict\":\"wrong\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"index\":[1,1]"), "%s", text);
    cr_expect_not_null(strstr(text, "\"seed\":77"), "%s", text);
    ct_tensor_release(x);
}

/* One wrong element of 10,000, in an input that is only sampled: a dense direction sees it, and halving finds it. */
Test(gradcheck, one_of_ten_thousand)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(100, 100), 0.5);
    cr_expect_eq(check(exp_broken, x, (ct_gradcheck_options){ .elements = 4 }, &report), CT_WRONG);
    cr_expect(report.worst.index.rank == 2 && report.worst.index.extent[0] == 99 && report.worst.index.extent[1] == 98, "%s", report.message);
    ct_tensor_release(x);
}

/* No rule is an error, not a verdict on numbers. */
static const ct_op no_rule = { .name = "opaque", .arity = 1, .shape = same, .forward = exp_forward };
FUNCTION(opaque, ct_apply(t, &no_rule, 1, in, NULL, 0))

Test(gradcheck, no_rule)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(2), 0.5);
    cr_expect_eq(check(opaque, x, (ct_gradcheck_options){ 0 }, &report), CT_UNDECIDABLE);
    cr_expect_eq(report.status, CT_NO_DERIVATIVE, "%s", report.message);
    cr_expect_not_null(strstr(report.message, "opaque"), "%s", report.message);
    cr_expect_eq(ct_gradcheck(NULL, &x, NULL, NULL), CT_UNDECIDABLE);
    ct_tensor_release(x);
}

/* The check is a function of the seed alone. */
Test(gradcheck, replays)
{
    ct_gradcheck_report a, b;
    const ct_sample *sample = &ct_samples[0];
    for (int i = 0; i < ct_sample_count; i++)
        if (strcmp(ct_samples[i].name, "batch_norm") == 0)
            sample = &ct_samples[i];
    ct_tensor *in[CT_SAMPLE_INPUTS];
    const ct_function f = ct_sample_function(sample);
    ct_sample_inputs(sample, CT_F64, false, 3, in);
    ct_gradcheck(&f, in, &(ct_gradcheck_options){ .seed = 9 }, &a), ct_gradcheck(&f, in, &(ct_gradcheck_options){ .seed = 9 }, &b);
    cr_expect(a.digits == b.digits && a.comparisons == b.comparisons && a.worst.analytic == b.worst.analytic && a.worst.numeric == b.worst.numeric);
    for (int j = 0; j < sample->inputs; j++)
        ct_tensor_release(in[j]);
}

/* ---- functions that do not do as they should ---- */

/* What the float32 run is given may not have the float64 run's shape; a constant may come first, and stays what it is. */
static ct_tensor *longer_in_float32(ct_tape *t, ct_tensor *const in[], void *context)
{
    ct_tensor *y = ct_square(t, in[0]), *twice[] = { y, y };
    return (void)context, ct_tensor_dtype(y) == CT_F32 ? ct_concat(t, 2, twice, 0) : y;
}
static ct_tensor *overwrites_mask(ct_tape *t, ct_tensor *const in[], void *context)
{
    (void)context;
    ((double *)ct_tensor_data_mutable(in[0]))[1] = 7;
    return ct_square(t, in[1]);
}
FUNCTION(product, ct_mul(t, in[0], in[1]))

Test(gradcheck, float32_changes_nothing_else)
{
    ct_gradcheck_report report;
    ct_tensor *x[] = { ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 1, 2 }), ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 3, 4 }) };
    const ct_gradcheck_options float32 = { .float32 = true }, first_constant = { .float32 = true, .constant = 1 };
    cr_expect_eq(check(longer_in_float32, x[0], float32, &report), CT_UNDECIDABLE, "%s", report.message);
    cr_expect(report.status == CT_BAD_SHAPE && strstr(report.message, "from (2,) to float32 (4,)"), "%s", report.message);
    cr_expect_eq(ct_gradcheck(&(ct_function){ product, NULL, 2 }, x, &first_constant, &report), CT_RIGHT, "%s", report.message);
    cr_expect_eq(ct_gradcheck(&(ct_function){ overwrites_mask, NULL, 2 }, x, &(ct_gradcheck_options){ .constant = 1 }, &report), CT_WRONG);
    cr_expect_not_null(strstr(report.message, "changes its input in[0] in place"), "%s", report.message);
    ct_tensor_release(x[0]), ct_tensor_release(x[1]);
}

/* What cannot be checked is refused with a sentence. */
Test(gradcheck, refusals)
{
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2, 2), (double[]){ 1, 2, 3, INFINITY }), *two[] = { x, x };
    const ct_function one = { first_only, NULL, 1 }, both = { product, NULL, 2 }, none = { NULL, NULL, 1 };
    const struct {
        const ct_function *f;
        ct_gradcheck_options options;
        const char *says;
    } cases[] = {
        { &both, { .constant = 3 }, "every input is constant" },
        { &one, { .order = -1 }, "an order of 0 to 8" },
        { &one, { .order = 9 }, "an order of 0 to 8" },
        { &one, { .reference = &both }, "the reference takes 2 inputs, the function 1" },
        { &one, { .reference = &none }, "the reference takes 0 inputs" },
        { &both, { .constant = 1 }, "input 1 is inf at (1, 1), where there is no derivative" },
        { &none, { 0 }, "needs a function" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_gradcheck_report report;
        cr_expect_eq(ct_gradcheck(cases[i].f, two, &cases[i].options, &report), CT_UNDECIDABLE);
        cr_expect_eq(report.status, CT_BAD_ARGUMENT);
        cr_expect_not_null(strstr(report.message, cases[i].says), "%s", report.message);
    }
    ct_tensor_release(x);
}

/* JSON is valid whatever an input is called. */
Test(gradcheck, names_in_json)
{
    static const char *const names[] = { "xyθ1 θ2 θ3 θ4 θ5 θ6 θ7 θ8", "caf\xe9", "\"quoted\"\n", "" };
    static const char *const as[] = { "\"input\":\"xy??1 ??2", "\"input\":\"caf?\"", "\"input\":\"\\\"quoted\\\"\\n\"", "\"input\":\"\"" };
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(2, 3), 0.5);
    for (int i = 0; i < 4; i++) {
        ct_gradcheck_report report;
        char text[1500];
        check(exp_broken, x, (ct_gradcheck_options){ .names = &names[i] }, &report);
        cr_expect_not_null(strstr(ct_gradcheck_json(&report, text, sizeof text), as[i]), "%s", text);
    }
    ct_tensor_release(x);
}
