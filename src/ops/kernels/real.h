/* One source, two precisions, several instruction sets: each file of this folder is compiled with CT_REAL 32 and 64 for each
 * CT_VARIANT. X(name) is the function's name in this one, M(sqrt) the libm function. */
#ifndef CT_KERNELS_REAL_H
#define CT_KERNELS_REAL_H

#include <math.h>

#define JOIN_(name, precision, variant) name##_##precision##_##variant
#define JOIN(name, precision, variant) JOIN_(name, precision, variant)

#if CT_REAL == 32
typedef float real;
#define X(name) JOIN(name, f32, CT_VARIANT)
#define M(function) function##f
#else
typedef double real;
#define X(name) JOIN(name, f64, CT_VARIANT)
#define M(function) function
#endif

static inline real clamp(real v, real low, real high) { return v < low ? low : v > high ? high : v; }

#endif
