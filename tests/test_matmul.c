/* The matrix product against three plain loops, and its derivatives, which are matrix products. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

static ct_tensor *random_tensor(ct_dtype dtype, ct_shape shape, uint64_t seed)
{
    ct_tensor *tensor = ct_tensor_empty(dtype, shape);
    ct_normal(tensor, 0, 1, &(ct_random){ .seed = seed });
    return tensor;
}

static double dot(const ct_tensor *a, const ct_tensor *b)
{
    double sum = 0;
    cr_assert(ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)));
    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        sum += ct_tensor_at(a, i) * ct_tensor_at(b, i);
    return sum;
}

static void assert_refused(ct_tape *tape, const ct_tensor *result, ct_status status, const char *part)
{
    cr_assert_null(result);
    cr_assert_eq(ct_tape_status(tape), status, "%s", ct_tape_message(tape));
    cr_assert_not_null(strstr(ct_tape_message(tape), part), "\"%s\" lacks \"%s\"", ct_tape_message(tape), part);
    ct_tape_clear_status(tape);
}

static const struct { int64_t batch, m, n, k; } sizes[] = {
    { 1, 1, 1, 1 }, { 2, 3, 4, 5 }, { 1, 130, 20, 7 }, { 3, 129, 513, 9 },
    { 2, 0, 3, 4 }, { 2, 3, 0, 4 }, { 2, 3, 4, 0 }, { 0, 3, 4, 5 },
};

/* Every size, dtype and transpose; each sum of k terms within k rounding errors of Σ |a b|. */
Test(matmul, equals_plain_loops)
{
    ct_tape *tape = ct_tape_new();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int variant = 0; variant < 8; variant++) {
            bool ta = variant & 1, tb = variant & 2;
            ct_dtype dtype = variant & 4 ? CT_F64 : CT_F32;
            int64_t batch = sizes[s].batch, m = sizes[s].m, n = sizes[s].n, k = sizes[s].k;
            ct_tensor *a = random_tensor(dtype, ta ? CT_SHAPE(batch, k, m) : CT_SHAPE(batch, m, k), 1);
            ct_tensor *b = random_tensor(dtype, tb ? CT_SHAPE(batch, n, k) : CT_SHAPE(batch, k, n), 2);
            ct_tensor *y = ct_matmul(tape, a, b, ta, tb);
            cr_assert_not_null(y, "%s", ct_tape_message(tape));
            cr_assert(ct_shape_equal(ct_tensor_shape(y), CT_SHAPE(batch, m, n)));
            for (int64_t p = 0; p < batch * m * n; p++) {
                int64_t z = p / (m * n), i = p / n % m, j = p % n;
                double sum = 0, size = 0;
                for (int64_t l = 0; l < k; l++) {
                    double term = ct_tensor_at(a, z * m * k + (ta ? l * m + i : i * k + l)) *
                                  ct_tensor_at(b, z * k * n + (tb ? j * k + l : l * n + j));
                    sum += term;
                    size += fabs(term);
                }
                double unit = dtype == CT_F32 ? 0x1p-24 : 0x1p-53;
                cr_assert(fabs(ct_tensor_at(y, p) - sum) <= (double)(k + 2) * unit * size);
            }
            ct_tensor_release(a), ct_tensor_release(b);
            ct_tape_reset(tape);
        }
    ct_tape_free(tape);
}

/* <g, A B> is linear in each matrix: <∂a, a> = <∂b, b> = <g, y>, in all four transposes, with batch axes broadcast;
 * and the tangent of y along (u, 0) is the product with u in a's place. */
Test(matmul, derivatives_are_the_other_products)
{
    for (int variant = 0; variant < 4; variant++) {
        bool ta = variant & 1, tb = variant & 2;
        ct_tape *tape = ct_tape_new();
        ct_tensor *a = random_tensor(CT_F64, ta ? CT_SHAPE(2, 1, 5, 3) : CT_SHAPE(2, 1, 3, 5), 1);
        ct_tensor *b = random_tensor(CT_F64, tb ? CT_SHAPE(3, 4, 5) : CT_SHAPE(3, 5, 4), 2);
        ct_tensor *u = random_tensor(CT_F64, ct_tensor_shape(a), 3), *g = random_tensor(CT_F64, CT_SHAPE(2, 3, 3, 4), 4);
        ct_requires_grad(a, true), ct_requires_grad(b, true), ct_requires_grad(g, true);
        ct_tensor *y = ct_matmul(tape, a, b, ta, tb), *gradient[2], *tangent, *second[2];
        cr_assert_not_null(y, "%s", ct_tape_message(tape));
        cr_assert_eq(ct_grad(tape, 1, &y, &g, 2, (ct_tensor *[]){ a, b }, gradient, CT_CREATE_GRAPH), CT_OK, "%s",
                     ct_tape_message(tape));
        double value = dot(g, y);
        cr_assert_float_eq(dot(gradient[0], a), value, 1e-12);
        cr_assert_float_eq(dot(gradient[1], b), value, 1e-12);

        cr_assert_eq(ct_push(tape, 1, &a, &u, 1, &y, &tangent, 0), CT_OK, "%s", ct_tape_message(tape));
        cr_assert_float_eq(dot(g, tangent), dot(gradient[0], u), 1e-12);

        /* d<∂a, u>/db paired with b, and with g for g, are <∂a, u> again: it is bilinear in (g, b). */
        cr_assert_eq(ct_grad(tape, 1, gradient, &u, 2, (ct_tensor *[]){ b, g }, second, 0), CT_OK, "%s", ct_tape_message(tape));
        cr_assert_float_eq(dot(second[0], b), dot(gradient[0], u), 1e-12);
        cr_assert_float_eq(dot(second[1], g), dot(gradient[0], u), 1e-12);
        ct_tape_free(tape);
        ct_tensor_release(a), ct_tensor_release(b), ct_tensor_release(u), ct_tensor_release(g);
    }
}

Test(matmul, threads_change_no_bit)
{
    ct_tensor *a = random_tensor(CT_F32, CT_SHAPE(3, 300, 70), 1), *b = random_tensor(CT_F32, CT_SHAPE(70, 600), 2);
    ct_tape *tape = ct_tape_new();
    ct_set_num_threads(1);
    ct_tensor *one = ct_matmul(tape, a, b, false, false);
    for (int threads = 2; threads <= 7; threads++) {
        ct_set_num_threads(threads);
        ct_tensor *many = ct_matmul(tape, a, b, false, false);
        cr_assert(!memcmp(ct_tensor_data(one), ct_tensor_data(many), (size_t)ct_tensor_count(one) * sizeof(float)));
    }
    ct_tape_free(tape);
    ct_tensor_release(a), ct_tensor_release(b);
}

Test(matmul, linear)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(2, 3), (double[]){ 1, 2, 3, 4, 5, 6 });
    ct_tensor *bias = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 10, 20 }), *x = ct_tensor_ones(CT_F64, CT_SHAPE(2, 1, 3));
    ct_tensor *row = ct_tensor_arange(CT_F64, 3), *empty = ct_tensor_empty(CT_F64, CT_SHAPE(0, 3));
    ct_requires_grad(bias, true);
    ct_tensor *y = ct_linear(tape, x, w, bias);
    cr_assert_not_null(y, "%s", ct_tape_message(tape));
    cr_assert(ct_shape_equal(ct_tensor_shape(y), CT_SHAPE(2, 1, 2)));
    for (int64_t i = 0; i < 4; i++)
        cr_assert(ct_tensor_at(y, i) == (i % 2 ? 35 : 16));
    ct_backward(tape, ct_sum(tape, y));
    cr_assert(ct_tensor_at(ct_gradient(bias), 0) == 2);
    ct_tensor *z = ct_linear(tape, row, w, NULL);
    cr_assert(ct_shape_equal(ct_tensor_shape(z), CT_SHAPE(2)));
    cr_assert(ct_tensor_at(z, 0) == 8 && ct_tensor_at(z, 1) == 17);
    cr_assert(ct_shape_equal(ct_tensor_shape(ct_linear(tape, empty, w, bias)), CT_SHAPE(0, 2)));

    assert_refused(tape, ct_linear(tape, bias, w, NULL), CT_BAD_SHAPE, "x (2,) and weight (2, 3)");
    assert_refused(tape, ct_linear(tape, x, w, row), CT_BAD_SHAPE, "bias (3,)");
    assert_refused(tape, ct_linear(tape, NULL, w, NULL), CT_BAD_ARGUMENT, "NULL");
    assert_refused(tape, ct_matmul(tape, row, w, false, false), CT_BAD_SHAPE, "rank 2 or more");
    assert_refused(tape, ct_matmul(tape, w, w, false, false), CT_BAD_SHAPE, "inner extents 3 and 2");
    ct_tensor *two = ct_reshape(tape, w, CT_SHAPE(2, 3, 1)), *three = ct_reshape(tape, w, CT_SHAPE(3, 1, 2));
    assert_refused(tape, ct_matmul(tape, two, three, false, false), CT_BAD_SHAPE, "do not broadcast");
    ct_tape_free(tape);
    ct_tensor_release(w), ct_tensor_release(bias), ct_tensor_release(x), ct_tensor_release(row), ct_tensor_release(empty);
}
