#include "loss.h"
#include "elementary.h"

typedef struct bce_work {
    const real *x, *t;
    real *loss;
} bce_work;

/* As torch: where the log is NaN (x outside [0, 1]) the result is NaN too. */
static real clamped(real log_value)
{
    return log_value < -100 ? -100 : log_value;
}

static void bce_range(void *context, int64_t begin, int64_t end)
{
    const bce_work *w = context;
    _Alignas(64) real log_x[CT_BLOCK], log_rest[CT_BLOCK];
    for (int64_t at = begin, some; at < end; at += some) {
        some = end - at < CT_BLOCK ? end - at : CT_BLOCK;
        const real *x = w->x + at, *t = w->t + at;
        for (int64_t i = 0; i < some; i++) {
            log_x[i] = x[i];
            log_rest[i] = -x[i];
        }
        X(ct_block_log)(log_x, log_x, X(ct_block_whole)(log_x, some));
        X(ct_block_log1p)(log_rest, log_rest, X(ct_block_whole)(log_rest, some));
        for (int64_t i = 0; i < some; i++)
            w->loss[at + i] = (t[i] - 1) * clamped(log_rest[i]) - t[i] * clamped(log_x[i]);
    }
}

void X(ct_bce)(int64_t count, const void *x, const void *t, void *loss)
{
    bce_work work = { x, t, loss };
    ct_parallel_for(count, 4096, bce_range, &work);
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
