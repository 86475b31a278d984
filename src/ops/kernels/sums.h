/* Sums whose order of terms depends on the shape alone, whatever the vector's width: partial sums in double, joined in a fixed tree. */
#ifndef CT_KERNELS_SUMS_H
#define CT_KERNELS_SUMS_H

#include "real.h"

#include <stdint.h>

enum { LANES = 16 };

/* The sum of `count` partial sums, a power of 2, which it overwrites. */
static inline double joined(double *lane, int count)
{
    for (int width = count / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lane[i] += lane[i + width];
    return lane[0];
}

/* A row's values added to the partial sums, each four of them by themselves first: turning all into doubles would take longer than
 * reading them. */
static inline void add_row(double lane[LANES], const real *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)((x[i + l] + x[i + LANES + l]) + (x[i + 2 * LANES + l] + x[i + 3 * LANES + l]));
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += (double)x[i];
}

/* For each index i of a run of `count` values from `at` on, and the lane l that it belongs to. */
#define EACH(at, count, ...)                                \
    do {                                                    \
        int64_t first = 0;                                  \
        for (; first + LANES <= (count); first += LANES)    \
            for (int l = 0; l < LANES; l++) {               \
                const int64_t i = (at) + first + l;         \
                __VA_ARGS__                                 \
            }                                               \
        for (int l = 0; first + l < (count); l++) {         \
            const int64_t i = (at) + first + l;             \
            __VA_ARGS__                                     \
        }                                                   \
    } while (0)

#endif
