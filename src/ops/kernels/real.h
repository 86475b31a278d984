/* One source, two precisions: each file of this folder is compiled with CT_REAL 32 and 64. X(name) is the function's
 * name in that precision, M(exp) the libm function. */
#ifndef CT_KERNELS_REAL_H
#define CT_KERNELS_REAL_H

#include <math.h>

#if CT_REAL == 32
typedef float real;
#define X(name) name##_f32
#define M(function) function##f
#else
typedef double real;
#define X(name) name##_f64
#define M(function) function
#endif

#endif
