/* The op rows of softmax.c. */
#ifndef CT_OPS_SOFTMAX_H
#define CT_OPS_SOFTMAX_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_softmax, ct_op_log_softmax;

#endif
