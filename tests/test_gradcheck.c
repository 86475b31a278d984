/* The gradient check: every op, orders 1 to 3, is right; and what the other verdicts are for. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../src/check/samples.h"

#define FUNCTION(name, expression) \
    static ct_tensor *name(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, expression; }

/* ---- the ops are right ---- */

/* Seeds of the quick run; `make kill-matrix` takes 1,000. At whole inputs affine functions are checked exactly. */
static void check_samples(int order, int seeds, int64_t elements)
{
    ct_set_num_threads(1);
    for (int i = 0; i < ct_sample_count; i++) {
        const ct_sample *sample = &ct_samples[i];
        const ct_function f = ct_sample_function(sample);
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

Test(gradcheck, first_order) { check_samples(1, 2, 0); }
Test(gradcheck, second_order) { check_samples(2, 1, 16); }
Test(gradcheck, third_order) { check_samples(3, 1, 8); }

/* ---- verdicts ---- */

static ct_verdict check(ct_tensor *(*apply)(ct_tape *, ct_tensor *const[], void *), ct_tensor *x, ct_gradcheck_options options,
                        ct_gradcheck_report *report)
{
    const ct_function f = { apply, NULL, 1 };
    return ct_gradcheck(&f, &x, &options, report);
}

FUNCTION(absolute, ct_abs(t, in[0]))
FUNCTION(rectified, ct_relu(t, in[0]))
FUNCTION(sign_of, ct_sign(t, in[0]))

/* |x| at 0: slopes −1 and 1, and 0 lies between. Nearby it is smooth, and larger steps must not mislead. */
Test(gradcheck, kinks)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(3), (double[]){ 1, 0, -2 });
    cr_expect_eq(check(absolute, x, (ct_gradcheck_options){ 0 }, &report), CT_KINK, "%s", report.message);
    cr_expect(report.kinks > 0 && report.wrong == 0 && report.worst.index.extent[0] == 1 && report.worst.numeric == 0, "%s", report.message);
    ct_tensor_release(x);
    for (double at = 1e-2; at > 1e-9; at /= 10) {
        x = ct_tensor_scalar(CT_F64, at);
        const ct_verdict verdict = check(rectified, x, (ct_gradcheck_options){ 0 }, &report);
        cr_expect(verdict == CT_RIGHT || verdict == CT_KINK, "relu at %g: %s", at, report.message);
        cr_expect_eq(report.wrong, 0);
        ct_tensor_release(x);
    }
}

/* x, and where |x − 1| > 0.05 also x − 1: steps that reach beyond agree on slope 2, to the bit, but the slope at 1 is 1. */
static ct_tensor *terrace(ct_tape *t, ct_tensor *const in[], void *context)
{
    (void)context;
    ct_tensor *off = ct_add_scalar(t, in[0], -1), *side = ct_sign(t, ct_add_scalar(t, ct_square(t, off), -0.0025));
    return ct_add(t, in[0], ct_mul(t, off, ct_scale(t, ct_add_scalar(t, side, 1), 0.5)));
}

Test(gradcheck, large_steps_agree_on_another_slope)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_scalar(CT_F64, 1);
    cr_expect_eq(check(terrace, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    cr_expect_geq(report.digits, 8);
    cr_expect_eq(report.worst.analytic, 1);
    ct_tensor_release(x);
}

/* A jump is no derivative to compare with. */
Test(gradcheck, jump)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_scalar(CT_F64, 0);
    cr_expect_eq(check(sign_of, x, (ct_gradcheck_options){ 0 }, &report), CT_UNDECIDABLE, "%s", report.message);
    ct_tensor_release(x);
}

/* 10^12 + x − 10^12 has steps of 1e-4: nothing of its derivative is right to four digits at moderate steps. */
FUNCTION(noisy, ct_add_scalar(t, ct_add_scalar(t, in[0], 1e12), -1e12))
FUNCTION(milder, ct_add_scalar(t, ct_add_scalar(t, in[0], 1e6), -1e6))
FUNCTION(reciprocal, ct_div(t, in[0], ct_scale(t, in[0], 0)))

Test(gradcheck, noise_and_overflow)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_scalar(CT_F64, 0.3);
    cr_expect_eq(check(noisy, x, (ct_gradcheck_options){ 0 }, &report), CT_UNDECIDABLE, "%s", report.message);
    cr_expect_eq(check(milder, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    cr_expect_eq(check(reciprocal, x, (ct_gradcheck_options){ 0 }, &report), CT_UNDECIDABLE, "%s", report.message);
    ct_tensor_release(x);
}

/* Steep, flat, far and tiny: nobody picks a step. */
FUNCTION(steep, ct_exp(t, ct_scale(t, in[0], 50)))
FUNCTION(wave, ct_mul(t, ct_tanh(t, ct_scale(t, in[0], 1e3)), ct_square(t, in[0])))
FUNCTION(log_of, ct_log(t, in[0]))
FUNCTION(root, ct_sqrt(t, in[0]))

Test(gradcheck, steps_find_themselves)
{
    static const struct {
        ct_tensor *(*f)(ct_tape *, ct_tensor *const[], void *);
        double at;
    } cases[] = { { steep, 1 }, { steep, -3 }, { wave, 1e-3 }, { wave, 2 }, { log_of, 1e-200 }, { log_of, 1e200 }, { root, 1e-12 }, { root, 1e12 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_gradcheck_report report;
        ct_tensor *x = ct_tensor_scalar(CT_F64, cases[i].at);
        cr_expect_eq(check(cases[i].f, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "case %zu: %s", i, report.message);
        ct_tensor_release(x);
    }
}

/* Wide ranges in one input: the step is each element's own. */
Test(gradcheck, uneven_magnitudes)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(4), (double[]){ 1e-5, 1, 1e3, 1e-3 });
    cr_expect_eq(check(log_of, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    ct_tensor_release(x);
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
