/* The op rows of pool.c. */
#ifndef CT_OPS_POOL_H
#define CT_OPS_POOL_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_max_pool, ct_op_avg_pool, ct_op_avg_pool_adjoint;

#endif
