/* The op row under every normalisation. */
#ifndef CT_OPS_NORM_H
#define CT_OPS_NORM_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_normalize;

#endif
