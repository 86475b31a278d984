/* The op rows of loss.c. */
#ifndef CT_OPS_LOSS_H
#define CT_OPS_LOSS_H

#include "internal.h"

extern CT_HIDDEN const ct_op ct_op_mse_loss, ct_op_l1_loss, ct_op_smooth_l1_loss, ct_op_bce_loss, ct_op_bce_with_logits_loss;

#endif
