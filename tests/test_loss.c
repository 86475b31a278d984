/* Losses. */
#include "derivatives.h"

static ct_tensor *constant(ct_tape *tape, ct_shape shape, const double values[])
{
    ct_tensor *t = ct_tape_tensor(tape, CT_F64, shape);
    ct_tensor_copy_in(t, CT_F64, values, ct_tensor_count(t));
    return t;
}

static ct_tensor *like(ct_tape *tape, const ct_tensor *x)
{
    ct_tensor *t = ct_tape_tensor(tape, CT_F64, ct_tensor_shape(x));
    ct_tensor_fill(t, 0.3);
    return t;
}

static ct_tensor *bce(ct_tape *tape, ct_tensor *x) { return ct_bce_loss(tape, x, like(tape, x), CT_REDUCTION_NONE); }
static ct_tensor *bce_target(ct_tape *tape, ct_tensor *x) { return ct_bce_loss(tape, like(tape, x), x, CT_REDUCTION_NONE); }
static ct_tensor *bce_both(ct_tape *tape, ct_tensor *x) { return ct_bce_loss(tape, x, ct_square(tape, x), CT_REDUCTION_NONE); }
static ct_tensor *squares(ct_tape *tape, ct_tensor *x) { return ct_mse_loss(tape, x, like(tape, x), CT_REDUCTION_MEAN); }

static ct_tensor *logits(ct_tape *tape, ct_tensor *x)
{
    return ct_bce_with_logits_loss(tape, x, like(tape, x), CT_REDUCTION_MEAN);
}

static ct_tensor *smooth(ct_tape *tape, ct_tensor *x)
{
    return ct_smooth_l1_loss(tape, x, like(tape, x), 0.7, CT_REDUCTION_NONE);
}

static ct_tensor *probabilities(ct_tape *tape, ct_tensor *x)
{
    return ct_cross_entropy_loss(tape, x, like(tape, x), NULL, CT_REDUCTION_MEAN);
}

static ct_tensor *classes(ct_tape *tape, ct_tensor *x)
{
    ct_tensor *weight = constant(tape, CT_SHAPE(3), (double[]){ 1, 2, 0.5 });
    return ct_cross_entropy_loss(tape, x, constant(tape, CT_SHAPE(2, 2), (double[]){ 2, 0, -100, 1 }), weight, CT_REDUCTION_MEAN);
}

Test(loss, derivatives)
{
    check_derivatives(bce, CT_SHAPE(5), 0.5, 0.4);
    check_derivatives(bce_target, CT_SHAPE(5), 0.5, 0.4);
    check_derivatives(bce_both, CT_SHAPE(5), 0.5, 0.4);
    check_derivatives(logits, CT_SHAPE(5), 0, 3);
    check_derivatives(smooth, CT_SHAPE(5), 0.2, 2);
    check_derivatives(squares, CT_SHAPE(5), 0, 2);
    check_derivatives(probabilities, CT_SHAPE(2, 3), 0, 2);
    check_derivatives(classes, CT_SHAPE(2, 3, 2), 0, 2);
}

Test(loss, elementwise_values)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = constant(tape, CT_SHAPE(3), (double[]){ 1, -2, 0.5 });
    ct_tensor *t = constant(tape, CT_SHAPE(3), (double[]){ 0, 1, 0.5 });
    CLOSE(ct_tensor_item(ct_mse_loss(tape, x, t, CT_REDUCTION_MEAN)), 10.0 / 3, 1e-14);
    CLOSE(ct_tensor_item(ct_l1_loss(tape, x, t, CT_REDUCTION_SUM)), 4, 1e-14);
    expect(ct_smooth_l1_loss(tape, x, t, 2, CT_REDUCTION_NONE), 3, (double[]){ 0.25, 2, 0 }, 1e-14);
    expect(ct_smooth_l1_loss(tape, x, t, 0, CT_REDUCTION_NONE), 3, (double[]){ 1, 3, 0 }, 1e-14);

    ct_tensor *p = constant(tape, CT_SHAPE(3), (double[]){ 0, 1, 0.25 });
    ct_tensor *one = constant(tape, CT_SHAPE(3), (double[]){ 1, 1, 1 });
    expect(ct_bce_loss(tape, p, one, CT_REDUCTION_NONE), 3, (double[]){ 100, 0, log(4) }, 1e-14);
    ct_tensor *z = constant(tape, CT_SHAPE(3), (double[]){ 1000, -1000, 0 });
    expect(ct_bce_with_logits_loss(tape, z, one, CT_REDUCTION_NONE), 3, (double[]){ 0, 1000, log(2) }, 1e-14);
    cr_assert_null(ct_mse_loss(tape, z, constant(tape, CT_SHAPE(1), (double[]){ 0 }), CT_REDUCTION_MEAN));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_SHAPE);
    ct_tape_free(tape);
}

Test(loss, classes_weights_and_ignored)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = constant(tape, CT_SHAPE(3, 2), (double[]){ 0, log(3), 5, 5, log(4), 0 });
    ct_tensor *t = constant(tape, CT_SHAPE(3), (double[]){ 1, -100, 1 }), *w = constant(tape, CT_SHAPE(2), (double[]){ 7, 2 });
    /* Shares of class 1: 3/4, 1/2, 1/5; the middle one is ignored. */
    const double a = -log(0.75), b = log(5);
    expect(ct_cross_entropy_loss(tape, x, t, NULL, CT_REDUCTION_NONE), 3, (double[]){ a, 0, b }, 1e-14);
    CLOSE(ct_tensor_item(ct_cross_entropy_loss(tape, x, t, w, CT_REDUCTION_SUM)), 2 * (a + b), 1e-14);
    CLOSE(ct_tensor_item(ct_cross_entropy_loss(tape, x, t, w, CT_REDUCTION_MEAN)), (a + b) / 2, 1e-14);
    ct_tensor *flat = constant(tape, CT_SHAPE(2), (double[]){ -3, -4 });
    CLOSE(ct_tensor_item(ct_nll_loss(tape, flat, constant(tape, CT_SCALAR, (double[]){ 1 }), NULL, CT_REDUCTION_MEAN)), 4, 0);
    cr_assert_null(ct_nll_loss(tape, flat, constant(tape, CT_SCALAR, (double[]){ 2 }), NULL, CT_REDUCTION_MEAN));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_ARGUMENT);
    ct_tape_free(tape);
}

/* Sums of more than one part, and both gradients, by the definition in float64. */
Test(loss, of_many_pairs)
{
    enum { COUNT = 150001 };
    static const ct_dtype dtypes[] = { CT_F32, CT_F64 };
    static const ct_reduction reductions[] = { CT_REDUCTION_MEAN, CT_REDUCTION_SUM };
    for (int d = 0; d < 2; d++)
        for (int r = 0; r < 2; r++) {
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = ct_tensor_empty(dtypes[d], CT_SHAPE(COUNT)), *t = ct_tensor_empty(dtypes[d], CT_SHAPE(COUNT)), *g[2];
            ct_normal(x, 0, 1, &(ct_random){ .seed = 1 }), ct_normal(t, 1, 2, &(ct_random){ .seed = 2 });
            ct_requires_grad(x, true), ct_requires_grad(t, true);
            const double unit = dtypes[d] == CT_F32 ? 1.2e-7 : 2.3e-16, share = reductions[r] == CT_REDUCTION_MEAN ? 1.0 / COUNT : 1;
            double squares = 0;
            ct_tensor *loss = ct_mse_loss(tape, x, t, reductions[r]);
            cr_assert_eq(ct_grad(tape, 1, &loss, NULL, 2, (ct_tensor *[]){ x, t }, g, 0), CT_OK, "%s", ct_tape_message(tape));
            for (int64_t i = 0; i < COUNT; i++) {
                const double apart = ct_tensor_at(x, i) - ct_tensor_at(t, i);
                squares += apart * apart;
                CLOSE(ct_tensor_at(g[0], i), 2 * apart * share, 4 * unit * fabs(2 * apart * share));
                CLOSE(ct_tensor_at(g[1], i), -2 * apart * share, 4 * unit * fabs(2 * apart * share));
            }
            CLOSE(ct_tensor_item(loss), squares * share, fmax(2 * unit, 1e-12) * squares * share);
            ct_tape_free(tape);
            ct_tensor_release(x), ct_tensor_release(t);
        }
}

/* PyTorch's: the mean of nothing is NaN, the sum 0. */
Test(loss, of_no_pairs)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *none = constant(tape, CT_SHAPE(0, 3), NULL);
    cr_expect(isnan(ct_tensor_item(ct_mse_loss(tape, none, none, CT_REDUCTION_MEAN))));
    CLOSE(ct_tensor_item(ct_mse_loss(tape, none, none, CT_REDUCTION_SUM)), 0, 0);
    cr_expect_eq(ct_tensor_count(ct_bce_loss(tape, none, none, CT_REDUCTION_NONE)), 0);
    ct_tape_free(tape);
}

/* −∞ is a log-probability, and an ignored target asks nothing of it: PyTorch's 1 and gradient {0, 0; 0, −1}. */
Test(loss, ignored_targets_meet_infinity)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = constant(tape, CT_SHAPE(2, 2), (double[]){ -INFINITY, 0, 0, -1 }), *g;
    ct_tensor *t = constant(tape, CT_SHAPE(2), (double[]){ -100, 1 });
    ct_requires_grad(x, true);
    ct_tensor *loss = ct_nll_loss(tape, x, t, NULL, CT_REDUCTION_MEAN);
    CLOSE(ct_tensor_item(loss), 1, 0);
    cr_assert_eq(ct_grad(tape, 1, &loss, NULL, 1, &x, &g, 0), CT_OK);
    expect(g, 4, (double[]){ 0, 0, 0, -1 }, 0);
    ct_tape_free(tape);
}

/* At x = 0 and 1 the first derivatives are PyTorch's by x, and finite by t, as the clamped logs are (PyTorch: ±∞). The second are
 * those of these formulas: by x with the spread x (1 − x) held at 1e-12, by t with the clamped log held at −100. */
Test(loss, bce_at_its_ends)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = constant(tape, CT_SHAPE(4), (double[]){ 0, 1, 0, 1 }), *t = constant(tape, CT_SHAPE(4), (double[]){ 0, 0, 1, 1 });
    ct_requires_grad(x, true), ct_requires_grad(t, true);
    ct_tensor *loss = ct_bce_loss(tape, x, t, CT_REDUCTION_SUM), *operands[] = { x, t }, *first[2], *second[2];
    cr_assert_eq(ct_grad(tape, 1, &loss, NULL, 2, operands, first, CT_CREATE_GRAPH), CT_OK);
    expect(first[0], 4, (double[]){ 0, 1e12, -1e12, 0 }, 1e-3);
    expect(first[1], 4, (double[]){ 100, -100, 100, -100 }, 0);
    ct_tensor *by_x = ct_sum(tape, first[0]), *by_t = ct_sum(tape, first[1]);
    cr_assert_eq(ct_grad(tape, 1, &by_x, NULL, 2, operands, second, CT_RETAIN_GRAPH), CT_OK);
    expect(second[0], 4, (double[]){ 1e12, 1e12, 1e12, 1e12 }, 1e-3);
    expect(second[1], 4, (double[]){ -1e12, -1e12, -1e12, -1e12 }, 1e-3);
    cr_assert_eq(ct_grad(tape, 1, &by_t, NULL, 1, &x, second, 0), CT_OK);
    expect(second[0], 4, (double[]){ -1, -1, -1, -1 }, 0);
    ct_tape_free(tape);
}
