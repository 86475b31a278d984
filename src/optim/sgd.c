/* SGD: p ← p − lr · d, with d the gradient, its momentum average, or Nesterov's look ahead. */
#include "internal.h"

static const char *refuse(const ct_optim_settings *s)
{
    if (s->nesterov && !(s->momentum > 0 && s->dampening == 0))
        return "nesterov needs momentum > 0 and dampening 0";
    return NULL;
}

static unsigned needs(const ct_optim_settings *s)
{
    return s->momentum != 0;
}

static void prepare(const ct_optim_settings *s, int64_t step, ct_update *update)
{
    update->momentum = s->momentum;
    update->dampening = s->dampening;
    update->nesterov = s->nesterov;
    update->first = step == 1;
}

const ct_rule_row ct_rule_sgd = {
    .name = "SGD",
    .state = { "momentum_buffer" },
    .defaults = { .lr = 0.001 },
    .refuse = refuse,
    .needs = needs,
    .prepare = prepare,
    .kernel = ct_update_sgd_of,
};
