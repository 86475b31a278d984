/* Dropout: a random mask, and a product. */
#include "internal.h"

typedef struct mask_work {
    ct_tensor *u;
    double p, keep;
} mask_work;

/* u ← 1/(1 − p) where u ≥ p, 0 elsewhere. */
static void mask_range(void *context, int64_t begin, int64_t end)
{
    const mask_work *w = context;
    if (w->u->dtype == CT_F32) {
        float *u = ct_data(w->u);
        for (int64_t i = begin; i < end; i++)
            u[i] = (double)u[i] >= w->p ? (float)w->keep : 0;
    } else {
        double *u = ct_data(w->u);
        for (int64_t i = begin; i < end; i++)
            u[i] = u[i] >= w->p ? w->keep : 0;
    }
}

ct_tensor *ct_dropout(ct_tape *tape, ct_tensor *x, double p, bool training, ct_random *random)
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "dropout: x is NULL");
    if (!(p >= 0 && p <= 1))
        return ct_fail(tape, CT_BAD_ARGUMENT, "dropout: p %g must lie in [0, 1]", p);
    if (!training)
        return x;
    if (!random)
        return ct_fail(tape, CT_BAD_ARGUMENT, "dropout: random is NULL, and training draws from it");
    ct_tensor *mask = ct_tape_tensor(tape, x->dtype, x->shape);
    if (!mask)
        return NULL;
    if (ct_uniform(mask, 0, 1, random) != CT_OK)
        return ct_fail(tape, CT_BAD_ARGUMENT, "dropout: the mask of x %s could not be drawn", CT_TEXT(x->shape));
    ct_parallel_for(mask->count, 1 << 14, mask_range, &(mask_work){ mask, p, p < 1 ? 1 / (1 - p) : 0 });
    return ct_mul(tape, x, mask);
}
