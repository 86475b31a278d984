/* Ops that move values without computing: reshape, permute, concat, gather; slices and paddings are index maps (index.h). */
#ifndef CT_OPS_MOVE_H
#define CT_OPS_MOVE_H

#include "index.h"

extern CT_HIDDEN const ct_op ct_op_reshape, ct_op_permute, ct_op_concat, ct_op_gather, ct_op_gather_adjoint;

#endif
