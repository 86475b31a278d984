/* The verdicts of the gradient check: right, wrong, kink and undecidable, where they are hard to tell apart. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

#define FUNCTION(name, expression) \
    static ct_tensor *name(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, expression; }

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
Test(verdicts, kinks)
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

/* |x| whose derivative at 0 is said to be `slope`: between −1 and 1 it is a kink, beyond it is wrong. */
static bool abs_forward(ct_tape *tape, ct_call *call) { return (void)tape, ct_tensor_assign(call->out, ct_abs(tape, call->in[0])) == CT_OK; }
static ct_tensor *abs_slope(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)
{
    ct_tensor *slope = ct_tape_tensor(t, CT_F64, ct_tensor_shape(call->in[0]));
    (void)operand;
    for (int64_t i = 0; i < ct_tensor_count(slope); i++) {
        const double x = ct_tensor_at(call->in[0], i);
        ((double *)ct_tensor_data_mutable(slope))[i] = x == 0 ? *(const double *)call->attributes : x > 0 ? 1 : -1;
    }
    return ct_mul(t, g, slope);
}
static bool same_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return (void)tape, *out = ct_tensor_shape(call->in[0]), true; }
static const ct_op abs_at_zero = { .name = "abs_at_zero", .arity = 1, .reads = CT_READS_ALL_IN, .shape = same_shape, .forward = abs_forward,
                                   .vjp = abs_slope, .jvp = abs_slope };
FUNCTION(kinked, ct_apply(t, &abs_at_zero, 1, in, context, sizeof(double)))

Test(verdicts, beyond_a_kink)
{
    static const struct {
        double slope;
        ct_verdict verdict;
    } cases[] = { { 0, CT_KINK }, { 0.5, CT_KINK }, { -0.99, CT_KINK }, { 1, CT_KINK }, { 1.01, CT_WRONG }, { -2, CT_WRONG }, { 1e6, CT_WRONG } };
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 0, 3 });
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double slope = cases[i].slope;
        ct_gradcheck_report report;
        cr_expect_eq(ct_gradcheck(&(ct_function){ kinked, &slope, 1 }, &x, NULL, &report), cases[i].verdict, "%g: %s", slope, report.message);
        cr_expect(report.worst.index.rank == 1 && report.worst.index.extent[0] == 0 && report.worst.analytic == slope, "%g: %s", slope, report.message);
    }
    ct_tensor_release(x);
}

/* x, and where |x − 1| > 0.05 also x − 1: steps that reach beyond agree on slope 2, to the bit, but the slope at 1 is 1. */
static ct_tensor *terrace(ct_tape *t, ct_tensor *const in[], void *context)
{
    (void)context;
    ct_tensor *off = ct_add_scalar(t, in[0], -1), *side = ct_sign(t, ct_add_scalar(t, ct_square(t, off), -0.0025));
    return ct_add(t, in[0], ct_mul(t, off, ct_scale(t, ct_add_scalar(t, side, 1), 0.5)));
}

Test(verdicts, large_steps_agree_on_another_slope)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_scalar(CT_F64, 1);
    cr_expect_eq(check(terrace, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    cr_expect_geq(report.digits, 8);
    cr_expect_eq(report.worst.analytic, 1);
    ct_tensor_release(x);
}

/* A jump is no derivative to compare with. */
Test(verdicts, jump)
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

Test(verdicts, noise_and_overflow)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_scalar(CT_F64, 0.3);
    cr_expect_eq(check(noisy, x, (ct_gradcheck_options){ 0 }, &report), CT_UNDECIDABLE, "%s", report.message);
    cr_expect_not_null(strstr(report.message, "noise"), "%s", report.message);
    cr_expect_eq(check(milder, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    cr_expect_eq(check(reciprocal, x, (ct_gradcheck_options){ 0 }, &report), CT_UNDECIDABLE, "%s", report.message);
    cr_expect_not_null(strstr(report.message, "overflow"), "%s", report.message);
    cr_expect_not(isfinite(report.worst.analytic));
    ct_tensor_release(x);
}

/* Functions that rounding makes staircases of, with treads of all widths. Nobody is accused of them; and a derivative of 0, which is a
 * tread's own, is not called right. */
FUNCTION(stairs, ct_add_scalar(t, ct_add_scalar(t, in[0], *(double *)context), -*(double *)context))
FUNCTION(stairs_and_slope, ct_add(t, stairs(t, in, context), ct_tanh(t, in[1])))

static bool copy_forward(ct_tape *tape, ct_call *call) { return (void)tape, ct_tensor_assign(call->out, call->in[0]) == CT_OK; }
static const ct_op constant = { .name = "constant", .arity = 1, .shape = same_shape, .forward = copy_forward, .vjp = ct_zero_derivative,
                                .jvp = ct_zero_derivative };
FUNCTION(lying_stairs, stairs(t, (ct_tensor *[]){ ct_apply(t, &constant, 1, in, NULL, 0) }, context))

Test(verdicts, staircases_of_rounding)
{
    int undecidable = 0;
    for (int n = 0; n < 120; n++) {
        double height = pow(10, 6 + n % 9); /* treads of 1e-10 … 0.1 */
        ct_random random = { .seed = (uint64_t)n };
        ct_gradcheck_report report;
        ct_tensor *x[] = { ct_tensor_zeros(CT_F64, CT_SHAPE(3)), ct_tensor_zeros(CT_F64, CT_SHAPE(3)) };
        ct_normal(x[0], 0, 1, &random), ct_normal(x[1], 0, 1, &random);
        ct_function one = { stairs, &height, 1 }, two = { stairs_and_slope, &height, 2 }, liar = { lying_stairs, &height, 1 };
        const ct_gradcheck_options options = { .seed = (uint64_t)n };
        undecidable += ct_gradcheck(&one, x, &options, &report) == CT_UNDECIDABLE;
        cr_expect_eq(report.wrong, 0, "%g, %d: %s", height, n, report.message);
        ct_gradcheck(&two, x, &options, &report);
        cr_expect_eq(report.wrong, 0, "%g, %d, and a slope: %s", height, n, report.message);
        const ct_verdict verdict = ct_gradcheck(&liar, x, &options, &report);
        cr_expect(verdict == CT_WRONG || (verdict == CT_UNDECIDABLE && height >= 1e10), "%g, %d, a lie: %s", height, n, report.message);
        ct_tensor_release(x[0]), ct_tensor_release(x[1]);
    }
    cr_expect(undecidable > 10 && undecidable < 110, "%d", undecidable);
}

/* A staircase that no rounding explains has the derivative 0, whatever it is passed through as. */
static bool floor_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    for (int64_t i = 0; i < ct_tensor_count(call->out); i++)
        ((double *)ct_tensor_data_mutable(call->out))[i] = floor(8 * ct_tensor_at(call->in[0], i)) / 8;
    return true;
}
static ct_tensor *straight_through(ct_tape *t, const ct_call *call, int operand, ct_tensor *g) { return (void)call, (void)operand, ct_scale(t, g, 1); }
static const ct_op quantize = { .name = "quantize", .arity = 1, .shape = same_shape, .forward = floor_forward, .vjp = straight_through,
                                .jvp = straight_through };
static const ct_op quantize_honest = { .name = "quantize", .arity = 1, .shape = same_shape, .forward = floor_forward,
                                       .vjp = ct_zero_derivative, .jvp = ct_zero_derivative };
FUNCTION(quantized, ct_apply(t, &quantize, 1, in, NULL, 0))
FUNCTION(quantized_honestly, ct_apply(t, &quantize_honest, 1, in, NULL, 0))

Test(verdicts, quantizer)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(3), (double[]){ 0.3, -1.7, 12.2 });
    cr_expect_eq(check(quantized, x, (ct_gradcheck_options){ 0 }, &report), CT_WRONG, "%s", report.message);
    cr_expect_eq(check(quantized_honestly, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    ct_tensor_release(x);
}

/* A bias in front of batch norm moves nothing: its derivative is 0 up to rounding, and that is right, to most of f's own digits. */
FUNCTION(biased, ct_batch_norm(t, ct_add(t, context, in[0]), NULL, NULL, NULL, NULL, true, 0.1, 1e-5))

Test(verdicts, zero_up_to_rounding)
{
    ct_gradcheck_report report;
    ct_random random = { .seed = 1 };
    ct_tensor *x = ct_tensor_zeros(CT_F64, CT_SHAPE(4, 2)), *b = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 0.3, -1.7 });
    ct_normal(x, 0, 1, &random);
    cr_expect_eq(ct_gradcheck(&(ct_function){ biased, x, 1 }, &b, NULL, &report), CT_RIGHT, "%s", report.message);
    cr_expect_geq(report.digits, 12, "%s", report.message);
    ct_tensor_release(x), ct_tensor_release(b);
}

/* Steep, flat, far and tiny: nobody picks a step. */
FUNCTION(steep, ct_exp(t, ct_scale(t, in[0], 50)))
FUNCTION(wave, ct_mul(t, ct_tanh(t, ct_scale(t, in[0], 1e3)), ct_square(t, in[0])))
FUNCTION(log_of, ct_log(t, in[0]))
FUNCTION(root, ct_sqrt(t, in[0]))

Test(verdicts, steps_find_themselves)
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
Test(verdicts, uneven_magnitudes)
{
    ct_gradcheck_report report;
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(4), (double[]){ 1e-5, 1, 1e3, 1e-3 });
    cr_expect_eq(check(log_of, x, (ct_gradcheck_options){ 0 }, &report), CT_RIGHT, "%s", report.message);
    ct_tensor_release(x);
}
