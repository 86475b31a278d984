/* What a norm does with a set's mean and variance. Included once the precision is known. */
#ifndef CT_KERNELS_STATISTICS_H
#define CT_KERNELS_STATISTICS_H

#include "real.h"

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
