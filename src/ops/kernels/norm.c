/* Two passes, sums in double; one thread owns a channel, so its sums have one order. */
#include "norm.h"
#include "real.h"

typedef struct normalize_work {
    int64_t n, channels, s;
    double eps;
    const real *x, *g;
    real *y;
    double (*moments)[3];
    const double (*saved)[3];
} normalize_work;

static void normalize_channels(void *context, int64_t begin, int64_t end)
{
    const normalize_work *w = context;
    const double count = (double)(w->n * w->s);
    for (int64_t c = begin; c < end; c++) {
        double sum = 0, squares = 0;
        for (int64_t n = 0; n < w->n; n++) {
            const real *x = w->x + (n * w->channels + c) * w->s;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < w->s; i++)
                sum += (double)x[i];
        }
        const double mean = sum / count;
        for (int64_t n = 0; n < w->n; n++) {
            const real *x = w->x + (n * w->channels + c) * w->s;
#pragma omp simd reduction(+ : squares)
            for (int64_t i = 0; i < w->s; i++)
                squares += ((double)x[i] - mean) * ((double)x[i] - mean);
        }
        const double var = squares / count, r = 1 / sqrt(var + w->eps);
        for (int64_t n = 0; n < w->n; n++) {
            const real *x = w->x + (n * w->channels + c) * w->s;
            real *y = w->y + (n * w->channels + c) * w->s;
            for (int64_t i = 0; i < w->s; i++)
                y[i] = (real)(((double)x[i] - mean) * r);
        }
        w->moments[c][0] = mean;
        w->moments[c][1] = var;
        w->moments[c][2] = r;
    }
}

/* Channels a chunk holds: some 16,384 values. */
static int64_t channel_grain(int64_t n, int64_t s)
{
    return 1 + 16384 / (1 + n * s);
}

void X(ct_normalize)(int64_t n, int64_t channels, int64_t s, double eps, const void *x, void *y, double (*moments)[3])
{
    normalize_work work = { .n = n, .channels = channels, .s = s, .eps = eps, .x = x, .y = y, .moments = moments };
    ct_parallel_for(channels, channel_grain(n, s), normalize_channels, &work);
}

static void normalize_channels_vjp(void *context, int64_t begin, int64_t end)
{
    const normalize_work *w = context;
    const double count = (double)(w->n * w->s);
    for (int64_t c = begin; c < end; c++) {
        double sum = 0, dot = 0;
        for (int64_t n = 0; n < w->n; n++) {
            const real *y = w->x + (n * w->channels + c) * w->s, *g = w->g + (n * w->channels + c) * w->s;
#pragma omp simd reduction(+ : sum, dot)
            for (int64_t i = 0; i < w->s; i++) {
                sum += (double)g[i];
                dot += (double)g[i] * (double)y[i];
            }
        }
        const double mean = sum / count, slope = dot / count, r = w->saved[c][2];
        for (int64_t n = 0; n < w->n; n++) {
            const int64_t at = (n * w->channels + c) * w->s;
            const real *y = w->x + at, *g = w->g + at;
            real *dx = w->y + at;
            for (int64_t i = 0; i < w->s; i++)
                dx[i] = (real)(r * ((double)g[i] - mean - (double)y[i] * slope));
        }
    }
}

void X(ct_normalize_vjp)(int64_t n, int64_t channels, int64_t s, const double (*moments)[3], const void *y, const void *g,
                         void *dx)
{
    normalize_work work = { .n = n, .channels = channels, .s = s, .x = y, .g = g, .y = dx, .saved = moments };
    ct_parallel_for(channels, channel_grain(n, s), normalize_channels_vjp, &work);
}
