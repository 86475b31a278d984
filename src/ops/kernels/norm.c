/* One thread owns a set; of the sums over N it owns a block's part for a group. */
#include "norm.h"
#include "real.h"
#include "statistics.h"
#include "sums.h"

#include <string.h>

/* Where each channel is one value, the channels are a run of their own. */
static void write_normal(const ct_norm_work *w, int64_t at, const statistics *m, const real *restrict weight, const real *restrict bias)
{
    const real *restrict x = (const real *)w->x + at;
    real *restrict y = (real *)w->y + at;

    if (w->s == 1)
        for (int64_t c = 0; c < w->channels; c++)
            y[c] = normal_of(m, x[c]) * weight[c] + bias[c];
    else
        for (int64_t c = 0; c < w->channels; c++)
            for (int64_t i = c * w->s; i < (c + 1) * w->s; i++)
                y[i] = normal_of(m, x[i]) * weight[c] + bias[c];
}

static void forward_sets(void *context, int64_t begin, int64_t end)
{
    const ct_norm_work *w = context;
    const real *x = w->x;
    const int64_t count = w->channels * w->s;

    for (int64_t set = begin; set < end; set++) {
        double sums[LANES] = { 0 }, squares[LANES] = { 0 }, *saved = w->moments[set];
        EACH(set * count, count, sums[l] += (double)x[i];);
        saved[0] = joined(sums, LANES) / (double)count, saved[2] = 0;
        statistics m = statistics_of(saved);
        EACH(set * count, count, const real d = (x[i] - m.mean) - m.rest; squares[l] += (double)(d * d););
        saved[1] = joined(squares, LANES) / (double)count;
        saved[2] = 1 / sqrt(saved[1] + w->eps);
        m = statistics_of(saved);
        const int64_t channel = set % w->groups * w->channels;
        write_normal(w, set * count, &m, (const real *)w->weight + channel, (const real *)w->bias + channel);
    }
}

void X(ct_norm_forward)(const ct_norm_work *work)
{
    ct_norm_work w = *work;
    ct_parallel_for(w.n * w.groups, ct_grain(w.channels * w.s), forward_sets, &w);
}

/* With h = g weight: mean(h), mean(h x̂), and Σ g x̂ and Σ g added to each channel's, unless these are of one value. */
struct means {
    real h, slope;
};

static struct means means_of(const ct_norm_work *w, int64_t at, const statistics *m, const real *restrict weight, double *restrict dweight,
                             double *restrict dbias)
{
    const real *restrict x = (const real *)w->x + at, *restrict g = (const real *)w->g + at;
    const double count = (double)(w->channels * w->s);
    double sums[LANES] = { 0 }, dots[LANES] = { 0 };

    if (w->s == 1) {
        EACH(0, w->channels, const real h = g[i] * weight[i]; sums[l] += (double)h; dots[l] += (double)(h * normal_of(m, x[i])););
        return (struct means){ (real)(joined(sums, LANES) / count), (real)(joined(dots, LANES) / count) };
    }
    double sum = 0, dot = 0;
    for (int64_t c = 0; c < w->channels; c++) {
        double channel_sums[LANES] = { 0 }, channel_dots[LANES] = { 0 };
        EACH(c * w->s, w->s, channel_sums[l] += (double)g[i]; channel_dots[l] += (double)(g[i] * normal_of(m, x[i])););
        const double channel_sum = joined(channel_sums, LANES), channel_dot = joined(channel_dots, LANES);
        sum += channel_sum * (double)weight[c], dot += channel_dot * (double)weight[c];
        if (dweight)
            dweight[c] += channel_dot, dbias[c] += channel_sum;
    }
    return (struct means){ (real)(sum / count), (real)(dot / count) };
}

/* dx = r (h − mean(h) − x̂ mean(h x̂)) */
static void write_gradient(const ct_norm_work *w, int64_t at, const statistics *m, const real *restrict weight, struct means mean)
{
    const real *x = (const real *)w->x + at, *g = (const real *)w->g + at;
    real *dx = (real *)w->dx + at;

    if (w->s == 1) {
#pragma omp simd
        for (int64_t c = 0; c < w->channels; c++)
            dx[c] = m->r * (g[c] * weight[c] - mean.h - normal_of(m, x[c]) * mean.slope);
        return;
    }
    for (int64_t c = 0; c < w->channels; c++) {
        const real scale = weight[c];
#pragma omp simd
        for (int64_t i = c * w->s; i < (c + 1) * w->s; i++)
            dx[i] = m->r * (g[i] * scale - mean.h - normal_of(m, x[i]) * mean.slope);
    }
}

/* g x̂ and g of up to ROWS sets of the group, added to the channels', which are of one value each. */
enum { ROWS = 4 };

static inline void add_rows(const ct_norm_work *w, int64_t n, int rows, int64_t group, double *restrict dweight, double *restrict dbias)
{
    const int64_t apart = w->groups * w->channels;
    const real *restrict x = (const real *)w->x + (n * w->groups + group) * w->channels;
    const real *restrict g = (const real *)w->g + (n * w->groups + group) * w->channels;
    statistics m[ROWS];

    for (int row = 0; row < rows; row++)
        m[row] = statistics_of(w->moments[(n + row) * w->groups + group]);
    for (int64_t c = 0; c < w->channels; c++) {
        real dot = 0, sum = 0;
        for (int row = 0; row < rows; row++) {
            dot += g[row * apart + c] * normal_of(&m[row], x[row * apart + c]);
            sum += g[row * apart + c];
        }
        dweight[c] += (double)dot, dbias[c] += (double)sum;
    }
}

static void backward_pieces(void *context, int64_t begin, int64_t end)
{
    const ct_norm_work *w = context;
    const int64_t count = w->channels * w->s;

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t block = piece / w->groups, group = piece % w->groups, channel = group * w->channels;
        const int64_t all = (block * w->groups + group) * w->channels;
        const real *weight = (const real *)w->weight + channel;
        double *dweight = w->dweight ? w->dweight + all : NULL, *dbias = w->dbias ? w->dbias + all : NULL;

        if (dweight && dbias) {
            memset(dweight, 0, (size_t)w->channels * sizeof *dweight);
            memset(dbias, 0, (size_t)w->channels * sizeof *dbias);
        }
        const int64_t first = block * w->n / w->blocks, last = (block + 1) * w->n / w->blocks;
        for (int64_t n = first; n < last; n++) {
            if (dweight && w->s == 1 && (n - first) % ROWS == 0) { /* before dx takes g's place */
                if (n + ROWS <= last)
                    add_rows(w, n, ROWS, group, dweight, dbias);
                else
                    add_rows(w, n, (int)(last - n), group, dweight, dbias);
            }
            const int64_t set = n * w->groups + group;
            const statistics m = statistics_of(w->moments[set]);
            const struct means mean = means_of(w, set * count, &m, weight, dweight, dbias);
            if (w->dx)
                write_gradient(w, set * count, &m, weight, mean);
        }
    }
}

void X(ct_norm_backward)(const ct_norm_work *work)
{
    ct_norm_work w = *work;
    const int64_t values = w.n / (w.blocks + !w.blocks) * w.channels * w.s;
    ct_parallel_for(w.blocks * w.groups, ct_grain(values), backward_pieces, &w);
}

void X(ct_norm_join)(int64_t blocks, int64_t count, const double *from, void *to)
{
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int64_t block = 0; block < blocks; block++)
            sum += from[block * count + i];
        ((real *)to)[i] = (real)sum;
    }
}
