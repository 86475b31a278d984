/* Batch, layer, instance and group normalisation, and dropout. */
#include "derivatives.h"

static ct_tensor *batch(ct_tape *tape, ct_tensor *x) { return ct_batch_norm(tape, x, NULL, NULL, NULL, NULL, true, 0.1, 1e-2); }
static ct_tensor *layer(ct_tape *tape, ct_tensor *x) { return ct_layer_norm(tape, x, 2, NULL, NULL, 1e-2); }
static ct_tensor *instance(ct_tape *tape, ct_tensor *x) { return ct_instance_norm(tape, x, NULL, NULL, 1e-2); }
static ct_tensor *group(ct_tape *tape, ct_tensor *x) { return ct_group_norm(tape, x, 2, NULL, NULL, 1e-2); }

Test(norm, derivatives)
{
    check_derivatives(batch, CT_SHAPE(3, 2, 2), 1, 2);
    check_derivatives(layer, CT_SHAPE(2, 2, 3), 1, 2);
    check_derivatives(instance, CT_SHAPE(2, 2, 4), 1, 2);
    check_derivatives(group, CT_SHAPE(2, 4, 2), 1, 2);
}

Test(norm, batch_norm_of_two_channels)
{
    ct_tape *tape = ct_tape_new();
    /* Channel 0: 1, 3, 5, 7: mean 4, variance 5, unbiased 20/3. Channel 1: 0, 0, 2, 2: mean 1, variance 1, unbiased 4/3. */
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2, 2, 2), (double[]){ 1, 3, 0, 0, 5, 7, 2, 2 });
    ct_tensor *mean = ct_tensor_zeros(CT_F64, CT_SHAPE(2)), *var = ct_tensor_ones(CT_F64, CT_SHAPE(2));
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 2, 3 });
    ct_tensor *b = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 10, 20 });
    const double r = sqrt(5);
    expect(ct_batch_norm(tape, x, mean, var, w, b, true, 0.1, 0), 8,
           (double[]){ 10 - 6 / r, 10 - 2 / r, 17, 17, 10 + 2 / r, 10 + 6 / r, 23, 23 }, 1e-12);
    expect(mean, 2, (double[]){ 0.4, 0.1 }, 1e-15);
    expect(var, 2, (double[]){ 0.9 + 2.0 / 3, 0.9 + 0.4 / 3 }, 1e-15);

    ct_tensor_copy_in(mean, CT_F64, (double[]){ 1, 2 }, 2);
    ct_tensor_copy_in(var, CT_F64, (double[]){ 4, 16 }, 2);
    expect(ct_batch_norm(tape, x, mean, var, w, b, false, 0.1, 0), 8,
           (double[]){ 10, 12, 18.5, 18.5, 14, 16, 20, 20 }, 1e-12);
    expect(mean, 2, (double[]){ 1, 2 }, 0);

    cr_assert_null(ct_batch_norm(tape, x, NULL, NULL, mean, NULL, false, 0.1, 1e-5));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_ARGUMENT);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(mean), ct_tensor_release(var), ct_tensor_release(w), ct_tensor_release(b);
}

static ct_tensor *wavy(ct_dtype dtype, ct_shape shape, double start)
{
    ct_tensor *tensor = ct_tensor_zeros(dtype, shape);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++) {
        const double value = start + sin(5 * (double)i + start);
        if (dtype == CT_F32)
            ((float *)ct_tensor_data_mutable(tensor))[i] = (float)value;
        else
            ((double *)ct_tensor_data_mutable(tensor))[i] = value;
    }
    ct_requires_grad(tensor, true);
    return tensor;
}

static ct_tensor *relu_of(ct_tape *tape, ct_tensor *y) { return ct_relu(tape, y); }
static ct_tensor *leaky_of(ct_tape *tape, ct_tensor *y) { return ct_leaky_relu(tape, y, 0.2); }
static ct_tensor *same(ct_tape *tape, ct_tensor *y) { return (void)tape, y; }

/* The fused kernel, the taped derivative, and the three ops one by one give one value and one gradient. */
Test(norm, batch_norm_and_leaky_relu_fused_are_what_they_are_apart)
{
    static const struct {
        double slope;
        ct_tensor *(*apart)(ct_tape *tape, ct_tensor *y);
    } cases[] = { { 1, same }, { 0, relu_of }, { 0.2, leaky_of } };
    for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++)
        for (int k = 0; k < 3; k++) {
            const double tolerance = dtype == CT_F32 ? 2e-5 : 1e-13;
            ct_tape *tape = ct_tape_new();
            ct_tensor *in[] = { wavy(dtype, CT_SHAPE(3, 2, 5, 7), 100), wavy(dtype, CT_SHAPE(2), 1), wavy(dtype, CT_SHAPE(2), 0) };
            ct_tensor *g = wavy(dtype, CT_SHAPE(3, 2, 5, 7), 0), *fused[3], *taped[3], *apart[3];
            ct_tensor *y = ct_batch_norm_leaky_relu(tape, in[0], NULL, NULL, in[1], in[2], true, 0.1, 1e-5, cases[k].slope);
            ct_tensor *plain = ct_batch_norm(tape, in[0], NULL, NULL, NULL, NULL, true, 0.1, 1e-5);
            ct_tensor *z = ct_add(tape, ct_mul(tape, plain, ct_reshape(tape, in[1], CT_SHAPE(2, 1, 1))),
                                  ct_reshape(tape, in[2], CT_SHAPE(2, 1, 1)));
            ct_tensor *other = cases[k].apart(tape, z);
            cr_assert_eq(ct_grad(tape, 1, &y, &g, 3, in, fused, CT_RETAIN_GRAPH), CT_OK);
            cr_assert_eq(ct_grad(tape, 1, &y, &g, 3, in, taped, CT_CREATE_GRAPH), CT_OK);
            cr_assert_eq(ct_grad(tape, 1, &other, &g, 3, in, apart, 0), CT_OK);
            for (int64_t i = 0; i < ct_tensor_count(y); i++)
                CLOSE(ct_tensor_at(y, i), ct_tensor_at(other, i), tolerance);
            for (int j = 0; j < 3; j++)
                for (int64_t i = 0; i < ct_tensor_count(in[j]); i++) {
                    const double limit = tolerance * (j ? 50 : 1);
                    CLOSE(ct_tensor_at(fused[j], i), ct_tensor_at(taped[j], i), limit);
                    CLOSE(ct_tensor_at(fused[j], i), ct_tensor_at(apart[j], i), limit);
                }
            ct_tape_free(tape);
            ct_tensor_release(in[0]), ct_tensor_release(in[1]), ct_tensor_release(in[2]), ct_tensor_release(g);
        }
}

/* Layer, group and instance norm: the fused derivative, the taped one, and x̂ weight + bias by single ops. 37 rows are several blocks
 * of rows, none of them whole. */
Test(norm, one_op_is_what_many_are)
{
    const struct {
        ct_shape x, parameters, sets; /* x with an axis for each of (N, G, C, S) */
    } cases[] = {
        { CT_SHAPE(37, 19), CT_SHAPE(19), CT_SHAPE(37, 1, 19, 1) },
        { CT_SHAPE(3, 2, 3, 6), CT_SHAPE(3, 6), CT_SHAPE(6, 1, 18, 1) },
        { CT_SHAPE(18, 6, 5, 7), CT_SHAPE(6), CT_SHAPE(18, 2, 3, 35) },
        { CT_SHAPE(2, 4, 18), CT_SHAPE(4), CT_SHAPE(2, 4, 1, 18) },
        { CT_SHAPE(21, 8), CT_SHAPE(8), CT_SHAPE(21, 2, 4, 1) }, /* group norm of single values */
    };
    for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++)
        for (int k = 0; k < 5; k++) {
            const double tolerance = dtype == CT_F32 ? 1e-5 : 1e-13;
            const ct_axes axes = CT_AXES(2, 3);
            ct_tape *tape = ct_tape_new();
            ct_tensor *in[] = { wavy(dtype, cases[k].x, 3), wavy(dtype, cases[k].parameters, 1), wavy(dtype, cases[k].parameters, 0) };
            ct_tensor *g = wavy(dtype, cases[k].x, 0), *fused[3], *taped[3], *apart[3];
            ct_tensor *y = k < 2    ? ct_layer_norm(tape, in[0], cases[k].parameters.rank, in[1], in[2], 1e-5)
                           : k == 3 ? ct_instance_norm(tape, in[0], in[1], in[2], 1e-5)
                                    : ct_group_norm(tape, in[0], 2, in[1], in[2], 1e-5);
            cr_assert_not_null(y, "%s", ct_tape_message(tape));

            const ct_shape parameters = CT_SHAPE(1, cases[k].sets.extent[1], cases[k].sets.extent[2], 1);
            ct_tensor *x = ct_reshape(tape, in[0], cases[k].sets);
            ct_tensor *var = ct_add_scalar(tape, ct_var_axes(tape, x, axes, 0, true), 1e-5);
            ct_tensor *z = ct_div(tape, ct_sub(tape, x, ct_mean_axes(tape, x, axes, true)), ct_sqrt(tape, var));
            z = ct_add(tape, ct_mul(tape, z, ct_reshape(tape, in[1], parameters)), ct_reshape(tape, in[2], parameters));
            ct_tensor *other = ct_reshape(tape, z, cases[k].x);
            cr_assert_not_null(other, "%s", ct_tape_message(tape));

            cr_assert_eq(ct_grad(tape, 1, &other, &g, 3, in, apart, CT_RETAIN_GRAPH), CT_OK);
            cr_assert_eq(ct_grad(tape, 1, &y, &g, 3, in, taped, CT_CREATE_GRAPH), CT_OK);
            cr_assert_eq(ct_grad(tape, 1, &y, &g, 3, in, fused, 0), CT_OK);
            for (int64_t i = 0; i < ct_tensor_count(y); i++)
                CLOSE(ct_tensor_at(y, i), ct_tensor_at(other, i), tolerance);
            for (int j = 0; j < 3; j++)
                for (int64_t i = 0; i < ct_tensor_count(in[j]); i++) {
                    const double limit = tolerance * (j ? 50 : 4);
                    CLOSE(ct_tensor_at(fused[j], i), ct_tensor_at(taped[j], i), limit);
                    CLOSE(ct_tensor_at(fused[j], i), ct_tensor_at(apart[j], i), limit);
                }
            ct_tape_free(tape);
            ct_tensor_release(in[0]), ct_tensor_release(in[1]), ct_tensor_release(in[2]), ct_tensor_release(g);
        }
}

static ct_tensor *held[2]; /* the operands of batch norm that are not differentiated */

static ct_tensor *rectified_of_x(ct_tape *tape, ct_tensor *x)
{
    return ct_batch_norm_leaky_relu(tape, x, NULL, NULL, held[0], held[1], true, 0.1, 1e-2, 0.2);
}

static ct_tensor *rectified_of_weight(ct_tape *tape, ct_tensor *weight)
{
    return ct_batch_norm_leaky_relu(tape, held[0], NULL, NULL, weight, held[1], true, 0.1, 1e-2, 0);
}

static ct_tensor *rectified_of_bias(ct_tape *tape, ct_tensor *bias)
{
    return ct_batch_norm_leaky_relu(tape, held[0], NULL, NULL, held[1], bias, true, 0.1, 1e-2, 0.2);
}

Test(norm, derivatives_of_batch_norm_and_leaky_relu)
{
    ct_tensor *weight = wavy(CT_F64, CT_SHAPE(2), 1), *bias = wavy(CT_F64, CT_SHAPE(2), 0);
    ct_tensor *x = wavy(CT_F64, CT_SHAPE(3, 2, 2), 1);
    held[0] = weight, held[1] = bias;
    check_derivatives(rectified_of_x, CT_SHAPE(3, 2, 2), 1, 2);
    held[0] = x;
    check_derivatives(rectified_of_weight, CT_SHAPE(2), 1, 0.3);
    held[1] = weight;
    check_derivatives(rectified_of_bias, CT_SHAPE(2), 0.2, 0.3);
    ct_tensor_release(x), ct_tensor_release(weight), ct_tensor_release(bias);
}

/* ⟨g, jvp(dx)⟩ = ⟨vjp(g), dx⟩ for each operand. */
Test(norm, batch_norm_pushes_what_it_pulls)
{
    ct_tape *tape = ct_tape_new();
    const ct_shape shape = CT_SHAPE(3, 2, 4);
    ct_tensor *in[] = { wavy(CT_F64, shape, 2), wavy(CT_F64, CT_SHAPE(2), 1), wavy(CT_F64, CT_SHAPE(2), 0) };
    ct_tensor *d[] = { wavy(CT_F64, shape, 5), wavy(CT_F64, CT_SHAPE(2), 6), wavy(CT_F64, CT_SHAPE(2), 7) };
    ct_tensor *g = wavy(CT_F64, shape, 3), *pushed, *pulled[3];
    ct_tensor *y = ct_batch_norm_leaky_relu(tape, in[0], NULL, NULL, in[1], in[2], true, 0.1, 1e-3, 0.2);
    cr_assert_eq(ct_push(tape, 3, in, d, 1, &y, &pushed, 0), CT_OK, "%s", ct_tape_message(tape));
    cr_assert_eq(ct_grad(tape, 1, &y, &g, 3, in, pulled, 0), CT_OK, "%s", ct_tape_message(tape));
    double left = 0, right = 0;
    for (int64_t i = 0; i < ct_tensor_count(g); i++)
        left += ct_tensor_at(g, i) * ct_tensor_at(pushed, i);
    for (int j = 0; j < 3; j++)
        for (int64_t i = 0; i < ct_tensor_count(d[j]); i++)
            right += ct_tensor_at(pulled[j], i) * ct_tensor_at(d[j], i);
    CLOSE(left, right, 1e-10 * fabs(left));
    ct_tape_free(tape);
    for (int j = 0; j < 3; j++)
        ct_tensor_release(in[j]), ct_tensor_release(d[j]);
    ct_tensor_release(g);
}

/* A mean a thousand times the deviation costs float32 no digits but those that x has lost. */
Test(norm, batch_norm_of_a_large_mean)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = wavy(CT_F32, CT_SHAPE(4, 1, 100), 1000), *exact = ct_tensor_cast(x, CT_F64);
    ct_tensor *y = ct_batch_norm(tape, x, NULL, NULL, NULL, NULL, true, 0.1, 0);
    ct_tensor *wanted = ct_batch_norm(tape, exact, NULL, NULL, NULL, NULL, true, 0.1, 0);
    for (int64_t i = 0; i < ct_tensor_count(y); i++)
        CLOSE(ct_tensor_at(y, i), ct_tensor_at(wanted, i), 1e-6);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(exact);
}

Test(norm, one_value_per_channel_is_refused)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(1, 3, 1));
    cr_assert_null(ct_batch_norm(tape, x, NULL, NULL, NULL, NULL, true, 0.1, 1e-5));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_SHAPE);
    ct_tape_clear_status(tape);
    cr_assert_null(ct_instance_norm(tape, x, NULL, NULL, 1e-5));
    ct_tape_clear_status(tape);
    cr_assert_null(ct_group_norm(tape, x, 2, NULL, NULL, 1e-5));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_ARGUMENT);
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* Nothing has no mean, and is normalised to nothing, as in PyTorch: no samples, no channels, no places. */
Test(norm, of_nothing)
{
    const ct_shape shapes[] = { CT_SHAPE(0, 2, 3), CT_SHAPE(2, 0, 3), CT_SHAPE(2, 2, 0) };
    ct_tape *tape = ct_tape_new();
    for (int i = 0; i < 3; i++) {
        const ct_shape channels = CT_SHAPE(shapes[i].extent[1]);
        ct_tensor *x = ct_tensor_zeros(CT_F64, shapes[i]), *w = ct_tensor_ones(CT_F64, channels);
        ct_requires_grad(x, true), ct_requires_grad(w, true);
        ct_tensor *y[] = { ct_instance_norm(tape, x, w, w, 1e-5), ct_group_norm(tape, x, 1, w, w, 1e-5),
                           ct_layer_norm(tape, x, 2, NULL, NULL, 1e-5) };
        for (int j = 0; j < 3; j++) {
            cr_assert_not_null(y[j], "%d, %d: %s", i, j, ct_tape_message(tape));
            cr_assert(ct_shape_equal(ct_tensor_shape(y[j]), shapes[i]));
            cr_assert(ct_backward(tape, ct_sum(tape, y[j])) == CT_OK, "%d, %d: %s", i, j, ct_tape_message(tape));
        }
        cr_expect(ct_shape_equal(ct_tensor_shape(ct_gradient(w)), channels));
        for (int64_t c = 0; c < channels.extent[0]; c++)
            cr_expect(ct_tensor_at(ct_gradient(w), c) == 0);
        ct_tape_reset(tape);
        ct_tensor_release(x), ct_tensor_release(w);
    }
    ct_tape_free(tape);
}

Test(norm, group_and_layer)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F32, CT_SHAPE(1, 4), (float[]){ 1, 3, 10, 30 });
    ct_tensor *w = ct_tensor_from(CT_F32, CT_SHAPE(4), (float[]){ 1, 2, 3, 4 });
    expect(ct_group_norm(tape, x, 2, w, w, 0), 4, (double[]){ 0, 4, 0, 8 }, 1e-6);
    ct_tensor *rows = ct_reshape(tape, x, CT_SHAPE(2, 2));
    ct_tensor *pair = ct_tensor_from(CT_F32, CT_SHAPE(2), (float[]){ 5, 7 });
    expect(ct_layer_norm(tape, rows, 1, pair, NULL, 0), 4, (double[]){ -5, 7, -5, 7 }, 1e-6);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(pair);
}

/* The mask is 0 or 1/(1 − p), drops a binomial number of elements, two draws together a binomial number too, and is the gradient. */
Test(dropout, masks_values_and_gradient)
{
    enum { COUNT = 20000 };
    const double chances[] = { 0, 0.1, 0.25, 0.5, 0.9, 1 };
    ct_tape *tape = ct_tape_new();
    for (int dtype = CT_F32; dtype <= CT_F64; dtype++)
        for (size_t c = 0; c < sizeof chances / sizeof *chances; c++) {
            const double p = chances[c], keep = p < 1 ? 1 / (1 - p) : 0;
            ct_random random = { .seed = 1 }, again = random;
            ct_tensor *x = ct_tensor_full(dtype, CT_SHAPE(COUNT), 3);
            ct_requires_grad(x, true);
            cr_assert_eq(ct_dropout(tape, x, p, false, &random), x);
            cr_assert_eq(random.step, again.step, "evaluation draws nothing");
            ct_tensor *y = ct_dropout(tape, x, p, true, &random), *next = ct_dropout(tape, x, p, true, &random);
            ct_tensor *same = ct_dropout(tape, x, p, true, &again);
            cr_assert_eq(ct_backward(tape, ct_sum(tape, y)), CT_OK);
            int dropped = 0, both = 0;
            for (int64_t i = 0; i < COUNT; i++) {
                const double mask = ct_tensor_at(ct_gradient(x), i);
                cr_assert(mask == 0 || fabs(mask - keep) <= keep * 6e-8, "%g", mask);
                CLOSE(ct_tensor_at(y, i), 3 * mask, 3 * keep * 6e-8);
                cr_assert_eq(ct_tensor_at(same, i), ct_tensor_at(y, i));
                dropped += mask == 0;
                both += mask == 0 && ct_tensor_at(next, i) == 0;
            }
            cr_assert(fabs(dropped - COUNT * p) <= 5 * sqrt(COUNT * p * (1 - p)), "%d of %d for p = %g", dropped, COUNT, p);
            cr_assert(fabs(both - COUNT * p * p) <= 5 * sqrt(COUNT * p * p * (1 - p * p)), "%d of %d twice for p = %g", both, COUNT, p);
            ct_tape_reset(tape);
            ct_tensor_release(x);
        }
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(2));
    const struct {
        double p;
        ct_random *random;
        const char *text;
    } refused[] = { { 1.5, &(ct_random){ 0 }, "p 1.5 must lie in [0, 1]" }, { NAN, &(ct_random){ 0 }, "must lie in" }, { 0.5, NULL, "random is NULL" } };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_assert_null(ct_dropout(tape, x, refused[i].p, true, refused[i].random));
        cr_assert(strstr(ct_tape_message(tape), refused[i].text), "%s", ct_tape_message(tape));
        ct_tape_reset(tape);
    }
    ct_tape_free(tape);
    ct_tensor_release(x);
}
