/* Functions that are wrong on purpose, each with the right one and with the check that must convict it. */
#ifndef TESTS_MUTATIONS_H
#define TESTS_MUTATIONS_H

#include "../src/check/samples.h"

/* What convicts. */
typedef enum proper_check {
    BY_ORDER_1, /* ct_gradcheck, first derivatives */
    BY_ORDER_2,
    BY_ORDER_3,
    BY_VALUES,  /* ct_gradcheck with a reference */
    BY_ADJOINT, /* ct_adjoint_check */
    BY_FLOAT32, /* ct_gradcheck with float32 */
    PROPER_CHECKS
} proper_check;

typedef ct_tensor *sample_function(ct_tape *tape, ct_tensor *const in[], void *context);

struct mutation {
    const char *name;
    proper_check proper;
    sample_function *broken, *right; /* BY_ADJOINT: the transpose of `of`, broken and right, which is linear in its one input */
    sample_function *of;
    ct_sample inputs; /* shapes and domains; linear and constant inputs */
};

extern const struct mutation mutations[];
extern const int mutation_count;

/* The verdict of one of our checks on one of the functions; seed chooses the inputs. */
ct_verdict judge_mutation(const struct mutation *mutation, bool broken, proper_check check, uint64_t seed, ct_gradcheck_report *report);

/* Checkers with one fixed step and a fixed tolerance, in the manner of others; true: convicted. */
typedef bool fixed_step_checker(const ct_function *f, ct_tensor *const in[], unsigned constant, uint64_t seed);
fixed_step_checker pytorch_manner, jax_manner, kann_manner, ggml_manner;

#endif
