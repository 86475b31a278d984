/* Whole numbers: how everything that cuts work into pieces counts. */
#ifndef CT_TENSOR_WHOLE_H
#define CT_TENSOR_WHOLE_H

#include <stdint.h>

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; } /* a ≥ 0, b > 0; below 0 it may be one more, up to 0 */

#endif
