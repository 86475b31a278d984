/* The vector that this instruction set has: VL lanes; NV vectors a panel; MR rows of a product's tile, whose MR · NV sums stay in
 * registers. V(name) is the function's name in this variant. */
#ifndef CT_VECTOR_LANES_H
#define CT_VECTOR_LANES_H

#include <string.h>

#include "vector.h"
#include "../../tensor/whole.h"

#if defined __AVX512F__
enum { VL = 16, NV = 2, MR = 12 };
#elif defined __AVX__
enum { VL = 8, NV = 2, MR = 6 };
#elif defined __aarch64__
enum { VL = 4, NV = 4, MR = 6 };
#else
enum { VL = 4, NV = 2, MR = 6 };
#endif
enum { PANEL = VL * NV };

typedef float vec __attribute__((vector_size(VL * sizeof(float)), may_alias));
typedef float loose __attribute__((vector_size(VL * sizeof(float)), aligned(4), may_alias)); /* not aligned */

typedef int32_t whole_numbers __attribute__((vector_size(VL * sizeof(int32_t)), may_alias));
typedef int32_t loose_numbers __attribute__((vector_size(VL * sizeof(int32_t)), aligned(4), may_alias));
#if defined __AVX512F__
#define LANES { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }
#elif defined __AVX__
#define LANES { 0, 1, 2, 3, 4, 5, 6, 7 }
#else
#define LANES { 0, 1, 2, 3 }
#endif

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define V(name) JOIN(name, CT_VARIANT)
/* All of a loop whose count is a constant, of at most 16. Each compiler's own pragma, because clang follows GCC's too late for arrays
 * of sums to become registers, and then takes three times as long. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
/* Keeps a value that has several uses in a register. On x86, whose instructions may read memory, GCC would load it for each use. */
#if defined __x86_64__
#define HOLD(value) __asm__("" : "+v"(value))
#else
#define HOLD(value) (void)0
#endif
#define ALWAYS static inline __attribute__((always_inline))

/* The first `count` < VL of a row, in powers of two. */
ALWAYS void store_some(float *to, const float *from, int64_t count)
{
    if (count & 8)
        memcpy(to, from, 8 * sizeof(float)), to += 8, from += 8;
    if (count & 4)
        memcpy(to, from, 4 * sizeof(float)), to += 4, from += 4;
    if (count & 2)
        memcpy(to, from, 2 * sizeof(float)), to += 2, from += 2;
    if (count & 1)
        *to = *from;
}

CT_HIDDEN void V(ct_gather)(const float *from, const float *end, int64_t apart, int valid, int64_t count, float *to, int64_t step);
CT_HIDDEN void V(ct_gather_at)(const float *from, const float *end, const int64_t *place, int valid, int64_t count, float *to,
                               int64_t step);
CT_HIDDEN void V(ct_scatter)(const float *from, int64_t step, int64_t count, float *to, int64_t apart, int valid);
CT_HIDDEN void V(ct_multiply)(const ct_product *product);
CT_HIDDEN void V(ct_multiply_outer)(const ct_outer_product *product);
CT_HIDDEN void V(ct_multiply_lanes)(const ct_lane_product *product);
CT_HIDDEN void V(ct_multiply_lanes_outer)(const ct_lane_product *product);
CT_HIDDEN void V(ct_multiply_planes)(const ct_plane_product *product);
CT_HIDDEN void V(ct_sum_planes)(const ct_plane_sums *sums);
CT_HIDDEN void V(ct_load_plane)(const ct_plane_copy *copy);
CT_HIDDEN void V(ct_store_rows)(const ct_rows *rows);
extern CT_HIDDEN ct_transform *const V(ct_transforms)[][CT_TRANSFORMS];

#endif
