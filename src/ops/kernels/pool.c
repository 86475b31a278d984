/* One thread owns a plane. */
#include "pool.h"
#include "real.h"

#include <string.h>

typedef struct pool_work {
    const ct_windows *w;
    const real *from;
    real *to, *index;
} pool_work;

static int64_t product(const int64_t extent[3])
{
    return extent[0] * extent[1] * extent[2];
}

/* The input positions first, first + dilation, … < end that window q touches along an axis. */
typedef struct span {
    int64_t first, end, step;
    int64_t size; /* what the mean counts: with the padding, or without */
} span;

static span span_of(const ct_windows *w, int axis, int64_t q)
{
    const int64_t step = w->dilation[axis], start = q * w->stride[axis] - w->padding[axis];
    const int64_t reach = start + (w->kernel[axis] - 1) * step + 1, limit = w->in[axis] + w->padding[axis];
    span s = { start, reach < w->in[axis] ? reach : w->in[axis], step, 0 };
    if (s.first < 0)
        s.first += (step - 1 - s.first) / step * step;
    s.size = w->exclude_pad ? s.end - s.first : (reach < limit ? reach : limit) - start;
    return s;
}

/* Compares one place of every window of a row with the best so far; `at` says where the best is, less the window's own shift. */
static inline void max_place(const real *restrict x, int64_t stride, real place, int64_t count, real *restrict y, real *restrict at)
{
    for (int64_t q = 0; q < count; q++) {
        const real v = x[q * stride], most = y[q];
        const bool larger = (v > most) | ((v != v) & (most == most)) | (at[q] <= -INFINITY); /* at first there is nothing */
        y[q] = larger ? v : most;
        at[q] = larger ? place : at[q];
    }
}

/* One row of outputs, place by place of the window, so that the inner loop has neither branches nor bounds. */
static void max_row(const ct_windows *w, const real *x, span a, span b, real *y, real *index)
{
    const int64_t stride = w->stride[2];
    for (int64_t q = 0; q < w->out[2]; q++)
        y[q] = index[q] = -INFINITY;
    for (int64_t i = a.first; i < a.end; i += a.step)
        for (int64_t j = b.first; j < b.end; j += b.step)
            for (int64_t k = 0; k < w->kernel[2]; k++) {
                const int64_t row = (i * w->in[1] + j) * w->in[2], shift = k * w->dilation[2] - w->padding[2];
                const int64_t first = shift < 0 ? (stride - 1 - shift) / stride : 0;
                const int64_t fit = shift < w->in[2] ? (w->in[2] - 1 - shift) / stride + 1 : 0;
                const int64_t count = (fit < w->out[2] ? fit : w->out[2]) - first;
                if (count <= 0)
                    continue;
                const real *from = x + row + shift + first * stride;
                if (stride == 2) /* the compiler vectorises those that it knows */
                    max_place(from, 2, (real)(row + shift), count, y + first, index + first);
                else if (stride == 1)
                    max_place(from, 1, (real)(row + shift), count, y + first, index + first);
                else
                    max_place(from, stride, (real)(row + shift), count, y + first, index + first);
            }
    for (int64_t q = 0; q < w->out[2]; q++)
        index[q] += (real)(q * stride);
}

static void max_planes(void *context, int64_t begin, int64_t end)
{
    const pool_work *work = context;
    const ct_windows *w = work->w;
    const int64_t in_plane = product(w->in), out_plane = product(w->out);
    for (int64_t p = begin; p < end; p++) {
        int64_t row = p * out_plane;
        for (int64_t q0 = 0; q0 < w->out[0]; q0++) {
            const span a = span_of(w, 0, q0);
            for (int64_t q1 = 0; q1 < w->out[1]; q1++, row += w->out[2])
                max_row(w, work->from + p * in_plane, a, span_of(w, 1, q1), work->to + row, work->index + row);
        }
    }
}

static void mean_planes(void *context, int64_t begin, int64_t end)
{
    const pool_work *work = context;
    const ct_windows *w = work->w;
    const int64_t in_plane = product(w->in), out_plane = product(w->out);
    for (int64_t p = begin; p < end; p++) {
        const real *x = work->from + p * in_plane;
        real *y = work->to + p * out_plane;
        for (int64_t q0 = 0; q0 < w->out[0]; q0++)
            for (int64_t q1 = 0; q1 < w->out[1]; q1++)
                for (int64_t q2 = 0; q2 < w->out[2]; q2++) {
                    const span a = span_of(w, 0, q0), b = span_of(w, 1, q1), c = span_of(w, 2, q2);
                    double sum = 0;
                    for (int64_t i = a.first; i < a.end; i++)
                        for (int64_t j = b.first; j < b.end; j++)
                            for (int64_t k = c.first; k < c.end; k++)
                                sum += (double)x[(i * w->in[1] + j) * w->in[2] + k];
                    *y++ = (real)(sum / (double)(a.size * b.size * c.size));
                }
    }
}

static void mean_planes_adjoint(void *context, int64_t begin, int64_t end)
{
    const pool_work *work = context;
    const ct_windows *w = work->w;
    const int64_t in_plane = product(w->in), out_plane = product(w->out);
    memset(work->to + begin * in_plane, 0, (size_t)((end - begin) * in_plane) * sizeof(real));
    for (int64_t p = begin; p < end; p++) {
        const real *y = work->from + p * out_plane;
        real *x = work->to + p * in_plane;
        for (int64_t q0 = 0; q0 < w->out[0]; q0++)
            for (int64_t q1 = 0; q1 < w->out[1]; q1++)
                for (int64_t q2 = 0; q2 < w->out[2]; q2++) {
                    const span a = span_of(w, 0, q0), b = span_of(w, 1, q1), c = span_of(w, 2, q2);
                    const real share = (real)((double)*y++ / (double)(a.size * b.size * c.size));
                    for (int64_t i = a.first; i < a.end; i++)
                        for (int64_t j = b.first; j < b.end; j++)
                            for (int64_t k = c.first; k < c.end; k++)
                                x[(i * w->in[1] + j) * w->in[2] + k] += share;
                }
    }
}

static void over_planes(int64_t planes, void (*body)(void *, int64_t, int64_t), pool_work work)
{
    ct_parallel_for(planes, ct_grain(product(work.w->in)), body, &work);
}

void X(ct_max_windows)(int64_t planes, const ct_windows *windows, const void *x, void *y, void *index)
{
    over_planes(planes, max_planes, (pool_work){ windows, x, y, index });
}

void X(ct_mean_windows)(int64_t planes, const ct_windows *windows, const void *x, void *y)
{
    over_planes(planes, mean_planes, (pool_work){ windows, x, y, NULL });
}

void X(ct_mean_windows_adjoint)(int64_t planes, const ct_windows *windows, const void *y, void *x)
{
    over_planes(planes, mean_planes_adjoint, (pool_work){ windows, y, x, NULL });
}
