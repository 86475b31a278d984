/* Reductions over any set of axes. Memory is read in its order: along rows where the last axis is reduced, else by stretches of
 * neighbouring outputs. */
#include "reduce.h"

#include <string.h>

#include "../../tensor/whole.h"
#include "real.h"
#include "sums.h"

enum { STRETCH = 512 };

static double sum_row(const real *x, int64_t n)
{
    double lane[LANES] = { 0 };
    add_row(lane, x, n);
    return joined(lane, LANES);
}

/* Of `count` neighbours; eight at a time, so that the sums are seldom touched. */
static void sum_stretch(const real *restrict x, int64_t n, int64_t stride, int64_t count, double *restrict sum)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const real *p = x + i * stride;
#define AT(k) (double)p[(k) * stride + j]
        for (int64_t j = 0; j < count; j++)
            sum[j] += ((AT(0) + AT(1)) + (AT(2) + AT(3))) + ((AT(4) + AT(5)) + (AT(6) + AT(7)));
#undef AT
    }
    for (; i < n; i++)
        for (int64_t j = 0; j < count; j++)
            sum[j] += (double)x[i * stride + j];
}

/* NaN wins over everything. */
static real larger(real a, real b) { return a >= b || a != a ? a : b; }
static real smaller(real a, real b) { return a <= b || a != a ? a : b; }

/* A row's values are compared as if none were NaN, four lines of memory at a time, the last ones perhaps twice; a row that has one is
 * gone through again. */
#define EXTREME(name, better, beats)                                                                                        \
    static real name##_one_by_one(const real *x, int64_t n)                                                                 \
    {                                                                                                                       \
        real best = x[0];                                                                                                   \
        for (int64_t i = 1; i < n; i++)                                                                                     \
            best = better(best, x[i]);                                                                                      \
        return best;                                                                                                        \
    }                                                                                                                       \
    static inline real name##_of_two(real a, real b) { return a beats b ? a : b; }                                          \
    static real name##_row(const real *x, int64_t n)                                                                        \
    {                                                                                                                       \
        real best[LANES], nan[LANES] = { 0 };                                                                               \
        if (n < 4 * LANES)                                                                                                  \
            return name##_one_by_one(x, n);                                                                                 \
        memcpy(best, x, sizeof best);                                                                                       \
        for (int64_t i = 0; i < n; i += 4 * LANES) {                                                                        \
            const real *some = x + least(i, n - 4 * LANES);                                                                 \
            for (int l = 0; l < LANES; l++) {                                                                               \
                const real a = some[l], b = some[LANES + l], c = some[2 * LANES + l], d = some[3 * LANES + l];              \
                nan[l] = ((a != a) | (b != b) | (c != c) | (d != d)) ? 1 : nan[l];                                          \
                best[l] = name##_of_two(best[l], name##_of_two(name##_of_two(a, b), name##_of_two(c, d)));                  \
            }                                                                                                               \
        }                                                                                                                   \
        for (int width = LANES / 2; width > 0; width /= 2)                                                                  \
            for (int l = 0; l < width; l++) {                                                                               \
                best[l] = name##_of_two(best[l], best[l + width]);                                                          \
                nan[l] += nan[l + width];                                                                                   \
            }                                                                                                               \
        return nan[0] > 0 ? name##_one_by_one(x, n) : best[0];                                                              \
    }                                                                                                                       \
    static void name##_stretch(const real *restrict x, int64_t n, int64_t stride, int64_t count, double *restrict extreme)  \
    {                                                                                                                       \
        real best[STRETCH];                                                                                                 \
        for (int64_t j = 0; j < count; j++)                                                                                 \
            best[j] = (real)extreme[j];                                                                                     \
        for (int64_t i = 0; i < n; i++)                                                                                     \
            for (int64_t j = 0; j < count; j++)                                                                             \
                best[j] = better(best[j], x[i * stride + j]);                                                               \
        for (int64_t j = 0; j < count; j++)                                                                                 \
            extreme[j] = (double)best[j];                                                                                   \
    }
EXTREME(max, larger, >)
EXTREME(min, smaller, <)

/* One row of the last reduced axis, taken into the results of `count` outputs: neighbours when the row is not. */
static void take_in(enum ct_reducer f, const real *x, int64_t n, int64_t stride, int64_t count, double *result)
{
    static void (*const stretch[])(const real *restrict, int64_t, int64_t, int64_t, double *restrict) = {
        [CT_REDUCE_SUM] = sum_stretch, [CT_REDUCE_MAX] = max_stretch, [CT_REDUCE_MIN] = min_stretch
    };
    if (n == 0)
        return;
    if (count > 1 || stride != 1)
        stretch[f](x, n, stride, count, result);
    else if (f == CT_REDUCE_SUM)
        *result += sum_row(x, n);
    else if (f == CT_REDUCE_MAX)
        *result = (double)larger((real)*result, max_row(x, n));
    else
        *result = (double)smaller((real)*result, min_row(x, n));
}

void X(ct_reduce)(enum ct_reducer f, const struct ct_reduction_plan *plan, const void *vx, void *vy, int64_t begin, int64_t end)
{
    const real *x = vx;
    real *y = vy;
    const int row = plan->reduced - 1, last = plan->kept - 1;
    const int64_t n = row >= 0 ? plan->reduced_extent[row] : 1, stride = row >= 0 ? plan->reduced_stride[row] : 1;
    const int64_t neighbours = last >= 0 && plan->kept_stride[last] == 1 ? plan->kept_extent[last] : 1;
    int64_t rows = 1, count;
    for (int axis = 0; axis < row; axis++)
        rows *= plan->reduced_extent[axis];

    for (int64_t out = begin; out < end; out += count) {
        int64_t offset = 0, rest = out;
        double result[STRETCH];
        count = least(least(STRETCH, neighbours - out % neighbours), end - out);
        for (int axis = last; axis >= 0; axis--) {
            offset += rest % plan->kept_extent[axis] * plan->kept_stride[axis];
            rest /= plan->kept_extent[axis];
        }
        for (int64_t j = 0; j < count; j++)
            result[j] = f == CT_REDUCE_SUM ? 0 : f == CT_REDUCE_MAX ? -INFINITY : INFINITY;
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = offset;
            rest = r;
            for (int axis = row - 1; axis >= 0; axis--) {
                at += rest % plan->reduced_extent[axis] * plan->reduced_stride[axis];
                rest /= plan->reduced_extent[axis];
            }
            take_in(f, x + at, n, stride, count, result);
        }
        for (int64_t j = 0; j < count; j++)
            y[out + j] = (real)result[j];
    }
}

double X(ct_reduce_row)(enum ct_reducer f, const void *x, int64_t begin, int64_t end)
{
    double result = f == CT_REDUCE_SUM ? 0 : f == CT_REDUCE_MAX ? -INFINITY : INFINITY;
    take_in(f, (const real *)x + begin, end - begin, 1, 1, &result);
    return result;
}
