/* Declares a kernel in both precisions and every instruction set, and chooses one by dtype. Kernels take untyped pointers and cast to
 * `real`. Multiplications and additions are not fused, so that all instruction sets round alike. */
#ifndef CT_KERNELS_H
#define CT_KERNELS_H

#include "../isa.h"

#define CT_KERNEL_DECLARED(isa, name) extern CT_HIDDEN name##_kernel name##_f32_##isa, name##_f64_##isa;
#define CT_KERNEL_LISTED(isa, name) { name##_f32_##isa, name##_f64_##isa },

#define CT_KERNEL(result, name, ...)                                                      \
    typedef result name##_kernel(__VA_ARGS__);                                            \
    CT_ISAS(CT_KERNEL_DECLARED, name)                                                     \
    static inline name##_kernel *name##_of(ct_dtype dtype)                                \
    {                                                                                     \
        static name##_kernel *const all[][2] = { CT_ISAS(CT_KERNEL_LISTED, name) };       \
        return all[ct_isa()][dtype == CT_F64];                                            \
    }                                                                                     \
    typedef result name##_kernel(__VA_ARGS__)

#define CT_KERNEL_OF(dtype, name) name##_of(dtype)

/* Rows, planes or channels of so many values that make a chunk worth a thread: some 16,384 values. */
static inline int64_t ct_grain(int64_t values) { return 1 + 16384 / (1 + values); }

#endif
