/* Layers: names as PyTorch's state_dict, initial values against the distributions' moments, forward passes against the ops. */
#include <criterion/criterion.h>
#include <math.h>

#include <cotangent/nn.h>

/* Holds when the values are uniform within ±bound: inside it, with mean 0 and variance bound²/3 within five standard errors
 * (of the mean bound/√(3n), of the variance bound² √(4/45n)). */
static void expect_uniform(const ct_tensor *tensor, double bound)
{
    int64_t n = ct_tensor_count(tensor);
    double sum = 0, squares = 0, rounding = 1 + 1e-6;
    for (int64_t i = 0; i < n; i++) {
        double x = ct_tensor_at(tensor, i);
        cr_assert(fabs(x) <= bound * rounding, "%g is outside ±%g", x, bound);
        sum += x;
        squares += x * x;
    }
    double mean = sum / (double)n, variance = squares / (double)n;
    cr_expect_lt(fabs(mean), 5 * bound / sqrt(3 * (double)n));
    cr_expect_lt(fabs(variance - bound * bound / 3), 5 * bound * bound * sqrt(4 / (45 * (double)n)));
}

/* Normal: standard error of the mean σ/√n, of the variance σ² √(2/n). */
static void expect_normal(const ct_tensor *tensor, double deviation)
{
    int64_t n = ct_tensor_count(tensor);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = ct_tensor_at(tensor, i);
        sum += x;
        squares += x * x;
    }
    double mean = sum / (double)n, variance = squares / (double)n;
    cr_expect_lt(fabs(mean), 5 * deviation / sqrt((double)n));
    cr_expect_lt(fabs(variance - deviation * deviation), 5 * deviation * deviation * sqrt(2 / (double)n));
}

Test(nn, fans)
{
    ct_tensor *w = ct_tensor_zeros(CT_F32, CT_SHAPE(6, 2, 3, 5));
    int64_t in, out;
    cr_assert_eq(ct_init_fans(w, false, 1, &in, &out), CT_OK);
    cr_expect_eq(in, 2 * 15);
    cr_expect_eq(out, 6 * 15);
    cr_assert_eq(ct_init_fans(w, false, 3, &in, &out), CT_OK);
    cr_expect_eq(in, 2 * 15);
    cr_expect_eq(out, 2 * 15);
    cr_assert_eq(ct_init_fans(w, true, 2, &in, &out), CT_OK);
    cr_expect_eq(in, 3 * 15);
    cr_expect_eq(out, 2 * 15);
    cr_expect_eq(ct_init_fans(w, false, 4, &in, &out), CT_BAD_ARGUMENT);
    ct_tensor_release(w);
    w = ct_tensor_zeros(CT_F32, CT_SHAPE(6));
    cr_expect_eq(ct_init_fans(w, false, 1, &in, &out), CT_BAD_ARGUMENT);
    ct_tensor_release(w);
}

Test(nn, distributions)
{
    ct_random random = { .seed = 7 };
    for (int dtype = CT_F32; dtype <= CT_F64; dtype++) {
        ct_tensor *w = ct_tensor_empty((ct_dtype)dtype, CT_SHAPE(100, 200));
        cr_assert_eq(ct_init_xavier_uniform(w, 2, 200, 100, &random), CT_OK);
        expect_uniform(w, 2 * sqrt(6.0 / 300));
        cr_assert_eq(ct_init_xavier_normal(w, 2, 200, 100, &random), CT_OK);
        expect_normal(w, 2 * sqrt(2.0 / 300));
        cr_assert_eq(ct_init_kaiming_uniform(w, 0.2, 200, &random), CT_OK);
        expect_uniform(w, sqrt(6 / 1.04 / 200));
        cr_assert_eq(ct_init_kaiming_normal(w, 0.2, 200, &random), CT_OK);
        expect_normal(w, sqrt(2 / 1.04 / 200));
        cr_expect_eq(ct_init_kaiming_normal(w, 0, 0, &random), CT_BAD_ARGUMENT);
        cr_expect_eq(ct_init_xavier_normal(w, NAN, 1, 1, &random), CT_BAD_ARGUMENT);
        ct_tensor_release(w);
    }
}

Test(nn, default_initialisation)
{
    ct_random random = { .seed = 11 };
    ct_error error = { 0 };
    ct_module *m = ct_linear_new(CT_F64, 64, 500, true, &random, &error);
    cr_assert(m, "%s", error.message);
    expect_uniform(ct_module_find(m, "weight"), 1.0 / 8);
    expect_uniform(ct_module_find(m, "bias"), 1.0 / 8);
    ct_module_free(m);

    ct_conv_options two = { .groups = 2 };
    m = ct_conv_new(CT_F32, 2, 32, 64, (int64_t[]){ 2, 2 }, &two, true, &random, &error);
    cr_assert(m, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(ct_module_find(m, "weight")), CT_SHAPE(64, 16, 2, 2)));
    expect_uniform(ct_module_find(m, "weight"), 1.0 / 8); /* fan_in = 16 · 4 */
    expect_uniform(ct_module_find(m, "bias"), 1.0 / 8);
    ct_module_free(m);

    m = ct_conv_transpose_new(CT_F32, 2, 32, 64, (int64_t[]){ 2, 2 }, &two, true, &random, &error);
    cr_assert(m, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(ct_module_find(m, "weight")), CT_SHAPE(32, 32, 2, 2)));
    cr_expect(ct_shape_equal(ct_tensor_shape(ct_module_find(m, "bias")), CT_SHAPE(64)));
    expect_uniform(ct_module_find(m, "weight"), 1.0 / 8); /* fan_in = 32/2 · 4 */
    ct_module_free(m);

    m = ct_batch_norm_new(CT_F32, 3, &error);
    cr_assert(m);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(ct_tensor_at(ct_module_find(m, "weight"), i), 1);
        cr_expect_eq(ct_tensor_at(ct_module_find(m, "bias"), i), 0);
        cr_expect_eq(ct_tensor_at(ct_module_find(m, "running_mean"), i), 0);
        cr_expect_eq(ct_tensor_at(ct_module_find(m, "running_var"), i), 1);
    }
    ct_module_free(m);
}

/* The same seed gives the same layer, the next draw another. */
Test(nn, initialisation_repeats)
{
    ct_random random = { .seed = 3 }, again = random;
    ct_module *a = ct_linear_new(CT_F64, 5, 4, true, &random, NULL), *b = ct_linear_new(CT_F64, 5, 4, true, &again, NULL),
              *c = ct_linear_new(CT_F64, 5, 4, true, &random, NULL);
    int same = 0;
    for (int i = 0; i < 20; i++) {
        double x = ct_tensor_at(ct_module_find(a, "weight"), i);
        cr_expect_eq(x, ct_tensor_at(ct_module_find(b, "weight"), i));
        same += x == ct_tensor_at(ct_module_find(c, "weight"), i);
    }
    cr_expect_eq(same, 0);
    ct_module_free(a);
    ct_module_free(b);
    ct_module_free(c);
}

static ct_tensor *doubled(ct_tape *tape, ct_tensor *x, void *context)
{
    ++*(int *)context;
    return ct_scale(tape, x, 2);
}

/* list(torch.nn.Sequential(ConvTranspose2d(4, 2, 3, bias=False), BatchNorm2d(2), ReLU(), Sequential(Conv2d(2, 2, 1), Tanh()),
 *                          Flatten(), Linear(18, 5)).state_dict()) */
static const char *const state_dict[] = {
    "0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "3.0.weight", "3.0.bias",
    "5.weight", "5.bias",
};
enum { NAMES = sizeof state_dict / sizeof *state_dict };

static ct_module *network(ct_random *random, ct_error *error)
{
    ct_module *inner[] = { ct_conv_new(CT_F64, 2, 2, 2, (int64_t[]){ 1, 1 }, NULL, true, random, error), ct_tanh_new(error) };
    ct_module *layers[] = {
        ct_conv_transpose_new(CT_F64, 2, 4, 2, (int64_t[]){ 3, 3 }, NULL, false, random, error),
        ct_batch_norm_new(CT_F64, 2, error),
        ct_relu_new(error),
        ct_sequential_new(2, inner, error),
        ct_flatten_new(error),
        ct_linear_new(CT_F64, 18, 5, true, random, error),
    };
    return ct_sequential_new(6, layers, error);
}

Test(nn, names_are_pytorchs)
{
    ct_random random = { .seed = 1 };
    ct_error error = { 0 };
    ct_module *m = network(&random, &error);
    cr_assert(m, "%s", error.message);
    cr_assert_eq(ct_module_tensor_count(m), NAMES);
    for (int i = 0; i < NAMES; i++) {
        ct_named_tensor entry = ct_module_tensor(m, i);
        cr_expect_str_eq(entry.name, state_dict[i]);
        cr_expect_eq(ct_module_find(m, state_dict[i]), entry.tensor);
        cr_expect_eq(ct_tensor_requires_grad(entry.tensor), !entry.buffer);
    }
    cr_expect(ct_module_tensor(m, 3).buffer);
    cr_expect_null(ct_module_find(m, "0.bias"));
    cr_expect_null(ct_module_tensor(m, NAMES).tensor);
    cr_expect_eq(ct_module_layer_count(m), 6);
    cr_expect_str_eq(ct_module_kind(ct_module_layer(m, 0)), "ConvTranspose2d");
    cr_expect_str_eq(ct_module_kind(ct_module_layer(ct_module_layer(m, 3), 0)), "Conv2d");
    cr_expect_null(ct_module_layer(m, 6));

    ct_module_requires_grad(m, false);
    cr_expect_not(ct_tensor_requires_grad(ct_module_find(m, "5.bias")));
    ct_module_free(m);
}

Test(nn, makers_refuse)
{
    ct_random random = { .seed = 1 };
    ct_error error = { 0 };
    cr_expect_null(ct_linear_new(CT_F32, 0, 3, true, &random, &error));
    cr_expect(strstr(error.message, "in_features 0"));
    ct_conv_options three = { .groups = 3 };
    cr_expect_null(ct_conv_new(CT_F32, 1, 4, 6, (int64_t[]){ 3 }, &three, true, &random, &error));
    cr_expect(strstr(error.message, "groups 3"));
    cr_expect_null(ct_conv_new(CT_F32, 4, 4, 6, (int64_t[]){ 3, 3, 3, 3 }, NULL, true, &random, &error));
    cr_expect_null(ct_conv_new(CT_F32, 1, 4, 6, (int64_t[]){ 0 }, NULL, true, &random, &error));
    cr_expect_null(ct_linear_new(CT_F32, INT64_C(1) << 40, INT64_C(1) << 40, true, &random, &error));
    cr_expect_eq(error.status, CT_BAD_SHAPE);
    cr_expect_null(ct_group_norm_new(CT_F32, 3, 4, &error));
    cr_expect_null(ct_function_new(NULL, NULL, &error));

    /* A layer that failed takes the others with it, and its reason stays. */
    ct_module *layers[] = { ct_relu_new(&error), ct_linear_new(CT_F32, 2, -1, true, &random, &error), ct_tanh_new(&error) };
    cr_expect_null(ct_sequential_new(3, layers, &error));
    cr_expect(strstr(error.message, "out_features -1"));
}

Test(nn, forward_is_the_ops)
{
    ct_random random = { .seed = 5 };
    ct_error error = { 0 };
    int calls = 0;
    ct_module *layers[] = { ct_linear_new(CT_F64, 3, 4, true, &random, &error), ct_leaky_relu_new(0.1, &error),
                            ct_function_new(doubled, &calls, &error) };
    ct_module *m = ct_sequential_new(3, layers, &error);
    ct_tensor *x = ct_tensor_empty(CT_F64, CT_SHAPE(2, 3));
    ct_normal(x, 0, 1, &random);
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = ct_module_forward(m, tape, x);
    cr_assert(y, "%s", ct_tape_message(tape));
    cr_expect_eq(calls, 1);
    ct_tensor *w = ct_module_find(m, "0.weight"), *b = ct_module_find(m, "0.bias");
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++) {
            double z = ct_tensor_at(b, j);
            for (int k = 0; k < 3; k++)
                z += ct_tensor_at(x, 3 * i + k) * ct_tensor_at(w, 3 * j + k);
            cr_expect_float_eq(ct_tensor_at(y, 4 * i + j), 2 * (z > 0 ? z : 0.1 * z), 1e-14);
        }

    /* d(Σ y)/d(bias_j) = Σ_i 2 · (1 or 0.1). Inner results were dropped; the derivative still finds what it needs. */
    cr_assert_eq(ct_backward(tape, ct_sum(tape, y)), CT_OK, "%s", ct_tape_message(tape));
    for (int j = 0; j < 4; j++) {
        double expected = 0;
        for (int i = 0; i < 2; i++)
            expected += ct_tensor_at(y, 4 * i + j) > 0 ? 2 : 0.2;
        cr_expect_float_eq(ct_tensor_at(ct_gradient(b), j), expected, 1e-14);
    }
    ct_module_zero_gradients(m);
    cr_expect_null(ct_gradient(b));

    cr_expect_null(ct_module_forward(NULL, tape, x));
    cr_expect_eq(ct_tape_status(tape), CT_BAD_ARGUMENT);
    ct_tape_clear_status(tape);
    cr_expect_null(ct_module_forward(m, tape, NULL));
    cr_expect_str_eq(ct_tape_message(tape), "module_forward: x is NULL");
    ct_tape_free(tape);
    ct_tensor_release(x);
    ct_module_free(m);
}

Test(nn, training_and_evaluation)
{
    ct_error error = { 0 };
    ct_module *layers[] = { ct_batch_norm_new(CT_F64, 1, &error) };
    ct_module *m = ct_sequential_new(1, layers, &error);
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2, 1), (double[]){ 1, 5 }); /* mean 3, variance 4, unbiased 8 */
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = ct_module_forward(m, tape, x);
    cr_assert(y, "%s", ct_tape_message(tape));
    cr_expect_float_eq(ct_tensor_at(y, 1), 2 / sqrt(4 + 1e-5), 1e-12);
    cr_expect_float_eq(ct_tensor_item(ct_module_find(m, "0.running_mean")), 0.3, 1e-14);
    cr_expect_float_eq(ct_tensor_item(ct_module_find(m, "0.running_var")), 0.9 + 0.8, 1e-14);
    cr_expect_eq(ct_tensor_item(ct_module_find(m, "0.num_batches_tracked")), 1);

    ct_module_train(m, false);
    y = ct_module_forward(m, tape, x);
    cr_assert(y, "%s", ct_tape_message(tape));
    cr_expect_float_eq(ct_tensor_at(y, 1), 4.7 / sqrt(1.7 + 1e-5), 1e-12);
    cr_expect_eq(ct_tensor_item(ct_module_find(m, "0.num_batches_tracked")), 1);
    ct_tape_free(tape);
    ct_tensor_release(x);
    ct_module_free(m);
}

/* Every layer accepts what PyTorch's does, and its output has PyTorch's shape. */
Test(nn, network_runs)
{
    ct_random random = { .seed = 9 };
    ct_error error = { 0 };
    ct_module *m = network(&random, &error);
    cr_assert(m, "%s", error.message);
    ct_tensor *x = ct_tensor_empty(CT_F64, CT_SHAPE(7, 4, 1, 1));
    ct_normal(x, 0, 1, &random);
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = ct_module_forward(m, tape, x);
    cr_assert(y, "%s", ct_tape_message(tape));
    cr_expect(ct_shape_equal(ct_tensor_shape(y), CT_SHAPE(7, 5)));
    cr_assert_eq(ct_backward(tape, ct_sum(tape, y)), CT_OK, "%s", ct_tape_message(tape));
    for (int i = 0; i < NAMES; i++) {
        ct_named_tensor entry = ct_module_tensor(m, i);
        cr_expect_eq(ct_gradient(entry.tensor) != NULL, !entry.buffer, "%s", entry.name);
    }
    ct_tape_free(tape);
    ct_tensor_release(x);
    ct_module_free(m);
}
