/* The maximum is subtracted first, so no exponential overflows; sums in double. Where the axis is contiguous, row by row; else a
 * block of neighbouring columns at a time, so that memory is walked in its order. */
#include "softmax.h"
#include "elementary.h"
#include "sums.h"

typedef struct softmax_work {
    int64_t n, inner;
    bool log_of;
    const real *x, *g; /* backward: y and its cotangent */
    real *y;
} softmax_work;

static double logarithm(double x)
{
    double t[CT_LANES] = { x };
    JOIN(ct_block_log, f64, CT_VARIANT)(t, t, CT_LANES);
    return t[0];
}

/* For each block of a row, `some` elements from `at`. */
#define EACH_BLOCK(at, some) \
    for (int64_t at = 0, some; some = n - at < CT_BLOCK ? n - at : CT_BLOCK, at < n; at += CT_BLOCK)

static void softmax_row(int64_t n, bool log_of, const real *restrict x, real *restrict y)
{
    _Alignas(64) real t[CT_BLOCK];
    double lane[LANES] = { 0 };
    real top = -(real)INFINITY;
    for (int l = 0; l < CT_LANES; l++)
        t[l] = top;
    int64_t i = 0;
    for (; i + CT_LANES <= n; i += CT_LANES)
        for (int l = 0; l < CT_LANES; l++)
            t[l] = x[i + l] > t[l] ? x[i + l] : t[l];
    for (int l = 0; i < n; i++, l++)
        t[l] = x[i] > t[l] ? x[i] : t[l];
    for (int l = 0; l < CT_LANES; l++)
        top = t[l] > top ? t[l] : top;

    EACH_BLOCK(at, some) {
        for (int64_t k = 0; k < some; k++)
            t[k] = x[at + k] - top;
        X(ct_block_exp)(t, t, X(ct_block_whole)(t, some));
        add_row(lane, t, some);
        for (int64_t k = 0; k < some && !log_of; k++)
            y[at + k] = t[k];
    }
    const double sum = joined(lane, LANES);
    const real minus = (real)logarithm(sum), times = (real)(1 / sum);
    if (log_of)
        for (int64_t k = 0; k < n; k++)
            y[k] = (x[k] - top) - minus;
    else
        for (int64_t k = 0; k < n; k++)
            y[k] *= times;
}

static void softmax_columns(const softmax_work *w, int64_t some, const real *restrict x, real *restrict y)
{
    _Alignas(64) real t[CT_BLOCK] = { 0 } /* GCC with UBSan does not see that some > 0 */, top[CT_BLOCK];
    _Alignas(64) double sum[CT_BLOCK] = { 0 };
    for (int64_t k = 0; k < some; k++)
        top[k] = -(real)INFINITY;
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t k = 0; k < some; k++)
            top[k] = x[i * w->inner + k] > top[k] ? x[i * w->inner + k] : top[k];
    for (int64_t i = 0; i < w->n; i++) {
        for (int64_t k = 0; k < some; k++)
            t[k] = x[i * w->inner + k] - top[k];
        X(ct_block_exp)(t, t, X(ct_block_whole)(t, some));
        for (int64_t k = 0; k < some; k++)
            sum[k] += (double)t[k];
        for (int64_t k = 0; k < some && !w->log_of; k++)
            y[i * w->inner + k] = t[k];
    }
    if (w->log_of)
        JOIN(ct_block_log, f64, CT_VARIANT)(sum, sum, (some + CT_LANES - 1) / CT_LANES * CT_LANES);
    else
        for (int64_t k = 0; k < some; k++)
            sum[k] = 1 / sum[k];
    for (int64_t i = 0; i < w->n; i++)
        if (w->log_of)
            for (int64_t k = 0; k < some; k++)
                y[i * w->inner + k] = (real)((double)(x[i * w->inner + k] - top[k]) - sum[k]);
        else
            for (int64_t k = 0; k < some; k++)
                y[i * w->inner + k] = (real)((double)y[i * w->inner + k] * sum[k]);
}

/* dx may be g: the sum is known before anything is written. */
static void vjp_row(int64_t n, bool log_of, const real *y, const real *g, real *dx)
{
    _Alignas(64) real t[CT_BLOCK];
    double lane[LANES] = { 0 };
    EACH_BLOCK(at, some) {
        for (int64_t k = 0; k < some; k++)
            t[k] = log_of ? g[at + k] : g[at + k] * y[at + k];
        add_row(lane, t, some);
    }
    const real sum = (real)joined(lane, LANES);
    EACH_BLOCK(at, some) {
        for (int64_t k = 0; k < some; k++)
            t[k] = y[at + k];
        if (log_of)
            X(ct_block_exp)(t, t, X(ct_block_whole)(t, some));
#pragma omp simd
        for (int64_t k = 0; k < some; k++)
            dx[at + k] = log_of ? g[at + k] - t[k] * sum : t[k] * (g[at + k] - sum);
    }
}

static void vjp_columns(const softmax_work *w, int64_t some, const real *y, const real *g, real *dx)
{
    _Alignas(64) real t[CT_BLOCK], rounded[CT_BLOCK];
    _Alignas(64) double sum[CT_BLOCK] = { 0 };
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t k = 0; k < some; k++)
            sum[k] += (double)(w->log_of ? g[i * w->inner + k] : g[i * w->inner + k] * y[i * w->inner + k]);
    for (int64_t k = 0; k < some; k++)
        rounded[k] = (real)sum[k];
    for (int64_t i = 0; i < w->n; i++) {
        for (int64_t k = 0; k < some; k++)
            t[k] = y[i * w->inner + k];
        if (w->log_of)
            X(ct_block_exp)(t, t, X(ct_block_whole)(t, some));
#pragma omp simd
        for (int64_t k = 0; k < some; k++) {
            const real in = g[i * w->inner + k];
            dx[i * w->inner + k] = w->log_of ? in - t[k] * rounded[k] : t[k] * (in - rounded[k]);
        }
    }
}

static void softmax_range(void *context, int64_t begin, int64_t end)
{
    const softmax_work *w = context;
    for (int64_t some; begin < end; begin += some) {
        const int64_t column = begin % w->inner, at = begin / w->inner * w->n * w->inner + column;
        some = w->inner - column < end - begin ? w->inner - column : end - begin;
        some = some < CT_BLOCK ? some : CT_BLOCK;
        if (w->inner == 1 && w->g != NULL)
            vjp_row(w->n, w->log_of, w->x + at, w->g + at, w->y + at), some = 1;
        else if (w->inner == 1)
            softmax_row(w->n, w->log_of, w->x + at, w->y + at), some = 1;
        else if (w->g != NULL)
            vjp_columns(w, some, w->x + at, w->g + at, w->y + at);
        else
            softmax_columns(w, some, w->x + at, w->y + at);
    }
}

static void run(softmax_work *work, int64_t outer)
{
    const int64_t grain = ct_grain(work->n), least = work->inner > 1 ? 64 : 1;
    ct_parallel_for(outer * work->inner, grain > least ? grain : least, softmax_range, work);
}

void X(ct_softmax)(int64_t outer, int64_t n, int64_t inner, bool log_of, const void *x, void *y)
{
    run(&(softmax_work){ n, inner, log_of, x, NULL, y }, outer);
}

void X(ct_softmax_vjp)(int64_t outer, int64_t n, int64_t inner, bool log_of, const void *y, const void *g, void *dx)
{
    run(&(softmax_work){ n, inner, log_of, y, g, dx }, outer);
}
