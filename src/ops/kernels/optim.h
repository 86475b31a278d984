/* The optimizers' element loops. Each is a body for ct_parallel_for over a parameter's elements. */
#ifndef CT_KERNELS_OPTIM_H
#define CT_KERNELS_OPTIM_H

#include "kernels.h"

enum { CT_MAX_STATE = 3 };

/* One parameter and the numbers of one step; which are read is the rule's matter. State that a rule has not is NULL. */
typedef struct ct_update {
    void *parameter;
    const void *gradient;
    void *state[CT_MAX_STATE];
    bool maximize, nesterov, first, decoupled;
    double lr;                  /* or Adam's step size, bias correction included */
    double weight_decay, momentum, dampening, beta1, beta2, alpha, eps;
    double correction2_sqrt;    /* √(1 − beta2ⁿ) */
} ct_update;

CT_KERNEL(void, ct_update_sgd, void *update, int64_t begin, int64_t end);     /* state: momentum_buffer */
CT_KERNEL(void, ct_update_adam, void *update, int64_t begin, int64_t end);    /* exp_avg, exp_avg_sq, max_exp_avg_sq */
CT_KERNEL(void, ct_update_rmsprop, void *update, int64_t begin, int64_t end); /* square_avg, momentum_buffer, grad_avg */

/* Σ x² in double, over x[begin … end). */
CT_KERNEL(double, ct_sum_squares, const void *x, int64_t begin, int64_t end);

/* x ← x · factor, and x into [−limit, limit] (NaN stays). */
typedef struct ct_clip {
    void *x;
    double number;
} ct_clip;

CT_KERNEL(void, ct_clip_scale, void *clip, int64_t begin, int64_t end);
CT_KERNEL(void, ct_clip_limit, void *clip, int64_t begin, int64_t end);

#endif
