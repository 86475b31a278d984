/* Rounding bounds from a record. Not installed. */
#ifndef CT_CHECK_ROUNDING_H
#define CT_CHECK_ROUNDING_H

#include "check.h"

/* How much the scalar, a recorded float64 result, may change when every op up to it rounds to `unit` (2⁻²⁴ for float32). Infinite when a
 * derivative on the way has no rule. The tape keeps_values. */
double ct_rounding_bound(ct_tape *tape, ct_tensor *scalar, double unit);

#endif
