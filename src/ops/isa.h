/* Instruction sets: src/ops/vector and src/ops/kernels are compiled once for each, and one is chosen when the program runs. */
#ifndef CT_OPS_ISA_H
#define CT_OPS_ISA_H

#include "../tensor/internal.h"

/* Those of this build, best first; the Makefile has their compilers' flags. */
#ifdef CT_BASELINE_ALONE
#define CT_ISAS(X, ...) X(baseline, __VA_ARGS__)
#else
#define CT_ISAS(X, ...) X(v4, __VA_ARGS__) X(v3, __VA_ARGS__) X(baseline, __VA_ARGS__)
#endif

/* The place in that list of what the kernels run with: the environment's CT_ISA when first asked, or the best that this machine runs. */
CT_HIDDEN int ct_isa(void);

#endif
