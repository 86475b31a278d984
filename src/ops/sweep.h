/* What sweeps over the tape's record share, whichever way they go. What answers false or NULL has called ct_fail. `who` names
 * the caller in messages; a direction is a cotangent on the way back, a tangent on the way forward, and waits in its tensor's
 * `cotangent`. */
#ifndef CT_OPS_SWEEP_H
#define CT_OPS_SWEEP_H

#include "tape.h"

/* A list that the caller gives, or where results go, is there unless it is empty; false after ct_fail. */
bool ct_sweep_given(ct_tape *tape, const char *who, const char *name, int count, const void *list);

/* Marks the nodes that the outputs depend on; fails where one was freed or is another tape's. */
bool ct_sweep_mark_used(ct_tape *tape, const char *who, int outputs, ct_tensor *const output[], size_t length);

/* Refuses inputs that no derivative can be asked for. */
bool ct_sweep_check_inputs(ct_tape *tape, const char *who, int inputs, ct_tensor *const input[]);

/* Puts the starting directions into the tensors where a sweep begins: outputs and their cotangents, or inputs and their
 * tangents. */
bool ct_sweep_seed(ct_tape *tape, const char *who, const char *place, const char *direction, int count, ct_tensor *const tensor[],
                   ct_tensor *const given[]);

/* A sweep's own ops are recorded when its results are to be differentiated again, whatever the caller's ops do. Returns what
 * tape->paused was. */
int ct_sweep_begin(ct_tape *tape, unsigned flags);

/* True when a saved value that the derivatives read is still what it was. */
bool ct_sweep_check_saved(ct_tape *tape, const struct ct_node *node);

/* slot ← slot + value (taped); the slot owns what it holds. */
bool ct_sweep_add(ct_tape *tape, ct_tensor **slot, ct_tensor *value);

/* What a rule made has the dtype and shape of what it is the derivative of, and in anomaly mode is finite. A sum would broadcast
 * it. */
bool ct_sweep_check_rule(ct_tape *tape, const struct ct_node *node, const char *mode, int operand, const ct_tensor *direction,
                         const ct_tensor *result, const ct_tensor *like);

/* A row's vjp (back) or jvp. */
ct_tensor *ct_sweep_apply_rule(ct_tape *tape, const struct ct_node *node, bool back, int operand, ct_tensor *direction);

/* Drop every mark and cotangent that a sweep left: on the record's tensors; on these; and a cotangent alone. */
void ct_sweep_clear(ct_tape *tape, size_t length);
void ct_sweep_clear_tensors(int count, ct_tensor *const tensor[]);
void ct_sweep_clear_cotangent(ct_tensor *tensor);

/* A rule may itself differentiate (a user's op whose derivative is written with ct_vjp). The outer sweep's marks then wait here: what
 * each tensor holds at its first place in the record, and nothing at the others. */
struct ct_suspended {
    size_t nodes, count;
    bool *used, *passed;
    struct ct_mark *marks;
};
bool ct_sweep_suspend(ct_tape *tape, struct ct_suspended *s);
void ct_sweep_resume(ct_tape *tape, struct ct_suspended *s);

/* Returns the call's status, the call being in a sweep of its own. */
#define CT_SWEEP(call)                              \
    do {                                            \
        struct ct_suspended outer;                  \
        if (tape == NULL || tape->inside_rule == 0) \
            return call;                            \
        const int inside = tape->inside_rule;       \
        if (ct_sweep_suspend(tape, &outer)) {       \
            tape->inside_rule = 0;                  \
            call;                                   \
            tape->inside_rule = inside;             \
        }                                           \
        ct_sweep_resume(tape, &outer);              \
        return ct_tape_status(tape);                \
    } while (0)

#endif
