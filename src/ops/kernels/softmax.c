/* The maximum is subtracted first, so no exponential overflows; sums in double. */
#include "softmax.h"
#include "real.h"

typedef struct softmax_work {
    int64_t n, inner;
    bool log_of;
    const real *x;
    real *y;
} softmax_work;

static void softmax_rows(void *context, int64_t begin, int64_t end)
{
    const softmax_work *w = context;
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = row / w->inner * w->n * w->inner + row % w->inner;
        const real *x = w->x + at;
        real *y = w->y + at;
        real top = -(real)INFINITY;
        for (int64_t i = 0; i < w->n; i++)
            top = x[i * w->inner] > top ? x[i * w->inner] : top;
        double sum = 0;
        for (int64_t i = 0; i < w->n; i++) {
            const real shifted = x[i * w->inner] - top;
            const real e = M(exp)(shifted);
            y[i * w->inner] = w->log_of ? shifted : e;
            sum += (double)e;
        }
        const double log_sum = log(sum);
        for (int64_t i = 0; i < w->n; i++) {
            const double value = (double)y[i * w->inner];
            y[i * w->inner] = (real)(w->log_of ? value - log_sum : value / sum);
        }
    }
}

void X(ct_softmax)(int64_t outer, int64_t n, int64_t inner, bool log_of, const void *x, void *y)
{
    softmax_work work = { n, inner, log_of, x, y };
    ct_parallel_for(outer * inner, 1 + 4096 / (1 + n), softmax_rows, &work);
}
