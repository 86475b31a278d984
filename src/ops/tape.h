/* The tape's insides, for tape.c, the sweeps (grad.c, push.c) and the checks. */
#ifndef CT_TAPE_INTERNAL_H
#define CT_TAPE_INTERNAL_H

#include "internal.h"

/* A recorded call. `needs` marks the operands that require a gradient; `reads` the values that its derivatives look at, versions their
 * storage's version when it was recorded: [i] operand i's, [arity] the output's. Values that are not read are held by links. */
struct ct_node {
    ct_call call;
    struct ct_tape *tape;
    int64_t index;
    bool *needs, *reads;
    uint64_t *versions;
    bool used;  /* only during a sweep: an output depends on it */
    bool passed; /* the values that its derivatives read are gone */
    bool freed; /* a backward has passed without retaining */
};

/* The arena: chunks that live as long as the tape and are filled anew after each reset. */
struct ct_chunk {
    struct ct_chunk *next;
    size_t size, used;
};

struct ct_tape {
    struct ct_pool *pool;
    struct ct_chunk *chunks, *chunk; /* all, and the one in use */
    struct ct_node **nodes;
    size_t node_count, node_capacity;
    ct_tensor **results; /* what ops returned: the tape's share of ownership */
    size_t result_count, result_capacity;
    int paused;
    bool anomaly;    /* ct_tape_detect_anomaly */
    int inside_rule; /* a rule's own steps may pass infinities (a log that is clamped): its result is what counts */
    bool keeps_values; /* also those that no derivative reads; set before the first op */
    ct_error error;
};

/* Anomaly mode's looks at a result, and at what a rule ("the derivative", "the forward derivative") made of a direction. False after
 * ct_fail when it is not finite. */
bool ct_anomaly_forward(ct_tape *tape, const ct_call *call);
bool ct_anomaly_derivative(ct_tape *tape, const struct ct_node *node, const char *mode, int operand, const ct_tensor *direction,
                           const ct_tensor *result);

/* Lets go of a node's tensors; its output stays with whoever else holds it, as an orphan (a backward through it is an
 * error) or, after a reset, as a constant. */
void ct_node_free(struct ct_node *node, bool orphan);

/* A sweep has passed the node and will not come back: lets go of the values that its derivatives read. */
void ct_node_pass(struct ct_node *node);

/* Makes the tape an owner of a tensor that it is not yet one of. */
bool ct_tape_adopt(struct ct_tape *tape, ct_tensor *tensor);

/* Results made since `mark` that nobody else retained are dropped. */
size_t ct_tape_mark(const struct ct_tape *tape);
void ct_tape_drop_since(struct ct_tape *tape, size_t mark);

#endif
