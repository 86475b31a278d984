/* dcgan bench: how long a training step takes, and what it takes of memory. Pictures are noise, in memory. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dcgan.h"

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* The allocator that counts. */
static atomic_llong allocations;

static void *count_allocate(void *context, size_t size)
{
    (void)context;
    atomic_fetch_add(&allocations, 1);
    void *memory = NULL;
    return posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
}

static void count_release(void *context, void *memory, size_t size)
{
    (void)context, (void)size;
    free(memory);
}

/* The most memory this process has had, in MiB; −1 where the system does not say. Not getrusage's, which a parent's memory enters. */
static double peak_mib(void)
{
    double kib = -1024;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %lf", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib / 1024;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The real pictures stay what they are; the noise is new each time. */
static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    (void)real, (void)mix, (void)error;
    return noise != NULL ? ct_normal(noise, 0, 1, context) : CT_OK;
}

static ct_status time_steps(const struct bench_options *o, struct dcgan *gan, double *taken, ct_error *error)
{
    ct_random random = { .seed = 1, .stream = 1 };
    struct dcgan_report report = { 0 };
    ct_status status = ct_uniform(gan->real, -1, 1, &random);
    long long before = 0;
    const double start = now_ms();
    double first = 0;
    for (int step = -o->warm_up; step < o->steps && status == CT_OK; step++) {
        if (step == 0)
            before = atomic_load(&allocations);
        double began = now_ms();
        status = dcgan_step(gan, draw, &random, &report, error);
        double ended = now_ms();
        if (step >= 0)
            taken[step] = ended - began;
        if (step == -o->warm_up)
            first = ended - start;
    }
    if (status != CT_OK)
        return status;

    const double each = (double)(atomic_load(&allocations) - before) / o->steps;
    qsort(taken, (size_t)o->steps, sizeof *taken, ascending);
    const double median = (taken[(o->steps - 1) / 2] + taken[o->steps / 2]) / 2;
    const char *format = o->json ? "{\"size\": %d, \"channels\": %d, \"batch\": %d, \"threads\": %d, \"steps\": %d, \"median_ms\": %.3f, "
                                   "\"min_ms\": %.3f, \"first_ms\": %.3f, \"images_per_second\": %.1f, \"peak_rss_mib\": %.1f, "
                                   "\"allocations_per_step\": %g, \"d_loss\": %.9g, \"g_loss\": %.9g}\n"
                                 : "size %d, %d channels, batch %d, %d threads, %d steps: median %.1f ms, minimum %.1f, first %.1f; "
                                   "%.1f images/s; peak RSS %.1f MiB; %g allocations a step; losses D %.4f, G %.4f\n";
    printf(format, o->shape.size, o->shape.channels, o->batch, ct_get_num_threads(), o->steps, median, taken[0], first,
           1e3 * o->batch / median, peak_mib(), each, report.d_loss, report.g_loss);
    return CT_OK;
}

ct_status bench(const struct bench_options *o, ct_error *error)
{
    ct_set_allocator(&(ct_allocator){ count_allocate, count_release, NULL });
    struct dcgan gan;
    ct_random weights = { .seed = 1 };
    ct_status status = dcgan_open(&gan, &dcgan_gan, &o->shape, o->batch, -1, -1, &weights, error);
    if (status != CT_OK)
        return status;
    double *taken = malloc((size_t)o->steps * sizeof *taken);
    status = taken != NULL ? time_steps(o, &gan, taken, error)
                           : ct_error_set(error, CT_NO_MEMORY, "out of memory for %d times", o->steps);
    free(taken);
    dcgan_close(&gan);
    return status;
}
