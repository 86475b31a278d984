/* The op row of loss.c. */
#ifndef CT_OPS_LOSS_H
#define CT_OPS_LOSS_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_bce;

#endif
