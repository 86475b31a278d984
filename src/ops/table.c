/* Every op there is. A row says all that autograd knows of its op and stands in its family's file; the functions and layers that users call
 * are compositions of these. */
#include "internal.h"

#define OPS(ROW)                                                                                                     \
    /* elementwise.c */                                                                                              \
    ROW(add) ROW(sub) ROW(mul) ROW(div) ROW(maximum) ROW(minimum) ROW(greater) ROW(equal) ROW(masked)                \
    ROW(neg) ROW(scale) ROW(add_scalar) ROW(pow) ROW(square) ROW(sqrt) ROW(exp) ROW(log) ROW(abs) ROW(sign) ROW(erf) \
    ROW(clamp) ROW(inside) ROW(relu) ROW(leaky_relu) ROW(leaky_step) ROW(elu) ROW(gelu) ROW(sigmoid) ROW(tanh)       \
    ROW(softplus) ROW(above)                                                                                         \
    /* adjoint pairs */                                                                                              \
    ROW(expand) ROW(sum_to)                                                                                          \
    ROW(index) ROW(index_adjoint)                                                                                    \
    ROW(gather) ROW(gather_adjoint)                                                                                  \
    ROW(resample) ROW(resample_adjoint)                                                                              \
    ROW(avg_pool) ROW(avg_pool_adjoint)                                                                              \
    /* each its own kind of adjoint */                                                                               \
    ROW(reshape) ROW(permute) ROW(concat)                                                                            \
    /* trilinear forms */                                                                                            \
    ROW(matmul) ROW(conv) ROW(conv_transpose) ROW(conv_weight)                                                       \
    /* and the rest */                                                                                               \
    ROW(max) ROW(min) ROW(max_pool) ROW(softmax) ROW(log_softmax) ROW(normalize) ROW(batch_norm)              \
    ROW(mse_loss) ROW(l1_loss) ROW(smooth_l1_loss) ROW(bce_loss) ROW(bce_with_logits_loss)

#define DECLARE(name) extern CT_HIDDEN const ct_op ct_op_##name;
#define ENTRY(name) &ct_op_##name,

OPS(DECLARE)

const ct_op *const ct_op_table[] = { OPS(ENTRY) };
const int ct_op_table_length = sizeof ct_op_table / sizeof *ct_op_table;
