/* One thread owns a channel. */
#include "batch_norm.h"
#include "real.h"
#include "statistics.h"
#include "sums.h"

/* A channel's numbers. */
typedef struct channel {
    statistics statistics;
    real weight, bias, slope;
} channel;

static channel channel_of(const ct_batch_norm_work *w, int64_t c)
{
    return (channel){
        .statistics = statistics_of(w->moments[c]),
        .weight = ((const real *)w->weight)[c],
        .bias = ((const real *)w->bias)[c],
        .slope = (real)w->slope,
    };
}

static void forward_channels(void *context, int64_t begin, int64_t end)
{
    const ct_batch_norm_work *w = context;
    const real *restrict x = w->x;
    real *restrict y = w->y;
    const double count = (double)(w->n * w->s);
    for (int64_t c = begin; c < end; c++) {
        double sums[LANES] = { 0 }, squares[LANES] = { 0 };
        for (int64_t n = 0; n < w->n; n++) {
            const int64_t at = (n * w->channels + c) * w->s;
            EACH(at, w->s, sums[l] += (double)x[i];);
        }
        const double mean = joined(sums, LANES) / count;
        const real high = (real)mean, low = (real)(mean - (double)high);
        for (int64_t n = 0; n < w->n; n++) {
            const int64_t at = (n * w->channels + c) * w->s;
            EACH(at, w->s, const real d = (x[i] - high) - low; squares[l] += (double)(d * d););
        }
        w->moments[c][0] = mean;
        w->moments[c][1] = joined(squares, LANES) / count;
        w->moments[c][2] = 1 / sqrt(w->moments[c][1] + w->eps);

        const channel k = channel_of(w, c);
        for (int64_t n = 0; n < w->n; n++) {
            const int64_t at = (n * w->channels + c) * w->s;
            if (w->slope == 0)
                for (int64_t i = at; i < at + w->s; i++) {
                    const real z = normal_of(&k.statistics, x[i]) * k.weight + k.bias;
                    y[i] = z <= 0 ? 0 : z; /* no negative zero, and 0 at −∞ */
                }
            else
                for (int64_t i = at; i < at + w->s; i++) {
                    const real z = normal_of(&k.statistics, x[i]) * k.weight + k.bias;
                    y[i] = z > 0 ? z : z * k.slope;
                }
        }
    }
}

/* The cotangent of z. */
static inline real before(const channel *k, real normal, real g)
{
    const real z = normal * k->weight + k->bias;
    return z > 0 ? g : k->slope == 0 ? 0 : g * k->slope;
}

static void backward_channels(void *context, int64_t begin, int64_t end)
{
    const ct_batch_norm_work *w = context;
    const real *x = w->x, *g = w->g;
    real *dx = w->dx;
    const double count = (double)(w->n * w->s);
    for (int64_t c = begin; c < end; c++) {
        const channel k = channel_of(w, c);
        double sums[LANES] = { 0 }, dots[LANES] = { 0 };
        for (int64_t n = 0; n < w->n; n++) {
            const int64_t at = (n * w->channels + c) * w->s;
            EACH(at, w->s, const real normal = normal_of(&k.statistics, x[i]), dz = before(&k, normal, g[i]);
                 sums[l] += (double)dz;
                 dots[l] += (double)(dz * normal););
        }
        const double sum = joined(sums, LANES), dot = joined(dots, LANES);
        if (w->dweight)
            ((real *)w->dweight)[c] = (real)dot;
        if (w->dbias)
            ((real *)w->dbias)[c] = (real)sum;
        if (!dx)
            continue;
        const real mean = (real)(sum / count), slope = (real)(dot / count), scale = k.statistics.r * k.weight;
        for (int64_t n = 0; n < w->n; n++) {
            const int64_t at = (n * w->channels + c) * w->s;
#pragma omp simd
            for (int64_t i = at; i < at + w->s; i++) {
                const real normal = normal_of(&k.statistics, x[i]);
                dx[i] = scale * (before(&k, normal, g[i]) - mean - normal * slope);
            }
        }
    }
}

void X(ct_batch_norm_forward)(const ct_batch_norm_work *work)
{
    ct_batch_norm_work w = *work;
    ct_parallel_for(w.channels, ct_grain(w.n * w.s), forward_channels, &w);
}

void X(ct_batch_norm_backward)(const ct_batch_norm_work *work)
{
    ct_batch_norm_work w = *work;
    ct_parallel_for(w.channels, ct_grain(w.n * w.s), backward_channels, &w);
}

void X(ct_running_update)(int64_t channels, double momentum, double unbias, const double (*moments)[3], void *running_mean,
                          void *running_var)
{
    real *mean = running_mean, *var = running_var;
    for (int64_t c = 0; c < channels; c++) {
        if (mean)
            mean[c] = (real)((1 - momentum) * (double)mean[c] + momentum * moments[c][0]);
        if (var)
            var[c] = (real)((1 - momentum) * (double)var[c] + momentum * unbias * moments[c][1]);
    }
}
