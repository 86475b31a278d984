/* Threads. Work is cut by its shape alone, so that the number of threads never changes a bit. */
#include <omp.h>

#include "internal.h"

enum { MOST_THREADS = 256 };

static atomic_int chosen_threads; /* 0: the OpenMP runtime's */

ct_status ct_set_num_threads(int threads)
{
    if (threads < 1 || threads > MOST_THREADS)
        return CT_BAD_ARGUMENT;
    atomic_store(&chosen_threads, threads);
    return CT_OK;
}

int ct_get_num_threads(void)
{
    int threads = atomic_load(&chosen_threads);
    if (threads == 0)
        threads = omp_get_max_threads();
    return threads < MOST_THREADS ? threads : MOST_THREADS;
}

/* No more threads than pieces, and one at least. */
static int at_most(int threads, int64_t count)
{
    return count < threads ? (int)(count > 1 ? count : 1) : threads;
}

void ct_parallel_for(int64_t count, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end), void *context)
{
    if (count <= 0)
        return;
    if (grain < 1)
        grain = 1;
    if (count <= grain) { /* a small op must not pay for the runtime */
        body(context, 0, count);
        return;
    }
    int64_t chunks = (count - 1) / grain + 1;
    int threads = ct_parallel_lanes(chunks);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        int64_t begin = chunk * grain;
        body(context, begin, count - begin < grain ? count : begin + grain);
    }
}

int ct_parallel_lanes(int64_t count)
{
    return at_most(omp_in_parallel() ? 1 : ct_get_num_threads(), count);
}

void ct_parallel_pieces(int64_t count, int lanes, void (*body)(void *context, int lane, int64_t piece), void *context)
{
    lanes = at_most(lanes, count);
#pragma omp parallel for schedule(dynamic) num_threads(lanes) if (lanes > 1)
    for (int64_t piece = 0; piece < count; piece++)
        body(context, lanes > 1 ? omp_get_thread_num() : 0, piece);
}
