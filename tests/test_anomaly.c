/* Anomaly mode names the first op that makes a NaN or an infinity, and where it stands. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

static ct_tensor *leaf(ct_dtype dtype, int64_t count, const double values[])
{
    ct_tensor *x = ct_tensor_zeros(dtype, CT_SHAPE(1, count));
    ct_tensor_copy_in(x, CT_F64, values, count);
    ct_requires_grad(x, true);
    return x;
}

static void expect_message(const ct_tape *tape, const char *part)
{
    cr_expect_eq(ct_tape_status(tape), CT_NOT_FINITE);
    cr_expect_not_null(strstr(ct_tape_message(tape), part), "no \"%s\" in \"%s\"", part, ct_tape_message(tape));
}

/* log of −1 is the first; exp of it would be the next. */
Test(anomaly, forward)
{
    for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++) {
        ct_tape *tape = ct_tape_new();
        ct_tensor *x = leaf(dtype, 3, (double[]){ 4, -2, 1 });
        cr_expect_not_null(ct_exp(tape, ct_log(tape, ct_scale(tape, x, 0.5))), "off by default");
        ct_tape_reset(tape);
        ct_tape_detect_anomaly(tape, true);
        cr_expect_null(ct_exp(tape, ct_log(tape, ct_scale(tape, x, 0.5))));
        expect_message(tape, "log, after 1 recorded ops, made a NaN at [0, 1] of (1, 3), 1 in all; operand 0 (1, 3) in [-1, 2]");
        ct_tape_reset(tape);
        cr_expect_null(ct_div(tape, x, ct_scale(tape, x, 0)), "a reset leaves the mode on");
        expect_message(tape, "div, after 1 recorded ops, made an infinity at [0, 0] of (1, 3), 3 in all; operand 0 (1, 3) in [-2, 4]; operand 1");
        ct_tape_reset(tape);
        ct_tape_detect_anomaly(tape, false);
        cr_expect_not_null(ct_log(tape, x));
        ct_tape_free(tape);
        ct_tensor_release(x);
    }
}

/* √0 is finite, its slope is not; forward mode says the same. */
Test(anomaly, backward)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(CT_F64, 3, (double[]){ 4, 0, 9 }), *u = ct_tensor_ones(CT_F64, CT_SHAPE(1, 3)), *pushed;
    ct_tape_detect_anomaly(tape, true);
    ct_tensor *y = ct_sum(tape, ct_sqrt(tape, ct_scale(tape, x, 1)));
    cr_assert_not_null(y);
    cr_expect_eq(ct_push(tape, 1, &x, &u, 1, &y, &pushed, 0), CT_NOT_FINITE);
    expect_message(tape, "the forward derivative of sqrt (op 1 of the tape) by operand 0 made an infinity at [0, 1] of (1, 3)");
    ct_tape_clear_status(tape);
    cr_expect_eq(ct_backward(tape, y), CT_NOT_FINITE);
    expect_message(tape, "the fused derivative of sqrt (op 1 of the tape) by operand 0 made an infinity at [0, 1] of (1, 3), "
                         "1 in all; cotangent (1, 3) in [1, 1]");
    expect_message(tape, "operand 0 (1, 3) in [0, 9]; output (1, 3) in [0, 3]");
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(u);
}

/* Steps inside a rule may pass infinities that do not come out: torch's clamped logarithms. */
Test(anomaly, no_false_alarm)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(CT_F64, 2, (double[]){ 0, 1 }), *t = leaf(CT_F64, 2, (double[]){ 1, 0.25 });
    ct_tape_detect_anomaly(tape, true);
    cr_expect_eq(ct_backward(tape, ct_bce_loss(tape, x, t, CT_REDUCTION_SUM)), CT_OK, "%s", ct_tape_message(tape));
    cr_expect_eq(ct_tensor_at(ct_gradient(t), 0), 100);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(t);
}

/* A fused derivative is looked at too. */
Test(anomaly, fused)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(CT_F64, 3, (double[]){ 2, 2, 2 }), *g = ct_tensor_full(CT_F64, CT_SHAPE(1, 3), NAN), *y;
    ct_tape_detect_anomaly(tape, true);
    y = ct_layer_norm(tape, x, 1, NULL, NULL, 1e-5);
    cr_assert_not_null(y, "%s", ct_tape_message(tape));
    cr_expect_eq(ct_backward_from(tape, 1, &y, &g, 0), CT_NOT_FINITE);
    ct_tape_reset(tape);
    y = ct_layer_norm(tape, x, 1, NULL, NULL, 0);
    cr_expect_null(y);
    expect_message(tape, "normalize, after");
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(g);
}

/* All operands of a convolution are described, the second order's op is named, and an infinity that only a sum of cotangents makes. */
Test(anomaly, operands_orders_and_sums)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_ones(CT_F64, CT_SHAPE(1, 1, 3)), *w = ct_tensor_full(CT_F64, CT_SHAPE(1, 1, 2), 1e308), *b = ct_tensor_full(CT_F64, CT_SHAPE(1), 7), *g;
    ct_tape_detect_anomaly(tape, true);
    cr_expect_null(ct_conv1d(tape, x, w, b, NULL));
    expect_message(tape, "made an infinity at [0, 0, 0] of (1, 1, 2), 2 in all; operand 0 (1, 1, 3) in [1, 1]; operand 1 (1, 1, 2) in [1e+308, 1e+308]");
    ct_tape_reset(tape);

    ct_tensor *z = leaf(CT_F64, 1, (double[]){ 0 }), *y = ct_sum(tape, ct_pow(tape, z, 1.5)); /* y' = 0, y'' infinite */
    cr_assert_eq(ct_grad(tape, 1, &y, NULL, 1, &z, &g, CT_CREATE_GRAPH), CT_OK, "%s", ct_tape_message(tape));
    cr_expect_eq(ct_backward(tape, ct_sum(tape, g)), CT_NOT_FINITE);
    expect_message(tape, "the derivative of pow (op ");
    ct_tape_reset(tape);

    ct_tensor *large = ct_tensor_full(CT_F64, CT_SHAPE(1, 1), 1.5e308);
    y = ct_sub(tape, ct_mul(tape, z, large), ct_mul(tape, z, ct_scale(tape, large, -1)));
    cr_assert_not_null(y, "%s", ct_tape_message(tape));
    cr_expect_eq(ct_backward(tape, ct_sum(tape, y)), CT_NOT_FINITE);
    expect_message(tape, "add, after 4 recorded ops, made an infinity");
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(b), ct_tensor_release(z), ct_tensor_release(large);
}
