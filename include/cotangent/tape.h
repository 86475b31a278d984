/* The tape: what records ops, and what differentiates the record.
 *
 * Ops take the tape first. What an op returns belongs to the tape until ct_tape_reset;
 * ct_tensor_retain keeps it longer. An op with bad arguments returns NULL, and the tape keeps the first status with a
 * message; ops given NULL return NULL; so one check a step is enough. One tape a thread; a tensor that
 * requires a gradient is used with one tape at a time.
 */
#ifndef COTANGENT_TAPE_H
#define COTANGENT_TAPE_H

#include <cotangent/tensor.h>

typedef struct ct_tape ct_tape;

/* A new, empty tape; NULL when memory is out. Freed with everything its ops returned. */
CT_API ct_tape *ct_tape_new(void);
CT_API void ct_tape_free(ct_tape *tape);

/* Forgets the record, the results and the status; keeps the memory for the next step. A result that was retained is a constant
 * afterwards. Does not end a no_grad that has begun. */
CT_API void ct_tape_reset(ct_tape *tape);

/* The first failure since the last reset, and its sentence ("" when CT_OK). */
CT_API ct_status ct_tape_status(const ct_tape *tape);
CT_API const char *ct_tape_message(const ct_tape *tape);

/* Records a failure, unless there is one already; returns NULL, for an op's `return ct_fail(…)`. */
CT_API ct_tensor *ct_fail(ct_tape *tape, ct_status status, const char *format, ...) CT_PRINTF(3, 4);

/* Back to CT_OK without forgetting the record. */
CT_API void ct_tape_clear_status(ct_tape *tape);

/* Recorded ops, and the bytes the tape holds (in use and kept for reuse). */
CT_API int64_t ct_tape_length(const ct_tape *tape);
CT_API size_t ct_tape_bytes(const ct_tape *tape);

/* Says that the caller will not look at `result` again: its memory is reused as soon as no recorded op needs it. */
CT_API void ct_tape_drop(ct_tape *tape, ct_tensor *result);

/* Between these two ops compute and record nothing (torch.no_grad). They nest. CT_CREATE_GRAPH records even so. */
CT_API void ct_no_grad_begin(ct_tape *tape);
CT_API void ct_no_grad_end(ct_tape *tape);

/* torch.autograd.set_detect_anomaly: while on, the first op whose result holds a NaN or an infinity, or whose derivative does, fails with
 * CT_NOT_FINITE and a message that says which op of the tape, where in the result, and the ranges of what it was given. Off, the default,
 * it costs nothing; on, each op reads its result once more. ct_tape_reset leaves it as it is. */
CT_API void ct_tape_detect_anomaly(ct_tape *tape, bool on);

/* ---- gradients ---------------------------------------------------------------------- */

/* Marks a leaf as a variable (or not): a tensor of your own, or a result that nothing recorded. CT_BAD_ARGUMENT for any other result
 * (ct_detach it first). Set it before the ops that use the leaf. */
CT_API ct_status ct_requires_grad(ct_tensor *tensor, bool required);
CT_API bool ct_tensor_requires_grad(const ct_tensor *tensor);

/* The gradient that ct_backward accumulated into a leaf, or NULL. It belongs to the leaf, and shares its storage with nothing: it may be
 * changed in place. */
CT_API ct_tensor *ct_gradient(const ct_tensor *tensor);
CT_API void ct_zero_gradient(ct_tensor *tensor); /* back to NULL, as zero_grad(set_to_none=True) */
CT_API ct_status ct_set_gradient(ct_tensor *tensor, ct_tensor *gradient); /* of the leaf's dtype and shape, retained; NULL: none */

enum {
    CT_RETAIN_GRAPH = 1, /* the record can be walked again */
    CT_CREATE_GRAPH = 2, /* the gradients are recorded ops too, so they can be differentiated; implies retain */
    CT_ALLOW_UNUSED = 4  /* an input the outputs do not depend on gets NULL, not an error */
};

/* Adds d(output)/d(leaf) to the gradient of every leaf that requires one. The output has one element. What the record saved on the way
 * is freed; results can still be read. Backward twice through a graph that was not retained, a saved tensor changed
 * since, and a result of another tape are errors (CT_BAD_STATE); an op without a rule is CT_NO_DERIVATIVE. After a failure some
 * leaves may have their gradients already. */
CT_API ct_status ct_backward(ct_tape *tape, ct_tensor *output);

/* The same for several outputs of any shape with their cotangents (NULL: ones, for outputs of one element) and flags. */
CT_API ct_status ct_backward_from(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[],
                                  unsigned flags);

/* Vector–Jacobian products: gradient[j] ← Σ_i cotangent[i] · ∂output[i]/∂input[j]. Inputs are leaves or results that require a
 * gradient; nothing is accumulated. The results are the tape's. cotangent may be NULL as above. Of the record only what lies between
 * inputs and outputs is looked at, and freed. An input that no output depends on is CT_BAD_ARGUMENT unless CT_ALLOW_UNUSED. */
CT_API ct_status ct_grad(ct_tape *tape, int outputs, ct_tensor *const output[], ct_tensor *const cotangent[], int inputs,
                         ct_tensor *const input[], ct_tensor *gradient[], unsigned flags);

/* Jacobian–vector products over the same record: tangent_out[i] ← Σ_j ∂output[i]/∂input[j] · tangent[j], the tape's; errors as above.
 * tangent may be NULL: ones, for inputs of one element. Zero where nothing depends. Flags: CT_CREATE_GRAPH; the record is never freed. */
CT_API ct_status ct_push(ct_tape *tape, int inputs, ct_tensor *const input[], ct_tensor *const tangent[], int outputs,
                         ct_tensor *const output[], ct_tensor *tangent_out[], unsigned flags);

/* ---- the op, for those who write their own ------------------------------------------ */

typedef struct ct_op ct_op;

/* One application of an op, as its functions see it; recorded, it is a node of the tape. */
typedef struct ct_call {
    const ct_op *op;
    int arity;
    ct_tensor **in;
    ct_tensor *out;
    const void *attributes; /* the op's own struct, copied by the tape */
    size_t attributes_size;
    ct_tensor *aux;         /* what forward chose to save for the derivatives, or NULL */
} ct_call;

enum { CT_READS_OUT = 1, CT_READS_IN = 2 /* << operand */, CT_READS_ALL_IN = ~1 };

/* One row of the op table: everything autograd knows of an op. */
struct ct_op {
    const char *name;
    int arity;      /* operands; −1: any number ≥ 1 */
    unsigned reads; /* which values the derivatives look at: CT_READS_OUT | CT_READS_IN << operand; others may be gone by then */
    bool multilinear; /* the derivative by one operand looks at the other operands, and at nothing else */

    /* The output's shape, or ct_fail and false when the operands break the rule. */
    bool (*shape)(ct_tape *tape, const ct_call *call, ct_shape *out);

    /* Fills out (and may set aux, one reference of which the call takes over). false after ct_fail. */
    bool (*forward)(ct_tape *tape, ct_call *call);

    /* The cotangent of one operand from the output's, and the tangent of the output from one operand's, of the same dtype and shape: taped ops
     * only, so that they can be differentiated again. A NULL row entry: no derivative (an error); ct_zero_derivative: zero almost
     * everywhere. A NULL result without a failure means zero. */
    ct_tensor *(*vjp)(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent);
    ct_tensor *(*jvp)(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent);

    /* Optional: all cotangents at once by kernels, used when nothing records. gradient[i], the tape's, is wanted where wanted[i];
     * equal to vjp's up to rounding. */
    bool (*fused_vjp)(ct_tape *tape, const ct_call *call, ct_tensor *cotangent, const bool wanted[], ct_tensor *gradient[]);
};

/* Applies an op: checks the operands (not NULL, one dtype), asks the row for the shape, computes, records. */
CT_API ct_tensor *ct_apply(ct_tape *tape, const ct_op *op, int arity, ct_tensor *const in[], const void *attributes,
                           size_t attributes_size);

/* vjp and jvp of an op that is zero almost everywhere (sign, step). */
CT_API ct_tensor *ct_zero_derivative(ct_tape *tape, const ct_call *call, int operand, ct_tensor *direction);

/* jvp of an op that is linear in each operand: the same op with the operand replaced by its tangent. */
CT_API ct_tensor *ct_multilinear_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent);

/* A result tensor that belongs to the tape, with no history; for forward functions. */
CT_API ct_tensor *ct_tape_tensor(ct_tape *tape, ct_dtype dtype, ct_shape shape);

/* True while ops record. */
CT_API bool ct_tape_recording(const ct_tape *tape);

#endif
