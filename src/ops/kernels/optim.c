/* PyTorch's update formulas, operation by operation and in its order: addcmul is p + (value·a)·b, addcdiv p + (value·a)/b, and
 * every scalar is rounded to the parameter's precision once. */
#include "optim.h"
#include "real.h"
#include "sums.h"

/* The gradient as the rule sees it: signed, with the coupled weight decay. */
static inline real effective(real gradient, real parameter, bool maximize, real decay)
{
    real g = maximize ? -gradient : gradient;
    return decay != 0 ? g + decay * parameter : g;
}

void X(ct_update_sgd)(void *update, int64_t begin, int64_t end)
{
    const ct_update *u = update;
    real *restrict p = u->parameter, *restrict buffer = u->state[0];
    const real *restrict g = u->gradient;
    const real lr = (real)u->lr, decay = (real)u->weight_decay, momentum = (real)u->momentum, fresh = (real)(1 - u->dampening);
    const bool maximize = u->maximize, nesterov = u->nesterov, first = u->first;

    for (int64_t i = begin; i < end; i++) {
        real d = effective(g[i], p[i], maximize, decay);
        if (buffer) {
            buffer[i] = first ? d : buffer[i] * momentum + fresh * d;
            d = nesterov ? d + momentum * buffer[i] : buffer[i];
        }
        p[i] += -lr * d;
    }
}

/* Compiled by itself for each set of the states there are: a loop that asks for them is not vectorised. */
#define FOR_STATES static inline __attribute__((always_inline)) void

FOR_STATES adam(const ct_update *u, bool amsgrad, int64_t begin, int64_t end)
{
    real *restrict p = u->parameter, *restrict m = u->state[0], *restrict v = u->state[1], *restrict most = u->state[2];
    const real *restrict g = u->gradient;
    const real step = (real)u->lr, beta1 = (real)u->beta1, beta2 = (real)u->beta2, eps = (real)u->eps;
    const real fresh1 = (real)(1 - u->beta1), fresh2 = (real)(1 - u->beta2), correction = (real)u->correction2_sqrt;
    const bool maximize = u->maximize, decoupled = u->decoupled;
    const real decay = decoupled ? 0 : (real)u->weight_decay, keep = (real)(1 - u->weight_decay); /* AdamW's is lr · decay */

#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        real d = effective(g[i], p[i], maximize, decay);
        real x = decoupled ? p[i] * keep : p[i];
        m[i] = m[i] * beta1 + fresh1 * d;
        v[i] = v[i] * beta2 + fresh2 * d * d;
        real second = v[i];
        if (amsgrad) {
            most[i] = second > most[i] || second != second ? second : most[i]; /* torch.maximum keeps a NaN */
            second = most[i];
        }
        p[i] = x + -step * m[i] / (M(sqrt)(second) / correction + eps);
    }
}

void X(ct_update_adam)(void *update, int64_t begin, int64_t end)
{
    const ct_update *u = update;
    if (u->state[2])
        adam(u, true, begin, end);
    else
        adam(u, false, begin, end);
}

FOR_STATES rmsprop(const ct_update *u, bool moves, bool centered, int64_t begin, int64_t end)
{
    real *restrict p = u->parameter, *restrict square = u->state[0], *restrict buffer = u->state[1],
         *restrict average = u->state[2];
    const real *restrict g = u->gradient;
    const real lr = (real)u->lr, decay = (real)u->weight_decay, momentum = (real)u->momentum, eps = (real)u->eps;
    const real alpha = (real)u->alpha, fresh = (real)(1 - u->alpha);
    const bool maximize = u->maximize;

#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        real d = effective(g[i], p[i], maximize, decay);
        square[i] = square[i] * alpha + fresh * d * d;
        real variance = square[i];
        if (centered) {
            average[i] = average[i] * alpha + fresh * d;
            variance -= average[i] * average[i];
        }
        real deviation = M(sqrt)(variance) + eps;
        if (moves) {
            buffer[i] = buffer[i] * momentum + d / deviation;
            p[i] += -lr * buffer[i];
        } else {
            p[i] += -lr * d / deviation;
        }
    }
}

void X(ct_update_rmsprop)(void *update, int64_t begin, int64_t end)
{
    const ct_update *u = update;
    if (u->state[1] && u->state[2])
        rmsprop(u, true, true, begin, end);
    else if (u->state[1])
        rmsprop(u, true, false, begin, end);
    else if (u->state[2])
        rmsprop(u, false, true, begin, end);
    else
        rmsprop(u, false, false, begin, end);
}

double X(ct_sum_squares)(const void *x, int64_t begin, int64_t end)
{
    const real *values = x;
    double lane[LANES] = { 0 };
    EACH(begin, end - begin, lane[l] += (double)values[i] * (double)values[i];);
    return joined(lane, LANES);
}

void X(ct_clip_scale)(void *clip, int64_t begin, int64_t end)
{
    const ct_clip *c = clip;
    real *x = c->x, factor = (real)c->number;
    for (int64_t i = begin; i < end; i++)
        x[i] *= factor;
}

void X(ct_clip_limit)(void *clip, int64_t begin, int64_t end)
{
    const ct_clip *c = clip;
    real *x = c->x, limit = (real)c->number;
    for (int64_t i = begin; i < end; i++)
        x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}
