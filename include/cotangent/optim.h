/* Optimizers, schedules and clipping: PyTorch's rules, defaults and formulas.
 *
 * An optimizer holds parameter groups, each with its own settings, and retains the parameters. step() reads ct_gradient of each
 * (parameters without one are skipped) and changes the parameters in place. Steady-state steps allocate nothing.
 */
#ifndef COTANGENT_OPTIM_H
#define COTANGENT_OPTIM_H

#include <cotangent/nn.h>

typedef struct ct_optimizer ct_optimizer;

typedef enum ct_rule { CT_SGD = 0, CT_ADAM, CT_ADAMW, CT_RMSPROP } ct_rule;

/* The settings of a group. A rule reads the fields named with it; start from ct_optim_defaults(rule). */
typedef struct ct_optim_settings {
    double lr;            /* SGD 0.001, Adam and AdamW 0.001, RMSprop 0.01 */
    double weight_decay;  /* 0; AdamW 0.01 */
    double momentum;      /* SGD, RMSprop: 0 */
    double dampening;     /* SGD: 0 */
    bool nesterov;        /* SGD; needs momentum > 0 and dampening 0 */
    double beta1, beta2;  /* Adam, AdamW: 0.9, 0.999 */
    double eps;           /* Adam, AdamW, RMSprop: 1e-8 */
    bool amsgrad;         /* Adam, AdamW */
    double alpha;         /* RMSprop: 0.99 */
    bool centered;        /* RMSprop */
    bool maximize;
} ct_optim_settings;

CT_API ct_optim_settings ct_optim_defaults(ct_rule rule);

/* An optimizer without parameters; NULL when memory is out. */
CT_API ct_optimizer *ct_optimizer_new(ct_rule rule);
CT_API void ct_optimizer_free(ct_optimizer *optimizer);

/* Adds a group; refuses settings outside their range, no parameters, and a tensor that is in a group already. */
CT_API ct_status ct_optimizer_add(ct_optimizer *optimizer, int count, ct_tensor *const parameters[],
                                  const ct_optim_settings *settings, ct_error *error);
CT_API ct_status ct_optimizer_add_module(ct_optimizer *optimizer, ct_module *module, const ct_optim_settings *settings,
                                         ct_error *error);

/* All parameters that can take the step take it; the first failure is returned: a gradient of another shape or dtype, or no memory
 * for state that settings changed since ct_optimizer_add need. */
CT_API ct_status ct_optimizer_step(ct_optimizer *optimizer);
CT_API void ct_optimizer_zero_grad(ct_optimizer *optimizer);

CT_API int ct_optimizer_group_count(const ct_optimizer *optimizer);
CT_API ct_optim_settings *ct_optimizer_group(ct_optimizer *optimizer, int group); /* to read and to change lr */

/* The optimizer's own tensors, for checkpoints: "state.<parameter>.exp_avg", …; parameters are numbered over all groups. Steps
 * taken are kept per parameter, as PyTorch does. */
CT_API int ct_optimizer_tensor_count(const ct_optimizer *optimizer);
CT_API ct_named_tensor ct_optimizer_tensor(const ct_optimizer *optimizer, int position);
CT_API int64_t ct_optimizer_steps(const ct_optimizer *optimizer, int parameter);
CT_API ct_status ct_optimizer_set_steps(ct_optimizer *optimizer, int parameter, int64_t steps);

/* ---- schedules: the learning rate as a function of the step (0, 1, …), no hidden state; NaN where the arguments make no sense */

CT_API double ct_schedule_step(double lr, int64_t step, int64_t step_size, double gamma);              /* StepLR */
CT_API double ct_schedule_exponential(double lr, int64_t step, double gamma);                          /* ExponentialLR */
CT_API double ct_schedule_cosine(double lr, int64_t step, int64_t t_max, double eta_min);              /* CosineAnnealingLR */
CT_API double ct_schedule_one_cycle(double max_lr, int64_t step, int64_t total_steps, double pct_start, double div_factor,
                                    double final_div_factor);                                          /* OneCycleLR, cosine */
CT_API double ct_schedule_warm_up(double lr, int64_t step, int64_t warm_up_steps, double start_factor); /* LinearLR */

/* Sets every group's lr. */
CT_API void ct_optimizer_set_lr(ct_optimizer *optimizer, double lr);

/* ---- clipping ----------------------------------------------------------------------- */

/* Scales all gradients by max_norm / (norm + 1e-6) unless that is ≥ 1; returns the norm before (Euclidean, over all). Where a
 * gradient holds a NaN the norm is NaN, and so are all gradients afterwards, as PyTorch's. NaN, and nothing is scaled, unless
 * max_norm ≥ 0. */
CT_API double ct_clip_grad_norm(int count, ct_tensor *const parameters[], double max_norm);
CT_API ct_status ct_clip_grad_value(int count, ct_tensor *const parameters[], double clip_value);

#endif
