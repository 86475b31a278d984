/* Dropout: a random mask, and a product. */
#include "internal.h"

/* u ← 1/(1 − p) where u ≥ p, 0 elsewhere. */
static void mask_of(ct_tensor *u, double p)
{
    const double keep = p < 1 ? 1 / (1 - p) : 0;
    float *single = ct_data(u);
    double *wide = ct_data(u);
    for (int64_t i = 0; i < u->count; i++) {
        if (u->dtype == CT_F32)
            single[i] = (double)single[i] >= p ? (float)keep : 0;
        else
            wide[i] = wide[i] >= p ? keep : 0;
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
    mask_of(mask, p);
    return ct_mul(tape, x, mask);
}
