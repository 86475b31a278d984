/* Measuring: the clock, order statistics, and the machine's peak. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

double seconds_now(void); /* monotonic */

/* Runs body(context) once unmeasured, then at least `least` times and until `seconds` have passed, but 1,000 times at most.
 * A body that returns false ends it all. */
struct measured {
    int runs;
    double median, minimum; /* seconds */
    double cpu;             /* the least processor time of a run, all threads together */
};

bool measure(bool (*body)(void *context), void *context, int least, double seconds, struct measured *measured);

/* Multiply-adds in registers only, float32, on `threads` threads at once: 10⁹ operations a second, the best of some runs. */
double peak_gflops(int threads);

#endif
