/* The matrix product, a trilinear form whose every derivative is a matrix product again. */
#ifndef CT_OPS_MATMUL_H
#define CT_OPS_MATMUL_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_matmul;

#endif
