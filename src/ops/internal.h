/* What the op families share: the table, and helpers to write rows. Not installed. */
#ifndef CT_OPS_INTERNAL_H
#define CT_OPS_INTERNAL_H

#include <cotangent/conv.h>

#include "../tensor/internal.h"

/* Each family file exports its rows under these names and the public functions that apply them; table.c lists all
 * rows, for tests and tools that walk over every op. */
extern CT_HIDDEN const ct_op *const ct_op_table[];
extern CT_HIDDEN const int ct_op_table_length;

/* A forward function's way to fetch data. */
#define CT_IN(call, i) ct_data((call)->in[i])
#define CT_OUT(call) ct_data((call)->out)

/* The rank of a shape that the caller made is 0 to 8; false after ct_fail. */
bool ct_rank_allowed(ct_tape *tape, const char *op, ct_shape shape);

/* Shape rule: the output has operand 0's shape. */
bool ct_shape_same(ct_tape *tape, const ct_call *call, ct_shape *out);

/* The pool of the tape, for aux tensors: ct_tensor_new(ct_tape_pool(tape), …). */
struct ct_pool *ct_tape_pool(ct_tape *tape);

/* For a fused vjp whose gradient has the cotangent's shape: the cotangent itself, to be overwritten element by element, when
 * the sweep alone holds it and no anomaly is to be told of it; else a new tensor. NULL after ct_fail. */
ct_tensor *ct_gradient_in_place(ct_tape *tape, const ct_call *call, ct_tensor *cotangent);

/* Text of a shape for messages: CT_TEXT(shape), valid until the end of the enclosing block. */
#define CT_TEXT(shape) ct_shape_text((shape), (char[128]){ 0 }, 128)

#endif
