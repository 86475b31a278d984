/* Losses of pairs: each, and its derivatives by x and by t, a loop over a block. */
#include "loss.h"
#include "../../tensor/whole.h"
#include "elementary.h"
#include "sums.h"

/* y[i] = an expression of u = x[i], v = t[i], the parameter a, r = 1/a, and p and q, elementary functions of two others. */
#define LOOP(name, elementary_p, inner_p, elementary_q, inner_q, expression)                                          \
    static void name(const real *restrict x, const real *restrict t, double parameter, int64_t n, real *restrict y)   \
    {                                                                                                                 \
        _Alignas(64) real in_p[CT_BLOCK], in_q[CT_BLOCK];                                                             \
        const real a = (real)parameter, r = (real)(1 / parameter);                                                    \
        (void)a, (void)r;                                                                                             \
        for (; n > 0; x += CT_BLOCK, t += CT_BLOCK, y += CT_BLOCK, n -= CT_BLOCK) {                                   \
            const int64_t some = least(n, CT_BLOCK);                                                                  \
            for (int64_t i = 0; i < some; i++) {                                                                      \
                const real u = x[i];                                                                                  \
                (void)u;                                                                                              \
                in_p[i] = (inner_p);                                                                                  \
                in_q[i] = (inner_q);                                                                                  \
            }                                                                                                         \
            elementary_p(in_p, some);                                                                                 \
            elementary_q(in_q, some);                                                                                 \
            for (int64_t i = 0; i < some; i++) {                                                                      \
                const real u = x[i], v = t[i], p = in_p[i], q = in_q[i];                                              \
                (void)u, (void)v, (void)p, (void)q;                                                                   \
                y[i] = (expression);                                                                                  \
            }                                                                                                         \
        }                                                                                                             \
    }

#define NONE(t, n) (void)0
#define WHOLE(t, n) X(ct_block_whole)(t, n)
#define EXP(t, n) X(ct_block_exp)(t, t, WHOLE(t, n))
#define LOG(t, n) X(ct_block_log)(t, t, WHOLE(t, n))
#define LOG1P(t, n) X(ct_block_log1p)(t, t, WHOLE(t, n))
#define LOG1P_EXP(t, n) EXP(t, n), LOG1P(t, n)
#define PLAIN(name, expression) LOOP(name, NONE, 0, NONE, 0, expression)

static real sign(real v) { return v > 0 ? 1 : v < 0 ? -1 : v; }

/* As torch: where the log is NaN (x outside [0, 1]) the result is NaN too. */
static real clamped(real log_value) { return log_value < -100 ? -100 : log_value; }

static real smooth(real d, real a, real r)
{
    const real c = clamp(d, -a, a);
    return c * (d - c * (real)0.5) * r;
}

PLAIN(square, (u - v) * (u - v))
PLAIN(square_by_x, (u - v) * 2)
PLAIN(square_by_t, (u - v) * -2)
PLAIN(absolute, M(fabs)(u - v))
PLAIN(absolute_by_x, sign(u - v))
PLAIN(absolute_by_t, -sign(u - v))
PLAIN(smooth_absolute, smooth(u - v, a, r))
PLAIN(smooth_absolute_by_x, clamp(u - v, -a, a) * r)
PLAIN(smooth_absolute_by_t, -(clamp(u - v, -a, a) * r))
LOOP(entropy, LOG, u, LOG1P, -u, (v - 1) * clamped(q) - v * clamped(p))
PLAIN(entropy_by_x, (u - v) / (u * (1 - u) < (real)1e-12 ? (real)1e-12 : u * (1 - u)))
LOOP(entropy_by_t, LOG, u, LOG1P, -u, clamped(q) - clamped(p))
/* log(1 + eˣ) − x t: no sigmoid that could round to 0 or 1, and nothing lost where t is one of them. */
LOOP(logits, LOG1P_EXP, -M(fabs)(u), NONE, 0, p + (u > 0 ? u * (1 - v) : -(u * v)))
LOOP(logits_by_x, EXP, -u, NONE, 0, 1 / (1 + p) - v)
PLAIN(logits_by_t, -u)

typedef void loop(const real *restrict, const real *restrict, double, int64_t, real *restrict);

static const struct {
    loop *value, *by_x, *by_t;
} losses[] = {
    [CT_LOSS_SQUARE] = { square, square_by_x, square_by_t },
    [CT_LOSS_ABSOLUTE] = { absolute, absolute_by_x, absolute_by_t },
    [CT_LOSS_SMOOTH] = { smooth_absolute, smooth_absolute_by_x, smooth_absolute_by_t },
    [CT_LOSS_ENTROPY] = { entropy, entropy_by_x, entropy_by_t },
    [CT_LOSS_LOGITS] = { logits, logits_by_x, logits_by_t },
};

void X(ct_loss)(enum ct_loss f, double parameter, const void *x, const void *t, void *y, int64_t begin, int64_t end)
{
    losses[f].value((const real *)x + begin, (const real *)t + begin, parameter, end - begin, (real *)y + begin);
}

double X(ct_loss_sum)(enum ct_loss f, double parameter, const void *x, const void *t, int64_t begin, int64_t end)
{
    _Alignas(64) real block[CT_BLOCK];
    double lane[LANES] = { 0 };
    for (int64_t at = begin; at < end; at += CT_BLOCK) {
        const int64_t some = least(CT_BLOCK, end - at);
        losses[f].value((const real *)x + at, (const real *)t + at, parameter, some, block);
        add_row(lane, block, some);
    }
    return joined(lane, LANES);
}

void X(ct_loss_vjp)(enum ct_loss f, double parameter, double factor, const void *x, const void *t, const void *g, int64_t step, void *dx,
                    void *dt, int64_t begin, int64_t end)
{
    _Alignas(64) real by[2][CT_BLOCK], all[CT_BLOCK];
    loop *const loops[] = { losses[f].by_x, losses[f].by_t };
    real *const to[] = { dx, dt };
    for (int64_t i = 0; i < CT_BLOCK; i++)
        all[i] = *(const real *)g * (real)factor;
    for (int64_t at = begin; at < end; at += CT_BLOCK) {
        const int64_t some = least(CT_BLOCK, end - at);
        const real *direction = step == 0 ? all : (const real *)g + at;
        for (int o = 0; o < 2; o++)
            if (to[o] != NULL)
                loops[o]((const real *)x + at, (const real *)t + at, parameter, some, by[o]);
        for (int o = 1; o >= 0; o--) { /* dx may be g: it is written last */
            if (to[o] == NULL)
                continue;
#pragma omp simd
            for (int64_t i = 0; i < some; i++)
                to[o][at + i] = direction[i] * by[o][i];
        }
    }
}

int64_t X(ct_class_targets)(int64_t count, int64_t classes, const void *target, void *index, void *mask)
{
    const real *t = target;
    real *at = index, *m = mask;
    for (int64_t i = 0; i < count; i++) {
        const bool ignored = t[i] <= -100 && t[i] >= -100;
        if (!ignored && !(t[i] >= 0 && t[i] < (real)classes && M(floor)(t[i]) >= t[i]))
            return i;
        at[i] = ignored ? 0 : t[i];
        m[i] = ignored ? 0 : 1;
    }
    return -1;
}
