/* The elementwise ops that other families build on but users do not see. */
#ifndef CT_ELEMENTWISE_H
#define CT_ELEMENTWISE_H

#include "internal.h"

ct_tensor *ct_leaky_step(ct_tape *tape, ct_tensor *x, double below);               /* 1 where x > 0, else below */
ct_tensor *ct_inside(ct_tape *tape, ct_tensor *x, double low, double high);        /* 1 where low ≤ x ≤ high, else 0 */
ct_tensor *ct_above(ct_tape *tape, ct_tensor *x, double factor, double threshold); /* 1 where factor·x > threshold, else 0 */
ct_tensor *ct_greater(ct_tape *tape, ct_tensor *a, ct_tensor *b);                  /* 1 where a > b, else 0 */
ct_tensor *ct_equal(ct_tape *tape, ct_tensor *a, ct_tensor *b);                    /* 1 where a = b, else 0 */
ct_tensor *ct_masked(ct_tape *tape, ct_tensor *a, ct_tensor *mask);                /* a where mask ≠ 0, else 0, even for a = ∞ or NaN */

#endif
