/* RMSprop (Tieleman and Hinton, 2012), plain or centered, with momentum when asked for. */
#include "internal.h"

static const char *refuse(const ct_optim_settings *s)
{
    if (!(s->alpha >= 0))
        return "alpha is at least 0";
    return s->eps >= 0 ? NULL : "eps is at least 0";
}

static unsigned needs(const ct_optim_settings *s)
{
    return 1u | (s->momentum > 0 ? 2u : 0) | (s->centered ? 4u : 0);
}

static void prepare(const ct_optim_settings *s, int64_t step, ct_update *update)
{
    (void)step;
    update->momentum = s->momentum;
    update->alpha = s->alpha;
    update->eps = s->eps;
}

const ct_rule_row ct_rule_rmsprop = {
    .name = "RMSprop",
    .state = { "square_avg", "momentum_buffer", "grad_avg" },
    .defaults = { .lr = 0.01, .alpha = 0.99, .eps = 1e-8 },
    .refuse = refuse,
    .needs = needs,
    .prepare = prepare,
    .kernel = ct_update_rmsprop_of,
};
