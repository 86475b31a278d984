/* Declares a kernel in both precisions, and chooses one by dtype. Kernels take untyped pointers and cast to `real`. */
#ifndef CT_KERNELS_H
#define CT_KERNELS_H

#include "../../tensor/internal.h"

#define CT_KERNEL(result, name, ...)         \
    CT_HIDDEN result name##_f32(__VA_ARGS__); \
    CT_HIDDEN result name##_f64(__VA_ARGS__)

#define CT_KERNEL_OF(dtype, name) ((dtype) == CT_F32 ? name##_f32 : name##_f64)

#endif
