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

/* y · weight + bias by channel; either may be NULL. */
ct_tensor *ct_norm_affine(ct_tape *tape, ct_tensor *y, ct_tensor *weight, ct_tensor *bias);

#endif
