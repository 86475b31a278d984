/* Pooling and upsampling. */
#include "derivatives.h"

static const ct_pool_options overlapping = { .kernel = { 3, 2 }, .stride = { 2, 1 }, .padding = { 1, 1 }, .ceil_mode = true };

static ct_tensor *max_pool(ct_tape *tape, ct_tensor *x) { return ct_square(tape, ct_max_pool2d(tape, x, &overlapping)); }
static ct_tensor *avg_pool(ct_tape *tape, ct_tensor *x) { return ct_square(tape, ct_avg_pool2d(tape, x, &overlapping)); }

static ct_tensor *nearest(ct_tape *tape, ct_tensor *x)
{
    return ct_square(tape, ct_upsample_nearest(tape, x, (int64_t[]){ 5, 7 }));
}

static ct_tensor *bilinear(ct_tape *tape, ct_tensor *x)
{
    return ct_square(tape, ct_upsample_bilinear(tape, x, (int64_t[]){ 5, 2 }, false));
}

Test(pool, derivatives)
{
    check_derivatives(max_pool, CT_SHAPE(1, 2, 4, 3), 0, 2);
    check_derivatives(avg_pool, CT_SHAPE(1, 2, 4, 3), 0, 2);
    check_derivatives(nearest, CT_SHAPE(1, 2, 2, 3), 0, 2);
    check_derivatives(bilinear, CT_SHAPE(1, 2, 3, 3), 0, 2);
}

Test(pool, values)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F32, CT_SHAPE(1, 1, 6), (float[]){ -1, -2, 4, 4, NAN, -6 });
    ct_tensor *y = ct_max_pool1d(tape, x, &(ct_pool_options){ .kernel = { 2 }, .padding = { 1 } });
    cr_assert_eq(ct_tensor_size(y, 2), 4);
    CLOSE(ct_tensor_at(y, 0), -1, 0);
    CLOSE(ct_tensor_at(y, 1), 4, 0);
    cr_assert(isnan(ct_tensor_at(y, 2)));
    CLOSE(ct_tensor_at(y, 3), -6, 0);

    ct_tensor *a = ct_tensor_from(CT_F32, CT_SHAPE(1, 5), (float[]){ 1, 2, 3, 4, 5 });
    expect(ct_avg_pool1d(tape, a, &(ct_pool_options){ .kernel = { 2 } }), 2, (double[]){ 1.5, 3.5 }, 0);
    expect(ct_avg_pool1d(tape, a, &(ct_pool_options){ .kernel = { 2 }, .ceil_mode = true }), 3, (double[]){ 1.5, 3.5, 5 }, 0);
    expect(ct_avg_pool1d(tape, a, &(ct_pool_options){ .kernel = { 2 }, .padding = { 1 } }), 3, (double[]){ 0.5, 2.5, 4.5 }, 0);
    expect(ct_avg_pool1d(tape, a, &(ct_pool_options){ .kernel = { 2 }, .padding = { 1 }, .exclude_pad = true }), 3,
           (double[]){ 1, 2.5, 4.5 }, 0);
    expect(ct_max_pool1d(tape, a, &(ct_pool_options){ .kernel = { 2 }, .stride = { 1 }, .dilation = { 3 } }), 2,
           (double[]){ 4, 5 }, 0);
    cr_assert_null(ct_max_pool1d(tape, a, &(ct_pool_options){ .kernel = { 2 }, .padding = { 2 } }));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_SHAPE);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(a);
}

Test(pool, the_first_of_equal_maxima_gets_the_gradient)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 2, 2, 2), (double[]){ 1, 5, 2, 5, 5, 0, 0, 0 });
    ct_requires_grad(x, true);
    cr_assert_eq(ct_backward(tape, ct_sum(tape, ct_max_pool3d(tape, x, &(ct_pool_options){ .kernel = CT_ALL(2) }))), CT_OK);
    expect(ct_gradient(x), 8, (double[]){ 0, 1, 0, 0, 0, 0, 0, 0 }, 0);
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* Of a window of −∞ alone the first element is the maximum. Strides 1 to 3, padding, dilation; x = (−∞ five times, 1, 0). */
Test(pool, windows_of_minus_infinity)
{
    static const struct {
        ct_pool_options options;
        double gradient[7];
    } cases[] = {
        { { .kernel = { 3 }, .stride = { 1 }, .padding = { 1 } }, { 2, 1, 1, 0, 0, 3, 0 } },
        { { .kernel = { 2 } }, { 1, 0, 1, 0, 0, 1, 0 } },
        { { .kernel = { 2 }, .stride = { 3 }, .padding = { 1 }, .dilation = { 2 } }, { 0, 1, 1, 0, 0, 1, 0 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++) {
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = ct_tensor_full(dtype, CT_SHAPE(1, 1, 7), -INFINITY);
            const double all[] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, 1, 0 };
            ct_tensor_copy_in(x, CT_F64, all, 7);
            ct_requires_grad(x, true);
            cr_assert_eq(ct_backward(tape, ct_sum(tape, ct_max_pool1d(tape, x, &cases[i].options))), CT_OK);
            expect(ct_gradient(x), 7, cases[i].gradient, 0);
            ct_tape_free(tape);
            ct_tensor_release(x);
        }
}

Test(upsample, values)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 2), (double[]){ 0, 4 });
    expect(ct_upsample_nearest(tape, x, (int64_t[]){ 5 }), 5, (double[]){ 0, 0, 0, 4, 4 }, 0);
    expect(ct_upsample_bilinear(tape, x, (int64_t[]){ 4 }, false), 4, (double[]){ 0, 1, 3, 4 }, 1e-15);
    expect(ct_upsample_bilinear(tape, x, (int64_t[]){ 5 }, true), 5, (double[]){ 0, 1, 2, 3, 4 }, 1e-15);
    cr_assert_null(ct_upsample_nearest(tape, x, (int64_t[]){ 0 }));
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* Whole multiples, in rows and in columns: each value so many times, and its gradient the sum of theirs. */
Test(upsample, whole_multiples)
{
    for (int64_t times = 2; times <= 3; times++)
        for (int axis = 0; axis < 2; axis++) {
            enum { COUNT = 37 };
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = ct_tensor_arange(CT_F32, COUNT), *g;
            ct_requires_grad(x, true);
            const ct_shape shape = axis == 0 ? CT_SHAPE(1, 1, COUNT, 1) : CT_SHAPE(1, 1, 1, COUNT);
            const int64_t size[] = { axis == 0 ? times * COUNT : 1, axis == 1 ? times * COUNT : 1 };
            ct_tensor *y = ct_upsample_nearest(tape, ct_reshape(tape, x, shape), size);
            cr_assert_not_null(y, "%s", ct_tape_message(tape));
            ct_tensor *places = ct_tensor_arange(CT_F32, times * COUNT), *weights = ct_reshape(tape, places, ct_tensor_shape(y));
            cr_assert_eq(ct_grad(tape, 1, &y, &weights, 1, &x, &g, 0), CT_OK, "%s", ct_tape_message(tape));
            for (int64_t i = 0; i < times * COUNT; i++)
                CLOSE(ct_tensor_at(y, i), (double)(i / times), 0);
            for (int64_t i = 0; i < COUNT; i++)
                CLOSE(ct_tensor_at(g, i), (double)(times * times * i + times * (times - 1) / 2), 0);
            ct_tape_free(tape);
            ct_tensor_release(x), ct_tensor_release(places);
        }
}
