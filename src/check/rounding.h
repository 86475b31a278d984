/* Rounding bounds from a record. Not installed. */
#ifndef CT_CHECK_ROUNDING_H
#define CT_CHECK_ROUNDING_H

#include "check.h"

/* How much ⟨v, y⟩, of a recorded float64 result y, may change when every op up to y rounds to `unit` (2⁻²⁴ for float32). v NULL: one, for a
 * y of one element. Infinite when a derivative on the way has no rule. The tape keeps_values. */
double ct_rounding_bound(ct_tape *tape, ct_tensor *y, ct_tensor *v, double unit);

#endif
