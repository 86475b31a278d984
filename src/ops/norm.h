/* What the normalisations share. */
#ifndef CT_OPS_NORM_H
#define CT_OPS_NORM_H

#include "elementwise.h"

/* Checks, which name the op where they fail. A parameter or statistic may be NULL; else it has x's dtype and the given shape. */
bool ct_norm_has_channels(ct_tape *tape, const char *op, const ct_tensor *x);
bool ct_norm_eps_allowed(ct_tape *tape, const char *op, double eps);
bool ct_norm_fits(ct_tape *tape, const char *op, const char *name, const ct_tensor *x, const ct_tensor *p, ct_shape shape);

/* p (C) as (1, C, 1, …), which broadcasts a channel's value over x. */
ct_tensor *ct_norm_per_channel(ct_tape *tape, const ct_tensor *x, ct_tensor *p);

/* For a weight or bias that is NULL. */
ct_tensor *ct_norm_constant(ct_tape *tape, ct_dtype dtype, ct_shape shape, double value);

/* Derivatives' definitions: x̂ = (x − mean) r over some axes, r = (var + eps)^−½, built anew from x by taped ops, so that higher orders see
 * its history. */
typedef struct ct_normed {
    ct_axes axes;
    ct_tensor *r, *x;
} ct_normed;
ct_normed ct_normed_of(ct_tape *tape, ct_tensor *x, ct_axes axes, double eps);
/* Its Jacobian r (I − 11ᵀ/n − x̂x̂ᵀ/n), symmetric, times d. */
ct_tensor *ct_normed_project(ct_tape *tape, const ct_normed *normal, ct_tensor *d);

/* Makes the gradients that are wanted of x (in the cotangent's place where that is allowed), weight and bias; NULL for the others. */
bool ct_norm_gradients(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[], void *into[3]);

#endif
