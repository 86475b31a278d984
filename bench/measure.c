/* The clock, order statistics, and the peak: chains of fused multiply-adds, long enough to hide their latency. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "measure.h"

static double clock_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double seconds_now(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool measure(bool (*body)(void *context), void *context, int least, double seconds, struct measured *measured)
{
    enum { MOST = 1000 };
    double taken[MOST], cpu = INFINITY;
    int runs = 0;
    if (!body(context))
        return false;
    for (double start = seconds_now(), now = start; runs < MOST && (runs < least || now - start < seconds); runs++) {
        double before = now, cpu_before = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        if (!body(context))
            return false;
        now = seconds_now();
        taken[runs] = now - before;
        cpu = fmin(cpu, clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_before);
    }
    qsort(taken, (size_t)runs, sizeof *taken, ascending);
    *measured = (struct measured){ runs, (taken[(runs - 1) / 2] + taken[runs / 2]) / 2, taken[0], cpu };
    return true;
}

/* ---- the peak: one loop, compiled for the widest registers there are ---- */

enum { CHAINS = 12, ROUNDS = 200000 };

#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define DECLARE(i) vector sum##i = { i }; /* all different, lest they be one */
#define STEP(i) sum##i = sum##i * a + b; /* contracted: this file is compiled so */
#define ADD(i) a += sum##i;

#define PEAK(name, target, lanes)                                                 \
    target static double name(void)                                               \
    {                                                                             \
        typedef float vector __attribute__((vector_size(lanes * sizeof(float)))); \
        vector a = { 0 }, b = { 0 };                                              \
        EACH(DECLARE)                                                             \
        for (int i = 0; i < lanes; i++)                                           \
            a[i] = 0.999f, b[i] = 0.001f;                                         \
        for (int round = 0; round < ROUNDS; round++) {                            \
            EACH(STEP)                                                            \
        }                                                                         \
        EACH(ADD)                                                                 \
        volatile float sink = a[0];                                               \
        (void)sink;                                                               \
        return 2.0 * lanes * CHAINS * ROUNDS;                                     \
    }

#if defined(__x86_64__)
PEAK(peak_v4, __attribute__((target("avx512f,fma"))), 16)
PEAK(peak_v3, __attribute__((target("avx2,fma"))), 8)
#endif
PEAK(peak_base, , 4)

static double (*peak_kernel(void))(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return peak_v4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return peak_v3;
#endif
    return peak_base;
}

double peak_gflops(int threads)
{
    double (*kernel)(void) = peak_kernel(), best = 0;
    for (int run = 0; run < 25; run++) {
        double work = 0, start = seconds_now();
#pragma omp parallel for num_threads(threads) reduction(+ : work)
        for (int i = 0; i < threads; i++)
            work += kernel();
        double rate = work / (seconds_now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}
