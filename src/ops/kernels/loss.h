/* Loss kernels. */
#ifndef CT_KERNELS_LOSS_H
#define CT_KERNELS_LOSS_H

#include "kernels.h"

/* loss ← −t log x − (1 − t) log(1 − x), the logs no less than −100. */
CT_KERNEL(void, ct_bce, int64_t count, const void *x, const void *t, void *loss);

/* index ← target, mask ← 1; 0 and 0 where the target is −100. Returns the position of the first target that is neither that
 * nor a whole number in [0, classes), or −1. */
CT_KERNEL(int64_t, ct_class_targets, int64_t count, int64_t classes, const void *target, void *index, void *mask);

#endif
