/* Sums whose order of terms depends on the shape alone, whatever the vector's width: partial sums in double, joined in a fixed tree. */
#ifndef CT_KERNELS_SUMS_H
#define CT_KERNELS_SUMS_H

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
