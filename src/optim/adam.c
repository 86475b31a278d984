/* Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), with AMSGrad's maximum when asked for. */
#include <math.h>

#include "internal.h"

static const char *refuse(const ct_optim_settings *s)
{
    if (!(s->beta1 >= 0 && s->beta1 < 1 && s->beta2 >= 0 && s->beta2 < 1))
        return "beta1 and beta2 are in [0, 1)";
    return s->eps >= 0 ? NULL : "eps is at least 0";
}

static unsigned needs(const ct_optim_settings *s)
{
    return s->amsgrad ? 7 : 3;
}

static void prepare(const ct_optim_settings *s, int64_t step, ct_update *update)
{
    update->beta1 = s->beta1;
    update->beta2 = s->beta2;
    update->eps = s->eps;
    update->lr = s->lr / (1 - pow(s->beta1, (double)step));
    update->correction2_sqrt = sqrt(1 - pow(s->beta2, (double)step));
}

static void prepare_decoupled(const ct_optim_settings *s, int64_t step, ct_update *update)
{
    prepare(s, step, update);
    update->decoupled = true;
    update->weight_decay = s->lr * s->weight_decay;
}

#define ADAM(rule_name, decay, prepare_function)                                                                 \
    {                                                                                                            \
        .name = rule_name, .state = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },                               \
        .defaults = { .lr = 0.001, .weight_decay = (decay), .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 },         \
        .refuse = refuse, .needs = needs, .prepare = (prepare_function),                                         \
        .kernel = ct_update_adam_of,                                                    \
    }

const ct_rule_row ct_rule_adam = ADAM("Adam", 0, prepare);
const ct_rule_row ct_rule_adamw = ADAM("AdamW", 0.01, prepare_decoupled);
