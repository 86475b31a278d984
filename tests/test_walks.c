/* Permutations and reductions of random shapes against their definitions: whatever way through memory the kernels take. */
#include <criterion/criterion.h>
#include <math.h>

#include <cotangent/cotangent.h>

enum { TRIALS = 400 };

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

/* Of rank 1 to 5, some extents 1, one of them long. */
static ct_shape random_shape(uint64_t *state)
{
    ct_shape shape = { .rank = 1 + (int)draw(state, 5) };
    for (int axis = 0; axis < shape.rank; axis++)
        shape.extent[axis] = 1 + draw(state, 5);
    shape.extent[draw(state, (uint32_t)shape.rank)] = 1 + draw(state, 150);
    shape.extent[draw(state, (uint32_t)shape.rank)] = 1 + draw(state, 40);
    return shape;
}

/* Integers, so that sums are exact in every order; with a NaN here and there when asked. */
static ct_tensor *random_integers(uint64_t *state, ct_shape shape, bool nan)
{
    static double value[5 * 5 * 5 * 40 * 150];
    ct_tensor *x = ct_tensor_empty(draw(state, 2) ? CT_F32 : CT_F64, shape);
    for (int64_t i = 0; i < ct_tensor_count(x); i++)
        value[i] = nan && draw(state, 200) == 0 ? NAN : (double)draw(state, 201) - 100;
    cr_assert_eq(ct_tensor_copy_in(x, CT_F64, value, ct_tensor_count(x)), CT_OK);
    return x;
}

static void index_of(ct_shape shape, int64_t at, int64_t index[])
{
    for (int axis = shape.rank - 1; axis >= 0; at /= shape.extent[axis--])
        index[axis] = at % shape.extent[axis];
}

static int64_t place_of(ct_shape shape, const int64_t index[])
{
    int64_t at = 0;
    for (int axis = 0; axis < shape.rank; axis++)
        at = at * shape.extent[axis] + index[axis];
    return at;
}

Test(walks, permutations)
{
    uint64_t state = 1;
    for (int trial = 0; trial < TRIALS; trial++) {
        const ct_shape shape = random_shape(&state);
        ct_tape *tape = ct_tape_new();
        ct_tensor *x = random_integers(&state, shape, false);
        ct_axes order = { .count = shape.rank };
        for (int i = 0; i < shape.rank; i++)
            order.axis[i] = i;
        for (int i = shape.rank - 1; i > 0; i--) {
            const int j = (int)draw(&state, (uint32_t)i + 1), axis = order.axis[i];
            order.axis[i] = order.axis[j], order.axis[j] = axis;
        }
        ct_tensor *y = ct_permute(tape, x, order);
        cr_assert_not_null(y);
        for (int64_t at = 0; at < ct_tensor_count(y); at++) {
            int64_t to[CT_MAX_RANK], from[CT_MAX_RANK];
            index_of(ct_tensor_shape(y), at, to);
            for (int i = 0; i < shape.rank; i++)
                from[order.axis[i]] = to[i];
            cr_assert_eq(ct_tensor_at(y, at), ct_tensor_at(x, place_of(shape, from)), "trial %d, element %lld", trial, (long long)at);
        }
        ct_tensor_release(x), ct_tape_free(tape);
    }
}

static double largest(double a, double b) { return isnan(a) || a >= b ? a : b; }
static double least(double a, double b) { return isnan(a) || a <= b ? a : b; }
static double sum(double a, double b) { return a + b; }

static void expect_reduction(uint64_t *state, int trial, ct_shape shape, bool all)
{
    static const struct {
        ct_tensor *(*apply)(ct_tape *, ct_tensor *, ct_axes, bool);
        double (*join)(double, double), neutral;
    } reductions[] = { { ct_sum_axes, sum, 0 }, { ct_max_axes, largest, -INFINITY }, { ct_min_axes, least, INFINITY } };
    ct_shape kept = shape;
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = random_integers(state, shape, trial % 2 == 0);
    ct_axes axes = { 0 };
    for (int axis = 0; axis < shape.rank; axis++)
        if (all || draw(state, 2))
            axes.axis[axes.count++] = axis, kept.extent[axis] = 1;
    ct_tensor *y = reductions[trial % 3].apply(tape, x, axes, true), *expected = ct_tensor_zeros(CT_F64, kept);
    cr_assert(y != NULL && ct_shape_equal(ct_tensor_shape(y), kept));
    ct_tensor_fill(expected, reductions[trial % 3].neutral);
    double *value = ct_tensor_data_mutable(expected);
    for (int64_t at = 0; at < ct_tensor_count(x); at++) {
        int64_t index[CT_MAX_RANK];
        index_of(shape, at, index);
        for (int i = 0; i < axes.count; i++)
            index[axes.axis[i]] = 0;
        const int64_t place = place_of(kept, index);
        value[place] = reductions[trial % 3].join(value[place], ct_tensor_at(x, at));
    }
    for (int64_t at = 0; at < ct_tensor_count(y); at++) {
        const double got = ct_tensor_at(y, at), wanted = value[at];
        cr_assert(got == wanted || (isnan(got) && isnan(wanted)), "trial %d, element %lld: %g, not %g", trial, (long long)at, got, wanted);
    }
    ct_tensor_release(x), ct_tensor_release(expected), ct_tape_free(tape);
}

Test(walks, reductions)
{
    uint64_t state = 2;
    for (int trial = 0; trial < 3 * TRIALS; trial++)
        expect_reduction(&state, trial, random_shape(&state), false);
}

/* To one number, of enough values to be cut into parts. */
Test(walks, reductions_of_everything)
{
    uint64_t state = 3;
    for (int trial = 0; trial < 12; trial++)
        expect_reduction(&state, trial, CT_SHAPE(3, 211, 307 + trial), true);
}

/* Row p's largest value stands at p, and, where it is asked for, a NaN at the other end. */
Test(walks, extremes_at_every_place)
{
    static const int64_t lengths[] = { 1, 2, 63, 64, 65, 100, 128, 191 };
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (int kind = 0; kind < 4; kind++) {
            const int64_t n = lengths[l];
            const bool nan = kind % 2 != 0;
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(n, n), -3);
            for (int64_t p = 0; p < n; p++) {
                double *row = (double *)ct_tensor_data_mutable(x) + p * n;
                row[p] = -2;
                if (nan)
                    row[n - 1 - p] = NAN;
            }
            ct_tensor *same = ct_tensor_cast(x, kind < 2 ? CT_F32 : CT_F64);
            ct_tensor *most = ct_max_axes(tape, same, CT_AXES(1), false);
            ct_tensor *fewest = ct_min_axes(tape, ct_neg(tape, same), CT_AXES(1), false);
            for (int64_t p = 0; p < n; p++) {
                const double a = ct_tensor_at(most, p), b = ct_tensor_at(fewest, p);
                cr_assert(nan ? isnan(a) && isnan(b) : a == -2 && b == 2, "row %lld of %lld: %g and %g", (long long)p, (long long)n, a,
                          b);
            }
            ct_tensor_release(x), ct_tensor_release(same), ct_tape_free(tape);
        }
}
