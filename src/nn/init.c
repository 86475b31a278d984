/* Initialisation: the distributions of Glorot and Bengio (2010) and of He et al. (2015). */
#include <math.h>

#include "internal.h"

ct_status ct_init_fans(const ct_tensor *weight, bool transposed, int64_t groups, int64_t *fan_in, int64_t *fan_out)
{
    if (!weight || !fan_in || !fan_out || weight->shape.rank < 2)
        return CT_BAD_ARGUMENT;
    const int64_t *extent = weight->shape.extent;
    if (groups < 1 || extent[0] % groups)
        return CT_BAD_ARGUMENT;
    /* Axis 1 counts the channels of one group, axis 0 those of all groups. */
    int64_t field = ct_shape_product(weight->shape, 2, weight->shape.rank);
    int64_t first = extent[0] / groups * field, second = extent[1] * field;
    *fan_in = transposed ? first : second;
    *fan_out = transposed ? second : first;
    return CT_OK;
}

static ct_status uniform(ct_tensor *weight, double variance, ct_random *random)
{
    double bound = sqrt(3 * variance);
    return ct_uniform(weight, -bound, bound, random);
}

static ct_status normal(ct_tensor *weight, double variance, ct_random *random)
{
    return ct_normal(weight, 0, sqrt(variance), random);
}

typedef ct_status fill(ct_tensor *weight, double variance, ct_random *random);

static ct_status with_variance(fill *distribution, ct_tensor *weight, double variance, ct_random *random)
{
    return weight && random && isfinite(variance) ? distribution(weight, variance, random) : CT_BAD_ARGUMENT;
}

static ct_status xavier(fill *distribution, ct_tensor *weight, double gain, int64_t in, int64_t out, ct_random *random)
{
    if (in < 0 || out < 0 || (in == 0 && out == 0))
        return CT_BAD_ARGUMENT;
    return with_variance(distribution, weight, gain * gain * 2 / ((double)in + (double)out), random);
}

static ct_status kaiming(fill *distribution, ct_tensor *weight, double a, int64_t fan, ct_random *random)
{
    if (fan < 1)
        return CT_BAD_ARGUMENT;
    return with_variance(distribution, weight, 2 / (1 + a * a) / (double)fan, random);
}

ct_status ct_init_xavier_uniform(ct_tensor *weight, double gain, int64_t fan_in, int64_t fan_out, ct_random *random)
{
    return xavier(uniform, weight, gain, fan_in, fan_out, random);
}

ct_status ct_init_xavier_normal(ct_tensor *weight, double gain, int64_t fan_in, int64_t fan_out, ct_random *random)
{
    return xavier(normal, weight, gain, fan_in, fan_out, random);
}

ct_status ct_init_kaiming_uniform(ct_tensor *weight, double a, int64_t fan, ct_random *random)
{
    return kaiming(uniform, weight, a, fan, random);
}

ct_status ct_init_kaiming_normal(ct_tensor *weight, double a, int64_t fan, ct_random *random)
{
    return kaiming(normal, weight, a, fan, random);
}
