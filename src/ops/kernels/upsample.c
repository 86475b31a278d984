#include "upsample.h"
#include "real.h"

#include <string.h>

typedef struct resample_work {
    int64_t in, out, inner;
    const ct_tap *taps;
    const real *from;
    real *to;
} resample_work;

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

void X(ct_resample)(int64_t outer, int64_t in, int64_t out, int64_t inner, const ct_tap *taps, const void *x, void *y)
{
    resample_work work = { in, out, inner, taps, x, y };
    ct_parallel_for(outer, ct_grain(out * inner), resample_rows, &work);
}

void X(ct_resample_adjoint)(int64_t outer, int64_t in, int64_t out, int64_t inner, const ct_tap *taps, const void *y, void *x)
{
    resample_work work = { in, out, inner, taps, y, x };
    ct_parallel_for(outer, ct_grain(out * inner), resample_adjoint_rows, &work);
}
