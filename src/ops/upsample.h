/* The op rows of upsample.c: one axis, and its adjoint. */
#ifndef CT_OPS_UPSAMPLE_H
#define CT_OPS_UPSAMPLE_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_resample, ct_op_resample_adjoint;

#endif
