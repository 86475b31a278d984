/* Tensors, shapes, statuses and threads; printing against what NumPy 1.24 prints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "../src/tensor/internal.h"

Test(status, names_and_sentences)
{
    cr_assert_str_eq(ct_status_string(CT_OK), "ok");
    cr_assert_str_eq(ct_status_string(CT_BAD_FORMAT), "bad format");
    cr_assert_str_eq(ct_status_string((ct_status)99), "unknown status");
    cr_assert_str_eq(ct_version(), CT_VERSION);
    ct_error error;
    cr_assert(ct_error_set(&error, CT_BAD_SHAPE, "conv: %d ≠ %d", 3, 4) == CT_BAD_SHAPE);
    cr_assert(error.status == CT_BAD_SHAPE);
    cr_assert_str_eq(error.message, "conv: 3 ≠ 4");
    cr_assert(ct_error_set(&error, CT_IO_ERROR, "%0999d", 1) == CT_IO_ERROR);
    cr_assert(strlen(error.message) == sizeof error.message - 1);
    cr_assert(ct_error_set(NULL, CT_BAD_STATE, "nobody listens") == CT_BAD_STATE);
}

Test(shape, text_equality_and_axes)
{
    char text[128];
    cr_assert_str_eq(ct_shape_text(CT_SHAPE(2, 3, 4), text, sizeof text), "(2, 3, 4)");
    cr_assert_str_eq(ct_shape_text(CT_SHAPE(7), text, sizeof text), "(7,)");
    cr_assert_str_eq(ct_shape_text(CT_SCALAR, text, sizeof text), "()");
    cr_assert_str_eq(ct_shape_text(CT_SHAPE(20, 30), text, 5), "(20,");
    cr_assert_str_eq(ct_shape_text((ct_shape){ .rank = 99 }, text, sizeof text), "(0, 0, 0, 0, 0, 0, 0, 0)");
    cr_assert_str_eq(ct_shape_text((ct_shape){ .rank = -1 }, text, sizeof text), "()");
    cr_assert_null(ct_shape_text(CT_SHAPE(2), NULL, 0));
    cr_assert(ct_shape_equal(CT_SHAPE(2, 3), CT_SHAPE(2, 3)));
    cr_assert(!ct_shape_equal(CT_SHAPE(2, 3), CT_SHAPE(3, 2)));
    cr_assert(!ct_shape_equal(CT_SHAPE(2), CT_SHAPE(2, 1)));
    cr_assert(!ct_shape_equal((ct_shape){ .rank = 1000000 }, (ct_shape){ .rank = 1000000 }), "no shapes, and not read");
    int axis = -1;
    cr_assert(ct_axis_normalize(3, &axis) && axis == 2);
    axis = 3;
    cr_assert(!ct_axis_normalize(3, &axis));
    axis = -4;
    cr_assert(!ct_axis_normalize(3, &axis));
}

Test(shape, broadcast_by_numpys_rule)
{
    ct_shape result;
    cr_assert(ct_shape_broadcast(CT_SHAPE(8, 1, 6, 1), CT_SHAPE(7, 1, 5), &result));
    cr_assert(ct_shape_equal(result, CT_SHAPE(8, 7, 6, 5)));
    cr_assert(ct_shape_broadcast(CT_SCALAR, CT_SHAPE(2, 0), &result) && ct_shape_equal(result, CT_SHAPE(2, 0)));
    cr_assert(ct_shape_broadcast(CT_SHAPE(0), CT_SHAPE(1), &result) && ct_shape_equal(result, CT_SHAPE(0)));
    cr_assert(!ct_shape_broadcast(CT_SHAPE(3), CT_SHAPE(4), &result));
    cr_assert(!ct_shape_broadcast(CT_SHAPE(0), CT_SHAPE(2), &result));
    cr_assert(!ct_shape_broadcast(CT_SHAPE(1), CT_SHAPE(-1), &result));
    cr_assert(!ct_shape_broadcast(CT_SHAPE(-1), CT_SHAPE(-1), &result));
    cr_assert(!ct_shape_broadcast(CT_SHAPE(1), (ct_shape){ .rank = 1000 }, &result), "and nothing is written behind the result");
    cr_assert(!ct_shape_broadcast((ct_shape){ .rank = -1 }, CT_SHAPE(1), &result));
}

Test(shape, sizes_that_overflow_are_refused)
{
    const int64_t big = (int64_t)1 << 48;
    int64_t count;
    size_t bytes;
    cr_assert(ct_shape_measure(CT_SHAPE(2, 3, 4), CT_F64, &count, &bytes) && count == 24 && bytes == 192);
    cr_assert(ct_shape_measure(CT_SHAPE(big, 0), CT_F32, &count, &bytes) && count == 0 && bytes == 0);
    const ct_shape bad[] = { CT_SHAPE(-1), CT_SHAPE(big + 1), CT_SHAPE(big, big), CT_SHAPE(big, 0, big), CT_SHAPE(big, 1 << 13),
                             { .rank = 9 }, { .rank = -1 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert(!ct_shape_measure(bad[i], CT_F32, &count, &bytes), "shape %zu", i);
        cr_assert_null(ct_tensor_zeros(CT_F32, bad[i]));
    }
    cr_assert_null(ct_tensor_arange(CT_F32, -1));
    cr_assert_null(ct_tensor_empty((ct_dtype)2, CT_SHAPE(1)));
}

Test(tensor, makers_and_readers)
{
    ct_tensor *x = ct_tensor_from(CT_F32, CT_SHAPE(2, 3), (float[]){ 1, 2, 3, 4, 5, 6 });
    cr_assert(ct_tensor_dtype(x) == CT_F32 && ct_tensor_rank(x) == 2 && ct_tensor_count(x) == 6);
    cr_assert(ct_tensor_size(x, 1) == 3 && ct_tensor_size(x, -2) == 2 && ct_tensor_size(x, 2) == -1);
    cr_assert(ct_tensor_at(x, 4) == 5 && isnan(ct_tensor_at(x, 6)) && isnan(ct_tensor_at(x, -1)) && isnan(ct_tensor_item(x)));
    ct_tensor *arange = ct_tensor_arange(CT_F64, 4), *full = ct_tensor_full(CT_F64, CT_SHAPE(2), 0.1);
    ct_tensor *scalar = ct_tensor_scalar(CT_F32, 0.1), *none = ct_tensor_zeros(CT_F32, CT_SHAPE(3, 0));
    cr_assert(ct_tensor_at(arange, 3) == 3 && ct_tensor_at(full, 1) == 0.1);
    cr_assert(ct_tensor_rank(scalar) == 0 && ct_tensor_item(scalar) == (double)0.1f);
    cr_assert(ct_tensor_count(none) == 0 && isnan(ct_tensor_item(none)));
    cr_assert_null(ct_tensor_from(CT_F32, CT_SHAPE(2), NULL));
    ct_tensor_release(x), ct_tensor_release(arange), ct_tensor_release(full), ct_tensor_release(scalar), ct_tensor_release(none);
}

Test(tensor, null_is_answered_not_followed)
{
    cr_assert(ct_tensor_count(NULL) == 0 && ct_tensor_size(NULL, 0) == -1 && isnan(ct_tensor_item(NULL)));
    cr_assert_null(ct_tensor_data(NULL));
    cr_assert_null(ct_tensor_data_mutable(NULL));
    cr_assert_null(ct_tensor_retain(NULL));
    cr_assert_null(ct_tensor_clone(NULL));
    cr_assert_null(ct_tensor_view(NULL, CT_SCALAR));
    cr_assert_null(ct_gradient(NULL));
    cr_assert(ct_tensor_fill(NULL, 1) == CT_BAD_ARGUMENT);
    cr_assert(ct_requires_grad(NULL, true) == CT_BAD_ARGUMENT);
    ct_tensor_release(NULL), ct_zero_gradient(NULL);
    char text[8];
    cr_assert(ct_tensor_text(NULL, text, sizeof text) == 4 && strcmp(text, "NULL") == 0);
}

Test(tensor, copies_convert_and_views_share)
{
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2, 2), (double[]){ 0.1, 1e300, -2.5, 16777217 });
    ct_tensor *cast = ct_tensor_cast(x, CT_F32), *clone = ct_tensor_clone(x), *view = ct_tensor_view(x, CT_SHAPE(4));
    cr_assert(ct_tensor_at(cast, 0) == (double)0.1f && isinf(ct_tensor_at(cast, 1)));
    cr_assert(ct_tensor_at(cast, 2) == -2.5 && ct_tensor_at(cast, 3) == 16777216, "to nearest, ties to even");
    ((double *)ct_tensor_data_mutable(view))[0] = 9;
    cr_assert(ct_tensor_at(x, 0) == 9 && ct_tensor_at(clone, 0) == 0.1);
    cr_assert_null(ct_tensor_view(x, CT_SHAPE(5)));
    float out[4];
    cr_assert(ct_tensor_copy_out(x, CT_F32, out, 4) == CT_OK && out[0] == 9 && out[2] == -2.5f);
    cr_assert(ct_tensor_copy_out(x, CT_F32, out, 3) == CT_BAD_SHAPE);
    cr_assert(ct_tensor_copy_out(x, CT_F32, NULL, 4) == CT_BAD_ARGUMENT);
    cr_assert(ct_tensor_copy_in(x, CT_F32, (float[]){ 1, 2, 3, 4 }, 4) == CT_OK && ct_tensor_at(view, 3) == 4);
    cr_assert(ct_tensor_assign(cast, x) == CT_OK && ct_tensor_at(cast, 1) == 2);
    cr_assert(ct_tensor_assign(x, view) == CT_BAD_SHAPE);
    ct_tensor_release(x), ct_tensor_release(cast), ct_tensor_release(clone), ct_tensor_release(view);
}

Test(tensor, changes_in_place_are_counted)
{
    ct_tensor *x = ct_tensor_zeros(CT_F32, CT_SHAPE(2)), *view = ct_tensor_view(x, CT_SHAPE(1, 2));
    uint64_t version = x->storage->version;
    ct_random random = { 0 };
    ct_tensor_data_mutable(view);
    cr_assert(x->storage->version == ++version);
    ct_tensor_fill(x, 1);
    cr_assert(x->storage->version == ++version);
    ct_tensor_copy_in(x, CT_F64, (double[]){ 1, 2 }, 2);
    cr_assert(x->storage->version == ++version);
    ct_uniform(x, 0, 1, &random);
    cr_assert(x->storage->version == ++version);
    ct_tensor_at(x, 0), ct_tensor_data(x);
    cr_assert(x->storage->version == version);
    ct_tensor_release(x), ct_tensor_release(view);
}

Test(tensor, swapped_storage)
{
    ct_tensor *a = ct_tensor_from(CT_F32, CT_SHAPE(2), (float[]){ 1, 2 }), *b = ct_tensor_from(CT_F32, CT_SHAPE(2), (float[]){ 3, 4 });
    ct_tensor *view = ct_tensor_view(a, CT_SHAPE(1, 2)), *wide = ct_tensor_zeros(CT_F64, CT_SHAPE(2));
    const void *of_a = ct_tensor_data(a), *of_b = ct_tensor_data(b);
    for (int i = 0; i < 5; i++)
        ct_tensor_data_mutable(b);
    uint64_t before = b->storage->version;
    cr_assert_eq(ct_tensor_swap(a, b), CT_OK);
    cr_assert(ct_tensor_data(a) == of_b && ct_tensor_data(b) == of_a, "nothing was copied");
    cr_assert(ct_tensor_at(a, 0) == 3 && ct_tensor_at(b, 1) == 2 && ct_tensor_at(view, 1) == 2);
    cr_assert(a->storage->version > before && b->storage->version > before, "of both, later than either's");
    cr_assert_eq(ct_tensor_swap(a, a), CT_OK);
    cr_assert_eq(ct_tensor_at(a, 0), 3);
    cr_assert_eq(ct_tensor_swap(a, view), CT_BAD_SHAPE);
    cr_assert_eq(ct_tensor_swap(a, wide), CT_BAD_DTYPE);
    cr_assert_eq(ct_tensor_swap(a, NULL), CT_BAD_ARGUMENT);
    cr_assert_eq(ct_tensor_at(a, 1), 4);
    ct_tensor_release(a), ct_tensor_release(b), ct_tensor_release(view), ct_tensor_release(wide);
}

Test(tensor, gradients_fit_their_leaf)
{
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(2)), *g = ct_tensor_full(CT_F32, CT_SHAPE(2), 3);
    ct_tensor *wide = ct_tensor_ones(CT_F32, CT_SHAPE(3)), *precise = ct_tensor_ones(CT_F64, CT_SHAPE(2));
    cr_assert(!ct_tensor_requires_grad(x));
    cr_assert(ct_requires_grad(x, true) == CT_OK && ct_tensor_requires_grad(x));
    cr_assert(ct_set_gradient(x, wide) == CT_BAD_SHAPE && ct_set_gradient(x, precise) == CT_BAD_DTYPE);
    cr_assert(ct_set_gradient(x, x) == CT_BAD_ARGUMENT);
    cr_assert_null(ct_gradient(x));
    cr_assert(ct_set_gradient(x, g) == CT_OK && ct_gradient(x) == g);
    ct_zero_gradient(x);
    cr_assert_null(ct_gradient(x));
    ct_tensor_release(x), ct_tensor_release(g), ct_tensor_release(wide), ct_tensor_release(precise);
}

/* ---- printing: the expected texts are NumPy's ---- */

static void expect_text(ct_tensor *tensor, const char *expected)
{
    char text[2000];
    size_t length = ct_tensor_text(tensor, text, sizeof text);
    cr_expect_str_eq(text, expected, "\n%s\ninstead of\n%s", text, expected);
    cr_expect(length == strlen(expected));
    cr_expect(ct_tensor_text(tensor, text, 4) == length && strlen(text) == (length < 3 ? length : 3));
    cr_expect(ct_tensor_text(tensor, NULL, 0) == length);
    ct_tensor_release(tensor);
}

#define VALUES(dtype, type, shape, ...) ct_tensor_from(dtype, shape, (type[]){ __VA_ARGS__ })

Test(print, as_numpy)
{
    expect_text(VALUES(CT_F64, double, CT_SHAPE(3), 1, 2.5, -3), "[ 1.   2.5 -3. ]");
    expect_text(VALUES(CT_F64, double, CT_SHAPE(2, 2), 1e-5, 1, 2, 3e4), "[[1.e-05 1.e+00]\n [2.e+00 3.e+04]]");
    expect_text(VALUES(CT_F32, float, CT_SHAPE(2), 0.1f, 1 / 3.f), "[0.1        0.33333334]");
    expect_text(VALUES(CT_F32, float, CT_SHAPE(1), 73898872), "[73898872.]");
    expect_text(VALUES(CT_F64, double, CT_SHAPE(4), NAN, INFINITY, -INFINITY, 0), "[ nan  inf -inf   0.]");
    expect_text(VALUES(CT_F64, double, CT_SHAPE(2), 1e200, 1), "[1.e+200 1.e+000]");
    expect_text(ct_tensor_scalar(CT_F64, 1e20), "1e+20");
    expect_text(ct_tensor_scalar(CT_F32, 0.1), "0.1");
    expect_text(ct_tensor_scalar(CT_F64, 3), "3.0");
    expect_text(ct_tensor_zeros(CT_F64, CT_SHAPE(3, 0)), "[]");
    expect_text(ct_tensor_arange(CT_F64, 1001), "[   0.    1.    2. ...  998.  999. 1000.]");
    expect_text(ct_tensor_arange(CT_F64, 30), "[ 0.  1.  2.  3.  4.  5.  6.  7.  8.  9. 10. 11. 12. 13. 14. 15. 16. 17.\n"
                                              " 18. 19. 20. 21. 22. 23. 24. 25. 26. 27. 28. 29.]");
}

static ct_tensor *arange_of_shape(ct_shape shape)
{
    ct_tensor *flat = ct_tensor_arange(CT_F64, ct_shape_count(shape)), *shaped = ct_tensor_view(flat, shape);
    ct_tensor_release(flat);
    return shaped;
}

Test(print, axes_as_numpy)
{
    expect_text(arange_of_shape(CT_SHAPE(2, 3, 4)), "[[[ 0.  1.  2.  3.]\n  [ 4.  5.  6.  7.]\n  [ 8.  9. 10. 11.]]\n\n"
                                                    " [[12. 13. 14. 15.]\n  [16. 17. 18. 19.]\n  [20. 21. 22. 23.]]]");
    expect_text(arange_of_shape(CT_SHAPE(40, 50)), "[[0.000e+00 1.000e+00 2.000e+00 ... 4.700e+01 4.800e+01 4.900e+01]\n"
                                                   " [5.000e+01 5.100e+01 5.200e+01 ... 9.700e+01 9.800e+01 9.900e+01]\n"
                                                   " [1.000e+02 1.010e+02 1.020e+02 ... 1.470e+02 1.480e+02 1.490e+02]\n"
                                                   " ...\n"
                                                   " [1.850e+03 1.851e+03 1.852e+03 ... 1.897e+03 1.898e+03 1.899e+03]\n"
                                                   " [1.900e+03 1.901e+03 1.902e+03 ... 1.947e+03 1.948e+03 1.949e+03]\n"
                                                   " [1.950e+03 1.951e+03 1.952e+03 ... 1.997e+03 1.998e+03 1.999e+03]]");
}

Test(print, a_file_gets_the_text_and_a_newline)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    ct_tensor *x = ct_tensor_arange(CT_F32, 3);
    ct_tensor_print(file, x);
    fclose(file);
    cr_assert_str_eq(text, "[0. 1. 2.]\n");
    free(text);
    ct_tensor_release(x);
}

/* ---- threads ---- */

static void mark(void *context, int64_t begin, int64_t end)
{
    int64_t *marks = context;
    for (int64_t i = begin; i < end; i++)
        marks[i] += 1000 * begin + (end - begin);
}

Test(parallel, the_cut_is_by_shape_alone)
{
    cr_assert(ct_set_num_threads(0) == CT_BAD_ARGUMENT && ct_set_num_threads(257) == CT_BAD_ARGUMENT);
    cr_assert(ct_get_num_threads() >= 1);
    for (int threads = 1; threads <= 5; threads++) {
        int64_t marks[23] = { 0 };
        cr_assert(ct_set_num_threads(threads) == CT_OK && ct_get_num_threads() == threads);
        ct_parallel_for(23, 5, mark, marks);
        for (int64_t i = 0; i < 23; i++)
            cr_assert(marks[i] == 1000 * (i / 5 * 5) + (i < 20 ? 5 : 3));
        ct_parallel_for(0, 5, mark, NULL);
    }
}
