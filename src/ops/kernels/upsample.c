#include "upsample.h"
#include "real.h"

#include <string.h>

typedef struct resample_work {
    int64_t in, out, inner;
    bool nearest;
    const ct_tap *taps;
    const real *from;
    real *to;
} resample_work;

/* Whole multiples of single values, by the nearest; `times` of 2 is compiled by itself. */
static inline __attribute__((always_inline)) void repeat(const real *restrict x, real *restrict y, int64_t n, int64_t times)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < times; k++)
            y[i * times + k] = x[i];
}

static inline __attribute__((always_inline)) void add_repeated(const real *restrict y, real *restrict x, int64_t n, int64_t times)
{
    for (int64_t i = 0; i < n; i++) {
        real sum = 0;
        for (int64_t k = 0; k < times; k++)
            sum += y[i * times + k];
        x[i] = sum;
    }
}

static void repeated_rows(void *context, int64_t begin, int64_t end)
{
    const resample_work *w = context;
    const int64_t times = w->out / w->in, n = (end - begin) * w->in;
    const real *x = w->from + begin * w->in;
    real *y = w->to + begin * w->out;
    if (times == 2)
        repeat(x, y, n, 2);
    else
        repeat(x, y, n, times);
}

static void add_repeated_rows(void *context, int64_t begin, int64_t end)
{
    const resample_work *w = context;
    const int64_t times = w->out / w->in, n = (end - begin) * w->in;
    const real *y = w->from + begin * w->out;
    real *x = w->to + begin * w->in;
    if (times == 2)
        add_repeated(y, x, n, 2);
    else
        add_repeated(y, x, n, times);
}

static bool repeats(const resample_work *w)
{
    return w->nearest && w->inner == 1 && w->out % w->in == 0;
}

static void resample_rows(void *context, int64_t begin, int64_t end)
{
    const resample_work *w = context;
    for (int64_t row = begin; row < end; row++)
        for (int64_t j = 0; j < w->out; j++) {
            const real *low = w->from + (row * w->in + w->taps[j].low) * w->inner;
            const real *high = w->from + (row * w->in + w->taps[j].high) * w->inner;
            const real b = (real)w->taps[j].weight, a = 1 - b;
            real *to = w->to + (row * w->out + j) * w->inner;
            if (w->inner == 1)
                *to = low == high ? *low : a * *low + b * *high;
            else if (low == high)
                memcpy(to, low, (size_t)w->inner * sizeof(real));
            else
                for (int64_t i = 0; i < w->inner; i++)
                    to[i] = a * low[i] + b * high[i];
        }
}

static void resample_adjoint_rows(void *context, int64_t begin, int64_t end)
{
    const resample_work *w = context;
    memset(w->to + begin * w->in * w->inner, 0, (size_t)((end - begin) * w->in * w->inner) * sizeof(real));
    for (int64_t row = begin; row < end; row++)
        for (int64_t j = 0; j < w->out; j++) {
            real *low = w->to + (row * w->in + w->taps[j].low) * w->inner;
            real *high = w->to + (row * w->in + w->taps[j].high) * w->inner;
            const real b = (real)w->taps[j].weight, a = 1 - b;
            const real *from = w->from + (row * w->out + j) * w->inner;
            if (w->inner == 1) {
                *low += a * *from;
                *high += low == high ? 0 : b * *from;
                continue;
            }
            for (int64_t i = 0; i < w->inner; i++)
                low[i] += a * from[i];
            if (low != high)
                for (int64_t i = 0; i < w->inner; i++)
                    high[i] += b * from[i];
        }
}

void X(ct_resample)(int64_t outer, int64_t in, int64_t out, int64_t inner, bool nearest, const ct_tap *taps, const void *x, void *y)
{
    resample_work work = { in, out, inner, nearest, taps, x, y };
    ct_parallel_for(outer, ct_grain(out * inner), repeats(&work) ? repeated_rows : resample_rows, &work);
}

void X(ct_resample_adjoint)(int64_t outer, int64_t in, int64_t out, int64_t inner, bool nearest, const ct_tap *taps, const void *y,
                            void *x)
{
    resample_work work = { in, out, inner, nearest, taps, y, x };
    ct_parallel_for(outer, ct_grain(out * inner), repeats(&work) ? add_repeated_rows : resample_adjoint_rows, &work);
}
