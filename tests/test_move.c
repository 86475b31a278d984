/* Ops that move values: where each value comes from, exact adjointness, and the sentences of their errors. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

#include "../src/ops/index.h"

/* Small whole numbers, so that every sum below is exact. */
static ct_tensor *whole_numbers(ct_dtype dtype, ct_shape shape, uint32_t seed)
{
    ct_tensor *tensor = ct_tensor_empty(dtype, shape);
    void *data = ct_tensor_data_mutable(tensor);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++) {
        seed = seed * 1664525u + 1013904223u;
        double value = (double)(seed >> 24) - 128;
        if (dtype == CT_F32)
            ((float *)data)[i] = (float)value;
        else
            ((double *)data)[i] = value;
    }
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

static void assert_same(const ct_tensor *a, const ct_tensor *b, const char *name)
{
    cr_assert(a && b, "%s", name);
    cr_assert(ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)), "%s", name);
    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        cr_assert(ct_tensor_at(a, i) == ct_tensor_at(b, i), "%s: position %d: %g, not %g", name, (int)i, ct_tensor_at(a, i),
                  ct_tensor_at(b, i));
}

static void assert_values(const ct_tensor *tensor, ct_shape shape, const double expected[])
{
    char text[2][128];
    cr_assert_not_null(tensor);
    cr_assert(ct_shape_equal(ct_tensor_shape(tensor), shape), "shape %s, not %s",
              ct_shape_text(ct_tensor_shape(tensor), text[0], 128), ct_shape_text(shape, text[1], 128));
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        cr_assert(ct_tensor_at(tensor, i) == expected[i], "position %d: %g, not %g", (int)i, ct_tensor_at(tensor, i),
                  expected[i]);
}

#define ASSERT_VALUES(tensor, shape, ...) assert_values(tensor, shape, (const double[]){ __VA_ARGS__ })

static void assert_refused(ct_tape *tape, const ct_tensor *result, ct_status status, const char *part)
{
    cr_assert_null(result);
    cr_assert_eq(ct_tape_status(tape), status, "%s", ct_tape_message(tape));
    cr_assert_not_null(strstr(ct_tape_message(tape), part), "\"%s\" lacks \"%s\"", ct_tape_message(tape), part);
    ct_tape_clear_status(tape);
}

/* ---- linear maps: f(x), its adjoint by vjp, its tangent by jvp, and the derivative of the adjoint --------------- */

static ct_tensor *do_reshape(ct_tape *t, ct_tensor *x) { return ct_reshape(t, x, CT_SHAPE(-1, 6)); }
static ct_tensor *do_flatten(ct_tape *t, ct_tensor *x) { return ct_flatten(t, x, 1, -1); }
static ct_tensor *do_permute(ct_tape *t, ct_tensor *x) { return ct_permute(t, x, CT_AXES(2, 0, -2)); }
static ct_tensor *do_transpose(ct_tape *t, ct_tensor *x) { return ct_transpose(t, x, 0, -1); }
static ct_tensor *do_concat(ct_tape *t, ct_tensor *x)
{
    return ct_concat(t, 3, (ct_tensor *[]){ x, ct_flip(t, x, CT_AXES(1)), x }, 1);
}
static ct_tensor *do_slice(ct_tape *t, ct_tensor *x) { return ct_slice(t, x, 1, 0, 3, 2); }
static ct_tensor *do_slice_last(ct_tape *t, ct_tensor *x) { return ct_slice(t, x, -1, -3, INT64_MAX, 2); }
static ct_tensor *do_slice_none(ct_tape *t, ct_tensor *x) { return ct_slice(t, x, 1, 2, 1, 1); }
static ct_tensor *do_slice_one(ct_tape *t, ct_tensor *x) { return ct_slice(t, ct_slice(t, x, -1, 1, 2, 1), 0, 1, 2, INT64_MAX); }
static ct_tensor *do_embed(ct_tape *t, ct_tensor *x) { return ct_slice_adjoint(t, x, 1, 2, 10, 3); }
static ct_tensor *do_flip(ct_tape *t, ct_tensor *x) { return ct_flip(t, x, CT_AXES(0, 2)); }
static ct_tensor *do_zeros(ct_tape *t, ct_tensor *x) { return ct_pad(t, x, 6, (int64_t[]){ 1, -2, -1, 3, 2, 0 }, CT_ZEROS); }
static ct_tensor *do_reflect(ct_tape *t, ct_tensor *x) { return ct_pad(t, x, 4, (int64_t[]){ 3, 2, 1, 2 }, CT_REFLECT); }
static ct_tensor *do_replicate(ct_tape *t, ct_tensor *x) { return ct_pad(t, x, 4, (int64_t[]){ 5, 2, 1, 7 }, CT_REPLICATE); }
static ct_tensor *do_circular(ct_tape *t, ct_tensor *x) { return ct_pad(t, x, 4, (int64_t[]){ 4, 2, 1, 3 }, CT_CIRCULAR); }
static ct_tensor *do_fold(ct_tape *t, ct_tensor *x)
{
    return ct_pad_adjoint(t, x, CT_SHAPE(2, 3, 2), 2, (int64_t[]){ 1, 1 }, CT_REFLECT);
}

static const struct linear_case {
    const char *name;
    ct_tensor *(*f)(ct_tape *, ct_tensor *);
} linear_cases[] = {
    { "reshape", do_reshape },       { "flatten", do_flatten },       { "permute", do_permute },
    { "transpose", do_transpose },   { "concat", do_concat },         { "slice", do_slice },
    { "slice, last", do_slice_last }, { "slice, none", do_slice_none }, { "slice, one", do_slice_one },
    { "slice_adjoint", do_embed },   { "flip", do_flip },             { "pad zeros", do_zeros },
    { "pad reflect", do_reflect },   { "pad replicate", do_replicate }, { "pad circular", do_circular },
    { "pad_adjoint", do_fold },
};

static void check_linear(const struct linear_case *c, ct_dtype dtype)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = whole_numbers(dtype, CT_SHAPE(2, 3, 4), 1), *t = whole_numbers(dtype, CT_SHAPE(2, 3, 4), 2);
    ct_requires_grad(x, true);
    ct_tensor *y = c->f(tape, x);
    cr_assert_not_null(y, "%s: %s", c->name, ct_tape_message(tape));
    ct_tensor *g = whole_numbers(dtype, ct_tensor_shape(y), 3), *dx = NULL, *dy = NULL, *dg = NULL;
    ct_requires_grad(g, true);

    cr_assert_eq(ct_grad(tape, 1, &y, &g, 1, &x, &dx, CT_CREATE_GRAPH), CT_OK, "%s: %s", c->name, ct_tape_message(tape));
    cr_assert(dot(g, y) == dot(dx, x), "%s: <g, f(x)> %g, <f*(g), x> %g", c->name, dot(g, y), dot(dx, x));
    cr_assert_eq(ct_push(tape, 1, &x, &t, 1, &y, &dy, 0), CT_OK, "%s: %s", c->name, ct_tape_message(tape));
    assert_same(dy, c->f(tape, t), c->name);
    cr_assert_eq(ct_grad(tape, 1, &dx, &t, 1, &g, &dg, 0), CT_OK, "%s: %s", c->name, ct_tape_message(tape));
    assert_same(dg, c->f(tape, t), c->name);

    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(t), ct_tensor_release(g);
}

Test(move, every_map_has_its_exact_adjoint)
{
    for (size_t i = 0; i < sizeof linear_cases / sizeof *linear_cases; i++) {
        check_linear(&linear_cases[i], CT_F32);
        check_linear(&linear_cases[i], CT_F64);
    }
}

/* ---- values ------------------------------------------------------------------------- */

Test(move, reshape_shares_and_infers)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_arange(CT_F32, 6);
    ct_tensor *y = ct_reshape(tape, x, CT_SHAPE(2, -1));
    ASSERT_VALUES(y, CT_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    cr_assert_eq(ct_tensor_data(y), ct_tensor_data(x));
    ASSERT_VALUES(ct_flatten(tape, ct_slice(tape, x, 0, 0, 1, 1), 0, -1), CT_SHAPE(1), 0);
    ct_tensor *none = ct_slice(tape, x, 0, 6, 6, 1);
    cr_assert_eq(ct_tensor_count(ct_reshape(tape, none, CT_SHAPE(3, 0))), 0);

    assert_refused(tape, ct_reshape(tape, x, CT_SHAPE(4, -1)), CT_BAD_SHAPE, "(4, -1)");
    assert_refused(tape, ct_reshape(tape, x, CT_SHAPE(-1, -1)), CT_BAD_SHAPE, "more than one");
    assert_refused(tape, ct_reshape(tape, x, CT_SHAPE(7)), CT_BAD_SHAPE, "6 elements");
    assert_refused(tape, ct_reshape(tape, none, CT_SHAPE(0, -1)), CT_BAD_SHAPE, "0 elements");
    assert_refused(tape, ct_reshape(tape, NULL, CT_SHAPE(1)), CT_BAD_ARGUMENT, "NULL");
    assert_refused(tape, ct_flatten(tape, x, 1, 0), CT_BAD_ARGUMENT, "rank 1");
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* The result outlives both the tape and the leaf whose storage it shares. */
Test(move, a_reshaped_tensor_keeps_its_values_alive)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_arange(CT_F64, 4);
    ct_tensor *y = ct_tensor_retain(ct_reshape(tape, x, CT_SHAPE(2, 2)));
    ct_tape_free(tape);
    ct_tensor_release(x);
    ASSERT_VALUES(y, CT_SHAPE(2, 2), 0, 1, 2, 3);
    ct_tensor_release(y);
}

Test(move, permute_follows_its_definition)
{
    enum { A = 3, B = 4, C = 5, D = 2 };
    static const int orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 0, 3, 2 }, { 2, 3, 0, 1 }, { 0, 2, 3, 1 } };
    const int64_t extent[4] = { A, B, C, D };
    ct_tape *tape = ct_tape_new();
    ct_tensor *flat = ct_tensor_arange(CT_F64, A * B * C * D), *x = ct_tensor_view(flat, CT_SHAPE(A, B, C, D));
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        const int *order = orders[o];
        ct_tensor *y = ct_permute(tape, x, CT_AXES(order[0], order[1], order[2], order[3]));
        cr_assert_not_null(y);
        int64_t i[4], position = 0;
        for (i[0] = 0; i[0] < extent[order[0]]; i[0]++)
            for (i[1] = 0; i[1] < extent[order[1]]; i[1]++)
                for (i[2] = 0; i[2] < extent[order[2]]; i[2]++)
                    for (i[3] = 0; i[3] < extent[order[3]]; i[3]++) {
                        int64_t from[4];
                        for (int axis = 0; axis < 4; axis++)
                            from[order[axis]] = i[axis];
                        double expected = (double)(((from[0] * B + from[1]) * C + from[2]) * D + from[3]);
                        cr_assert(ct_tensor_at(y, position) == expected);
                        position++;
                    }
    }
    assert_refused(tape, ct_permute(tape, x, CT_AXES(0, 1, 2)), CT_BAD_ARGUMENT, "3 axes");
    assert_refused(tape, ct_permute(tape, x, CT_AXES(0, 1, 2, 2)), CT_BAD_ARGUMENT, "twice");
    assert_refused(tape, ct_transpose(tape, x, 0, 4), CT_BAD_ARGUMENT, "rank 4");
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(flat);
}

/* Large enough for several threads: they change nothing. */
Test(move, large_tensors_move_whole)
{
    enum { M = 300, N = 257 };
    ct_tape *tape = ct_tape_new();
    ct_tensor *flat = ct_tensor_arange(CT_F32, M * N), *x = ct_tensor_view(flat, CT_SHAPE(M, N));
    for (int threads = 1; threads <= 5; threads += 4) {
        ct_set_num_threads(threads);
        ct_tensor *y = ct_transpose(tape, x, 0, 1), *p = ct_pad(tape, x, 2, (int64_t[]){ 2, 1 }, CT_CIRCULAR);
        for (int64_t i = 0; i < N; i++)
            for (int64_t j = 0; j < M; j++)
                cr_assert(ct_tensor_at(y, i * M + j) == (double)(j * N + i));
        for (int64_t i = 0; i < M; i++)
            for (int64_t j = 0; j < N + 3; j++)
                cr_assert(ct_tensor_at(p, i * (N + 3) + j) == (double)(i * N + (j - 2 + N) % N));
    }
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(flat);
}

/* Rows of every length are padded and cropped to their last value, in memory that held other values before. */
Test(move, rows_of_any_length_move_whole)
{
    static const int64_t lengths[] = { 1, 2, 7, 8, 9, 15, 16, 17, 33, 100, 511, 512, 513, 1023, 1024, 1025, 2000 };
    enum { ROWS = 3 };
    ct_tape *tape = ct_tape_new();
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (int kind = 0; kind < 4; kind++) {
            const int64_t n = lengths[l], before = kind < 2 ? 2 : -(n > 1), after = kind < 2 ? 1 : 3, to = n + before + after;
            ct_tensor *flat = ct_tensor_arange(kind % 2 ? CT_F32 : CT_F64, ROWS * n), *x = ct_tensor_view(flat, CT_SHAPE(ROWS, n));
            ct_tape_reset(tape);
            ct_tensor *y = ct_pad(tape, ct_add_scalar(tape, x, 1), 2, (int64_t[]){ before, after }, CT_ZEROS);
            ct_tensor *z = ct_pad(tape, ct_add_scalar(tape, x, 1), 4, (int64_t[]){ 0, 0, 1, 2 }, CT_ZEROS);
            for (int64_t i = 0; i < ROWS; i++)
                for (int64_t j = 0; j < to; j++) {
                    const int64_t from = j - before;
                    cr_assert_eq(ct_tensor_at(y, i * to + j), from < 0 || from >= n ? 0 : (double)(i * n + from + 1));
                }
            for (int64_t i = 0; i < (ROWS + 3) * n; i++)
                cr_assert_eq(ct_tensor_at(z, i), i < n || i >= (ROWS + 1) * n ? 0 : (double)(i - n + 1));
            ct_tensor_release(x), ct_tensor_release(flat);
        }
    ct_tape_free(tape);
}

Test(move, concat_and_slice)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *a = ct_tensor_from(CT_F64, CT_SHAPE(2, 2), (double[]){ 1, 2, 3, 4 });
    ct_tensor *b = ct_tensor_from(CT_F64, CT_SHAPE(2, 1), (double[]){ 5, 6 });
    ct_tensor *empty = ct_tensor_empty(CT_F64, CT_SHAPE(2, 0)), *x = ct_tensor_arange(CT_F64, 7);
    ASSERT_VALUES(ct_concat(tape, 3, (ct_tensor *[]){ a, empty, b }, -1), CT_SHAPE(2, 3), 1, 2, 5, 3, 4, 6);
    ASSERT_VALUES(ct_concat(tape, 2, (ct_tensor *[]){ a, a }, 0), CT_SHAPE(4, 2), 1, 2, 3, 4, 1, 2, 3, 4);

    ASSERT_VALUES(ct_slice(tape, x, 0, 1, 6, 2), CT_SHAPE(3), 1, 3, 5);
    ASSERT_VALUES(ct_slice(tape, x, 0, -3, -1, 1), CT_SHAPE(2), 4, 5);
    ASSERT_VALUES(ct_slice(tape, x, 0, -100, 100, 6), CT_SHAPE(2), 0, 6);
    ASSERT_VALUES(ct_slice(tape, x, 0, INT64_MIN, INT64_MAX, INT64_MAX), CT_SHAPE(1), 0);
    ASSERT_VALUES(ct_slice_adjoint(tape, b, 1, 1, 3, 5), CT_SHAPE(2, 3), 0, 5, 0, 0, 6, 0);
    ASSERT_VALUES(ct_slice_adjoint(tape, empty, 1, 0, 1, 1), CT_SHAPE(2, 1), 0, 0);
    ASSERT_VALUES(ct_flip(tape, a, CT_AXES(1)), CT_SHAPE(2, 2), 2, 1, 4, 3);

    assert_refused(tape, ct_concat(tape, 2, (ct_tensor *[]){ a, b }, 0), CT_BAD_SHAPE, "(2, 2) and (2, 1)");
    assert_refused(tape, ct_concat(tape, 2, (ct_tensor *[]){ a, x }, 0), CT_BAD_SHAPE, "(7,)");
    assert_refused(tape, ct_concat(tape, 2, (ct_tensor *[]){ a, NULL }, 0), CT_BAD_ARGUMENT, "NULL");
    assert_refused(tape, ct_concat(tape, 0, NULL, 0), CT_BAD_ARGUMENT, "count 0");
    assert_refused(tape, ct_slice(tape, x, 0, 0, 7, 0), CT_BAD_ARGUMENT, "step 0");
    assert_refused(tape, ct_slice(tape, x, 1, 0, 7, 1), CT_BAD_ARGUMENT, "axis 1");
    assert_refused(tape, ct_slice_adjoint(tape, x, 0, 0, 13, 3), CT_BAD_ARGUMENT, "do not fit in 13");
    assert_refused(tape, ct_flip(tape, a, CT_AXES(0, -2)), CT_BAD_ARGUMENT, "twice");
    ct_tape_free(tape);
    ct_tensor_release(a), ct_tensor_release(b), ct_tensor_release(empty), ct_tensor_release(x);
}

Test(move, pad_follows_its_modes)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 3), (double[]){ 1, 2, 3 });
    int64_t two[] = { 2, 2 }, five[] = { 5, 1 }, three[] = { 3, 0 }, crop[] = { -1, 1 }, all[] = { -2, -1 };
    ASSERT_VALUES(ct_pad(tape, x, 2, two, CT_ZEROS), CT_SHAPE(1, 7), 0, 0, 1, 2, 3, 0, 0);
    ASSERT_VALUES(ct_pad(tape, x, 2, two, CT_REFLECT), CT_SHAPE(1, 7), 3, 2, 1, 2, 3, 2, 1);
    ASSERT_VALUES(ct_pad(tape, x, 2, five, CT_REPLICATE), CT_SHAPE(1, 9), 1, 1, 1, 1, 1, 1, 2, 3, 3);
    ASSERT_VALUES(ct_pad(tape, x, 2, three, CT_CIRCULAR), CT_SHAPE(1, 6), 1, 2, 3, 1, 2, 3);
    ASSERT_VALUES(ct_pad(tape, x, 2, crop, CT_ZEROS), CT_SHAPE(1, 3), 2, 3, 0);
    cr_assert_eq(ct_tensor_count(ct_pad(tape, x, 2, all, CT_ZEROS)), 0);
    ASSERT_VALUES(ct_pad(tape, x, 4, (int64_t[]){ 0, -1, 1, 0 }, CT_ZEROS), CT_SHAPE(2, 2), 0, 0, 1, 2);
    ASSERT_VALUES(ct_pad_adjoint(tape, x, CT_SHAPE(1, 2), 2, (int64_t[]){ 1, 0 }, CT_REFLECT), CT_SHAPE(1, 2), 2, 4);
    ASSERT_VALUES(ct_pad_adjoint(tape, x, CT_SHAPE(1, 1), 2, (int64_t[]){ 1, 1 }, CT_CIRCULAR), CT_SHAPE(1, 1), 6);

    assert_refused(tape, ct_pad(tape, x, 2, three, CT_REFLECT), CT_BAD_SHAPE, "reflect allows 0 to 2");
    assert_refused(tape, ct_pad(tape, x, 2, five, CT_CIRCULAR), CT_BAD_SHAPE, "circular allows 0 to 3");
    assert_refused(tape, ct_pad(tape, x, 2, crop, CT_REPLICATE), CT_BAD_SHAPE, "(-1, 1)");
    assert_refused(tape, ct_pad(tape, x, 2, (int64_t[]){ -2, -2 }, CT_ZEROS), CT_BAD_SHAPE, "crops more");
    assert_refused(tape, ct_pad(tape, x, 2, (int64_t[]){ INT64_MIN, INT64_MAX }, CT_ZEROS), CT_BAD_SHAPE, "zeros allows");
    assert_refused(tape, ct_pad(tape, x, 3, two, CT_ZEROS), CT_BAD_ARGUMENT, "3 numbers");
    assert_refused(tape, ct_pad(tape, x, 6, two, CT_ZEROS), CT_BAD_ARGUMENT, "rank 2");
    assert_refused(tape, ct_pad_adjoint(tape, x, CT_SHAPE(1, 2), 2, two, CT_ZEROS), CT_BAD_SHAPE, "(1, 6)");
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* ---- gather ------------------------------------------------------------------------- */

Test(move, gather_and_its_adjoint)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2, 3), (double[]){ 1, 2, 3, 4, 5, 6 });
    ct_tensor *index = ct_tensor_from(CT_F32, CT_SHAPE(2, 4), (float[]){ 2, 0, 0, 1, 1, 1, 1, 2 });
    ct_tensor *index64 = ct_tensor_cast(index, CT_F64), *g = whole_numbers(CT_F64, CT_SHAPE(2, 4), 7), *dx = NULL, *dg = NULL;
    ct_requires_grad(x, true), ct_requires_grad(g, true);
    ct_tensor *y = ct_gather(tape, x, 1, index);
    ASSERT_VALUES(y, CT_SHAPE(2, 4), 3, 1, 1, 2, 5, 5, 5, 6);
    assert_same(ct_gather(tape, x, -1, index64), y, "gather");
    ASSERT_VALUES(ct_gather_adjoint(tape, y, 1, index, 4), CT_SHAPE(2, 4), 2, 2, 3, 0, 0, 15, 6, 0);

    cr_assert_eq(ct_grad(tape, 1, &y, &g, 1, &x, &dx, CT_CREATE_GRAPH), CT_OK, "%s", ct_tape_message(tape));
    cr_assert(dot(g, y) == dot(dx, x));
    cr_assert_eq(ct_grad(tape, 1, &dx, &x, 1, &g, &dg, 0), CT_OK, "%s", ct_tape_message(tape));
    assert_same(dg, y, "gather twice");

    ct_tensor *empty = ct_tensor_empty(CT_F64, CT_SHAPE(2, 0));
    ASSERT_VALUES(ct_gather_adjoint(tape, empty, 1, empty, 1), CT_SHAPE(2, 1), 0, 0);
    cr_assert_eq(ct_tensor_count(ct_gather(tape, x, 1, empty)), 0);

    assert_refused(tape, ct_gather(tape, x, 0, index), CT_BAD_SHAPE, "index (2, 4) for x (2, 3)");
    ct_tensor *column = ct_slice(tape, x, 1, 0, 2, 1);
    assert_refused(tape, ct_gather(tape, column, 1, index), CT_BAD_ARGUMENT, "index 2 at position 0");
    static const double bad[] = { -1, 0.5, 3, 1e300, NAN };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ct_tensor_fill(index64, bad[i]);
        assert_refused(tape, ct_gather(tape, x, 1, index64), CT_BAD_ARGUMENT, "whole numbers, 0 to 2");
    }
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(index), ct_tensor_release(index64), ct_tensor_release(g), ct_tensor_release(empty);
}

/* ---- the index map itself ----------------------------------------------------------- */

/* Nearest, up and down: entry i comes from ⌊i · source / extent⌋; the adjoint adds what went out. */
Test(move, nearest_index_map)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 3), (double[]){ 1, 2, 3 });
    struct ct_axis_map up[] = { { 1, 2, 0, 0, CT_MAP_NEAREST }, { 3, 5, 0, 0, CT_MAP_NEAREST } };
    struct ct_axis_map down[] = { ct_axis_same(1), { 3, 2, 0, 0, CT_MAP_NEAREST } };
    ct_tensor *y = ct_index_map(tape, x, up);
    ASSERT_VALUES(y, CT_SHAPE(2, 5), 1, 1, 2, 2, 3, 1, 1, 2, 2, 3);
    ASSERT_VALUES(ct_index_map_adjoint(tape, y, up), CT_SHAPE(1, 3), 4, 8, 6);
    ASSERT_VALUES(ct_index_map(tape, x, down), CT_SHAPE(1, 2), 1, 2);
    assert_refused(tape, ct_index_map_adjoint(tape, x, up), CT_BAD_SHAPE, "its maps take (2, 5)");
    ct_tape_free(tape);
    ct_tensor_release(x);
}
