/* The three maps as plain loops over the trilinear form. */
#ifndef CT_KERNELS_CONV_REFERENCE_H
#define CT_KERNELS_CONV_REFERENCE_H

#include <cotangent/conv.h>

#include "kernels.h"

/* Planes [begin, end) of the output: (n, o) of y, (n, c) of x, (o, c) of w. */
CT_KERNEL(void, ct_k_conv_reference_y, const ct_conv_form *form, const void *x, const void *w, void *y, int64_t begin, int64_t end);
CT_KERNEL(void, ct_k_conv_reference_x, const ct_conv_form *form, const void *y, const void *w, void *x, int64_t begin, int64_t end);
CT_KERNEL(void, ct_k_conv_reference_w, const ct_conv_form *form, const void *x, const void *y, void *w, int64_t begin, int64_t end);

#endif
