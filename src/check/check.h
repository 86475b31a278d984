/* What the checks share. They look into the tape. Not installed. */
#ifndef CT_CHECK_INTERNAL_H
#define CT_CHECK_INTERNAL_H

#include <cotangent/check.h>

#include "../ops/tape.h"

/* One application of a function: its aliases, and whether something beyond them requires a gradient, so that derivatives are recorded. */
struct ct_frame {
    ct_tensor *x[CT_MAX_INPUTS], *y;
    size_t start;
    int paused;
    bool outer;
};

/* Applies f to aliases of `in`, recording. `who` is named in messages. */
bool ct_frame_enter(ct_tape *tape, const char *who, const ct_function *f, ct_tensor *const in[], struct ct_frame *frame);

/* The gradients of one cotangent, which may itself require a gradient; zeros where nothing depends. Flags are ct_grad's. */
bool ct_frame_pull(ct_tape *tape, const struct ct_frame *frame, int inputs, ct_tensor *cotangent, unsigned flags,
                   ct_tensor *gradient[]);

/* Results of the tape: zeros, and zeros of another's shape but for a one. */
ct_tensor *ct_check_zeros(ct_tape *tape, ct_dtype dtype, ct_shape shape);
ct_tensor *ct_check_basis(ct_tape *tape, const ct_tensor *like, int64_t position);

/* One element, in either precision. */
static inline double ct_check_get(const ct_tensor *x, int64_t i)
{
    return x->dtype == CT_F32 ? (double)((const float *)ct_data(x))[i] : ((const double *)ct_data(x))[i];
}

static inline void ct_check_set(ct_tensor *x, int64_t i, double value)
{
    if (x->dtype == CT_F32)
        ((float *)ct_data(x))[i] = (float)value;
    else
        ((double *)ct_data(x))[i] = value;
}

#endif
