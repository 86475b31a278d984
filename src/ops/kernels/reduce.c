/* Reductions over any set of axes. */
#include "reduce.h"
#include "real.h"

/* Eight interleaved partial sums, joined in a fixed tree: fast, and the order depends on n alone. */
static double sum_row(const real *x, int64_t n, int64_t stride)
{
    double partial[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; lane++)
            partial[lane] += (double)x[(i + lane) * stride];
    for (int lane = 0; i < n; i++, lane++)
        partial[lane] += (double)x[i * stride];
    return ((partial[0] + partial[1]) + (partial[2] + partial[3])) + ((partial[4] + partial[5]) + (partial[6] + partial[7]));
}

/* NaN wins over everything. */
static double extreme_row(const real *x, int64_t n, int64_t stride, double best, bool maximum)
{
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)x[i * stride];
        if (v != v || (best == best && (maximum ? v > best : v < best)))
            best = v;
    }
    return best;
}

void X(ct_reduce)(enum ct_reducer f, const struct ct_reduction_plan *plan, const void *vx, void *vy, int64_t begin, int64_t end)
{
    const real *x = vx;
    real *y = vy;
    const int row = plan->reduced - 1;
    int64_t rows = 1;
    for (int axis = 0; axis < row; axis++)
        rows *= plan->reduced_extent[axis];

    for (int64_t out = begin; out < end; out++) {
        int64_t offset = 0, rest = out;
        for (int axis = plan->kept - 1; axis >= 0; axis--) {
            offset += rest % plan->kept_extent[axis] * plan->kept_stride[axis];
            rest /= plan->kept_extent[axis];
        }
        double result = f == CT_REDUCE_SUM ? 0 : f == CT_REDUCE_MAX ? -INFINITY : INFINITY;
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = offset;
            rest = r;
            for (int axis = row - 1; axis >= 0; axis--) {
                at += rest % plan->reduced_extent[axis] * plan->reduced_stride[axis];
                rest /= plan->reduced_extent[axis];
            }
            const int64_t n = row >= 0 ? plan->reduced_extent[row] : 1, stride = row >= 0 ? plan->reduced_stride[row] : 1;
            result = f == CT_REDUCE_SUM ? result + sum_row(x + at, n, stride)
                                        : extreme_row(x + at, n, stride, result, f == CT_REDUCE_MAX);
        }
        y[out] = (real)result;
    }
}
