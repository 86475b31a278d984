#include "loss.h"
#include "real.h"

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
    for (int64_t i = begin; i < end; i++)
        w->loss[i] = (w->t[i] - 1) * clamped(M(log1p)(-w->x[i])) - w->t[i] * clamped(M(log)(w->x[i]));
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
