/* What the tests of derivatives share: central differences of first and second order. */
#ifndef TESTS_DERIVATIVES_H
#define TESTS_DERIVATIVES_H

#include <criterion/criterion.h>
#include <math.h>

#include <cotangent/cotangent.h>

#define CLOSE(got, wanted, tolerance)                                                                     \
    cr_assert(fabs((got) - (wanted)) <= (tolerance), "%.17g, not %.17g", (double)(got), (double)(wanted))

static void expect(const ct_tensor *got, int64_t count, const double wanted[], double tolerance)
{
    cr_assert_not_null(got);
    cr_assert_eq(ct_tensor_count(got), count);
    for (int64_t i = 0; i < count; i++)
        CLOSE(ct_tensor_at(got, i), wanted[i], tolerance);
}

typedef ct_tensor *(*function)(ct_tape *tape, ct_tensor *x);

/* Σ sin(i + 1) · f(x)_i, a scalar that sees every output differently. */
static ct_tensor *probe(ct_tape *tape, function f, ct_tensor *x)
{
    ct_tensor *y = f(tape, x);
    cr_assert_not_null(y, "%s", ct_tape_message(tape));
    ct_tensor *weights = ct_tape_tensor(tape, CT_F64, ct_tensor_shape(y));
    double *w = ct_tensor_data_mutable(weights);
    for (int64_t i = 0; i < ct_tensor_count(y); i++)
        w[i] = sin((double)i + 1);
    return ct_sum(tape, ct_mul(tape, y, weights));
}

/* Value (order 0), or the probe's derivative summed with cosines (order 1), both differentiable by central differences. */
static double slope(function f, ct_tensor *x, int order, ct_tensor **gradient_out)
{
    ct_tape *tape = ct_tape_new();
    ct_requires_grad(x, true);
    ct_tensor *value = probe(tape, f, x), *gradient = NULL;
    if (order > 0 || gradient_out) {
        const unsigned flags = order > 0 ? CT_CREATE_GRAPH : 0;
        cr_assert_eq(ct_grad(tape, 1, &value, NULL, 1, &x, &gradient, flags), CT_OK, "%s", ct_tape_message(tape));
    }
    if (order > 0) {
        ct_tensor *weights = ct_tape_tensor(tape, CT_F64, ct_tensor_shape(x));
        double *w = ct_tensor_data_mutable(weights);
        for (int64_t i = 0; i < ct_tensor_count(x); i++)
            w[i] = cos(3 * (double)i);
        value = ct_sum(tape, ct_mul(tape, gradient, weights));
        if (gradient_out)
            cr_assert_eq(ct_grad(tape, 1, &value, NULL, 1, &x, &gradient, CT_ALLOW_UNUSED), CT_OK, "%s", ct_tape_message(tape));
    }
    if (gradient_out)
        *gradient_out = gradient ? ct_tensor_clone(gradient) : ct_tensor_zeros(CT_F64, ct_tensor_shape(x));
    const double result = ct_tensor_item(value);
    ct_tape_free(tape);
    return result;
}

/* First and second derivatives against central differences, at x_i = start + stretch · sin(7 i). */
static void check_derivatives(function f, ct_shape shape, double start, double stretch)
{
    ct_tensor *x = ct_tensor_zeros(CT_F64, shape);
    for (int64_t i = 0; i < ct_tensor_count(x); i++)
        ((double *)ct_tensor_data_mutable(x))[i] = start + stretch * sin(7 * (double)i);
    for (int order = 0; order < 2; order++) {
        ct_tensor *gradient = NULL;
        slope(f, x, order, &gradient);
        for (int64_t i = 0; i < ct_tensor_count(x); i++) {
            const double h = 1e-5, at = ct_tensor_at(x, i);
            ((double *)ct_tensor_data_mutable(x))[i] = at + h;
            const double above = slope(f, x, order, NULL);
            ((double *)ct_tensor_data_mutable(x))[i] = at - h;
            const double below = slope(f, x, order, NULL);
            ((double *)ct_tensor_data_mutable(x))[i] = at;
            const double wanted = (above - below) / (2 * h);
            CLOSE(ct_tensor_at(gradient, i), wanted, 1e-6 * (1 + fabs(wanted)));
        }
        ct_tensor_release(gradient);
    }
    ct_tensor_release(x);
}

#endif
