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

Test(dropout, keeps_the_mean_and_masks_the_gradient)
{
    ct_tape *tape = ct_tape_new();
    ct_random random = { .seed = 1 };
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(10000));
    ct_requires_grad(x, true);
    cr_assert_eq(ct_dropout(tape, x, 0.25, false, &random), x);
    ct_tensor *y = ct_dropout(tape, x, 0.25, true, &random);
    CLOSE(ct_tensor_item(ct_mean(tape, y)), 1, 0.03);
    cr_assert_eq(ct_backward(tape, ct_sum(tape, y)), CT_OK);
    for (int64_t i = 0; i < 10000; i++) {
        const double value = ct_tensor_at(ct_gradient(x), i);
        CLOSE(value, value < 0.5 ? 0 : 4.0 / 3, 1e-6);
    }
    cr_assert_null(ct_dropout(tape, x, 1.5, true, &random));
    ct_tape_free(tape);
    ct_tensor_release(x);
}
