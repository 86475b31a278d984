/* What the update rules and the optimizer share. Not installed. */
#ifndef CT_OPTIM_INTERNAL_H
#define CT_OPTIM_INTERNAL_H

#include <cotangent/optim.h>

#include "../ops/kernels/optim.h"

enum { CT_UPDATE_GRAIN = 16384 }; /* elements: two chunks or more only where a thread pays */

/* One parameter, its state tensors (NULL where its settings need none), and the steps it has taken. */
typedef struct ct_slot {
    ct_tensor *parameter, *state[CT_MAX_STATE];
    char name[CT_MAX_STATE][48];
    int group;
    int64_t steps;
} ct_slot;

/* One row a rule. */
typedef struct ct_rule_row {
    const char *name;
    const char *state[CT_MAX_STATE];
    ct_optim_settings defaults;

    /* The first setting outside its range, in words, or NULL. */
    const char *(*refuse)(const ct_optim_settings *settings);

    /* Which state tensors the settings need, one bit each. */
    unsigned (*needs)(const ct_optim_settings *settings);

    /* Fills in what the rule computes from settings and the number of this step (1, 2, …); the rest is there already. */
    void (*prepare)(const ct_optim_settings *settings, int64_t step, ct_update *update);

    void (*(*kernel)(ct_dtype))(void *update, int64_t begin, int64_t end);
} ct_rule_row;

extern CT_HIDDEN const ct_rule_row ct_rule_sgd, ct_rule_adam, ct_rule_adamw, ct_rule_rmsprop;

#endif
