/* Whether the networks that are asked for can be trained in this machine's memory: better told at once than by a kill in the night. */
#include <math.h>
#include <sys/resource.h>

#include "dcgan.h"

/* What programs can still get, swap included, and this process may have; infinite where the system does not say. */
static double available_bytes(void)
{
    struct rlimit limit;
    double kib, sum = 0, bytes = INFINITY;
    char line[256];
    FILE *file = fopen("/proc/meminfo", "r");
    int found = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %lf", &kib) == 1 || sscanf(line, "SwapFree: %lf", &kib) == 1)
            sum += kib, found++;
    if (file != NULL)
        fclose(file);
    if (found == 2)
        bytes = sum * 1024;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        bytes = fmin(bytes, (double)limit.rlim_cur);
    return bytes;
}

/* Weights and Adam's two moments of both networks, and the gradients of the larger, which are there at once. A step takes more: what is left
 * out, batches and what lies between the layers, is the room for error, so that nothing that fits is refused. */
ct_status memory_check(const struct dcgan_shape *shape, ct_error *error)
{
    const double generator = (double)dcgan_generator_weights(shape), discriminator = (double)dcgan_discriminator_weights(shape);
    const double bytes = sizeof(float) * (3 * (generator + discriminator) + fmax(generator, discriminator)), available = available_bytes();
    if (bytes <= available)
        return CT_OK;
    return ct_error_set(error, CT_NO_MEMORY,
                        "--ngf %d --ndf %d --size %d: the networks have %.0f and %.0f million weights; to train them takes %.1f GB at least, "
                        "and %.1f GB are free",
                        shape->ngf, shape->ndf, shape->size, generator / 1e6, discriminator / 1e6, bytes / 1e9, available / 1e9);
}
