/* Loss kernels. */
#ifndef CT_KERNELS_LOSS_H
#define CT_KERNELS_LOSS_H

#include "kernels.h"

/* Of a pair (x, t): (x − t)²; |x − t|; ½ d²/β where d = |x − t| < β, d − β/2 elsewhere, with β the parameter; −t log x − (1 − t) log(1 − x),
 * the logs no less than −100; log(1 + eˣ) − x t. */
enum ct_loss { CT_LOSS_SQUARE, CT_LOSS_ABSOLUTE, CT_LOSS_SMOOTH, CT_LOSS_ENTROPY, CT_LOSS_LOGITS };

/* Each loss of [begin, end), and their sum. */
CT_KERNEL(void, ct_loss, enum ct_loss f, double parameter, const void *x, const void *t, void *y, int64_t begin, int64_t end);
CT_KERNEL(double, ct_loss_sum, enum ct_loss f, double parameter, const void *x, const void *t, int64_t begin, int64_t end);

/* dx[i] = g[i] ∂f/∂x and dt[i] = g[i] ∂f/∂t of [begin, end), each unless NULL; where step is 0, factor · g[0] in place of g[i], else
 * factor is 1. dx may be g. */
CT_KERNEL(void, ct_loss_vjp, enum ct_loss f, double parameter, double factor, const void *x, const void *t, const void *g, int64_t step,
          void *dx, void *dt, int64_t begin, int64_t end);

/* index ← target, mask ← 1; 0 and 0 where the target is −100. Returns the position of the first target that is neither that
 * nor a whole number in [0, classes), or −1. */
CT_KERNEL(int64_t, ct_class_targets, int64_t count, int64_t classes, const void *target, void *index, void *mask);

#endif
