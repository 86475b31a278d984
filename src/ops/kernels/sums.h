/* Sums whose order of terms depends on the shape alone, whatever the vector's width: LANES partial sums in double, joined in a fixed
 * tree. Included once the precision is known. */
#ifndef CT_KERNELS_SUMS_H
#define CT_KERNELS_SUMS_H

#include <stdint.h>

enum { LANES = 16 };

static inline double joined(double lane[LANES])
{
    for (int width = LANES / 2; width > 0; width /= 2)
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

/* 1/√(var + eps) and so on of a set of statistics, rounded once. The mean is two reals, so that nothing is lost where it is large beside
 * the deviation. */
typedef struct statistics {
    real mean, rest, r;
} statistics;

static inline statistics statistics_of(const double saved[3])
{
    statistics m = { .mean = (real)saved[0], .r = (real)saved[2] };
    m.rest = (real)(saved[0] - (double)m.mean);
    return m;
}

static inline real normal_of(const statistics *m, real x) { return ((x - m->mean) - m->rest) * m->r; }

#endif
