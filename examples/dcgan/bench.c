/* dcgan bench: how long a training step takes, and what it takes of memory. Pictures are noise, in memory. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dcgan.h"

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
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

struct bench_options {
    struct common common;
    int64_t size, channels, nz, ngf, ndf, batch, warm_up, steps;
    bool json;
};

static ct_status time_steps(const struct bench_options *o, struct dcgan *gan, double *taken, ct_error *error)
{
    ct_random random = { .seed = 1, .stream = 1 };
    struct dcgan_report report = { 0 };
    ct_status status = ct_uniform(gan->real, -1, 1, &random);
    long long before = 0;
    const double start = clock_ms(CLOCK_MONOTONIC);
    double first = 0, cpu = INFINITY; /* of one step, all threads together: what others on the machine take is not in it */
    for (int64_t step = -o->warm_up; step < o->steps && status == CT_OK; step++) {
        if (step == 0)
            before = atomic_load(&allocations);
        double began = clock_ms(CLOCK_MONOTONIC), cpu_began = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        status = dcgan_step(gan, draw, &random, &report, error);
        double ended = clock_ms(CLOCK_MONOTONIC);
        if (step >= 0) {
            taken[step] = ended - began;
            cpu = fmin(cpu, clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_began);
        }
        if (step == -o->warm_up)
            first = ended - start;
    }
    if (status != CT_OK)
        return status;

    const double each = (double)(atomic_load(&allocations) - before) / (double)o->steps;
    qsort(taken, (size_t)o->steps, sizeof *taken, ascending);
    const double median = (taken[(o->steps - 1) / 2] + taken[o->steps / 2]) / 2;
    const char *format = o->json ? "{\"size\": %d, \"channels\": %d, \"batch\": %d, \"threads\": %d, \"steps\": %d, \"median_ms\": %.3f, "
                                   "\"min_ms\": %.3f, \"min_cpu_ms\": %.3f, \"first_ms\": %.3f, \"images_per_second\": %.1f, \"peak_rss_mib\": %.1f, "
                                   "\"allocations_per_step\": %g, \"d_loss\": %.9g, \"g_loss\": %.9g}\n"
                                 : "size %d, %d channels, batch %d, %d threads, %d steps: median %.1f ms, minimum %.1f, CPU %.1f, first %.1f; "
                                   "%.1f images/s; peak RSS %.1f MiB; %g allocations a step; losses D %.4f, G %.4f\n";
    printf(format, (int)o->size, (int)o->channels, (int)o->batch, ct_get_num_threads(), (int)o->steps, median, taken[0], cpu, first,
           1e3 * (double)o->batch / median, peak_mib(), each, report.d_loss, report.g_loss);
    return CT_OK;
}

static ct_status run(const void *given, ct_error *error)
{
    const struct bench_options *o = given;
    const struct dcgan_shape shape = { CT_F32, (int)o->size, (int)o->channels, (int)o->nz, (int)o->ngf, (int)o->ndf, 4 };
    ct_set_allocator(&(ct_allocator){ count_allocate, count_release, NULL });
    struct dcgan gan;
    ct_random weights = { .seed = 1 };
    ct_status status = dcgan_open(&gan, &dcgan_gan, &shape, (int)o->batch, -1, -1, &weights, error);
    if (status != CT_OK)
        return status;
    double *taken = malloc((size_t)o->steps * sizeof *taken);
    status = taken != NULL ? time_steps(o, &gan, taken, error)
                           : ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld times", (long long)o->steps);
    free(taken);
    dcgan_close(&gan);
    return status;
}

/* The defaults: PyTorch's example, and not for days. */
static const struct setting settings[] = {
    WHOLE(struct bench_options, size, "size", "64", 16, 128, "side of the pictures"),
    WHOLE(struct bench_options, channels, "channels", "3", 1, 3, "1 grey, 3 colour"),
    WHOLE(struct bench_options, batch, "batch", "64", 2, 65536, "pictures a step"),
    WHOLE(struct bench_options, ngf, "ngf", "64", 1, 4096, "width of the generator"),
    WHOLE(struct bench_options, ndf, "ndf", "64", 1, 4096, "width of the discriminator"),
    WHOLE(struct bench_options, nz, "nz", "100", 1, 65536, "numbers of noise behind a picture"),
    WHOLE(struct bench_options, steps, "steps", "10", 1, 1e8, "timed steps"),
    WHOLE(struct bench_options, warm_up, "warm-up", "3", 0, 1000, "steps before them"),
    FLAG(struct bench_options, json, "json", "one object on one line"),
};

const struct verb verb_bench = {
    "bench", "time the training step, on noise",
    "Prints the time of a step (median, minimum, the first with all that is made anew), images a second, and memory.\n\n"
    "Examples\n"
    "  dcgan bench\n"
    "  dcgan bench --size 32 --channels 1 --ngf 32 --ndf 32 --batch 32 --threads 2 --json\n",
    SETTINGS_OF(settings), sizeof(struct bench_options), run
};
