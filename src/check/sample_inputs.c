/* What the catalogue's calls are made at. The catalogue is apart, so that a test can put another in its place. */
#include "samples.h"

#include <math.h>

ct_function ct_sample_function(const ct_sample *sample)
{
    return (ct_function){ sample->apply, (void *)(uintptr_t)sample->context, sample->inputs };
}

/* Each place of a grid once, in random order, and within a sixth of the spacing. */
static ct_status spread(ct_tensor *x, double spacing, double offset, ct_random *random)
{
    int64_t order[256];
    if (x->count > 256)
        return CT_BAD_ARGUMENT;
    ct_status status = ct_permutation(order, x->count, random);
    if (status == CT_OK)
        status = ct_uniform(x, offset - 1.0 / 6, offset + 1.0 / 6, random);
    for (int64_t i = 0; status == CT_OK && i < x->count; i++)
        ((double *)ct_data(x))[i] = spacing * (((double *)ct_data(x))[i] + (double)(order[i] - x->count / 2));
    return status;
}

static ct_status whole_numbers(ct_tensor *x, double low, double high, ct_random *random)
{
    const ct_status status = ct_uniform(x, low, high, random);
    for (int64_t i = 0; status == CT_OK && i < x->count; i++)
        ((double *)ct_data(x))[i] = floor(((double *)ct_data(x))[i]);
    return status;
}

static ct_status draw(ct_tensor *x, ct_domain domain, bool whole, ct_random *random)
{
    switch (domain) {
    case CT_DOMAIN_REAL:
        return whole ? whole_numbers(x, -4, 5, random) : ct_normal(x, 0, 1, random);
    case CT_DOMAIN_POSITIVE:
        return ct_uniform(x, 0.5, 2, random);
    case CT_DOMAIN_UNIT:
        return ct_uniform(x, 0.1, 0.9, random);
    case CT_DOMAIN_APART:
        return spread(x, 0.3, 0.5, random);
    case CT_DOMAIN_BETWEEN:
        return spread(x, 0.3, 0, random);
    case CT_DOMAIN_CLASS:
        return whole_numbers(x, 0, 3, random);
    }
    return CT_BAD_ARGUMENT;
}

bool ct_sample_inputs(const ct_sample *sample, ct_dtype dtype, bool whole, uint64_t seed, ct_tensor *in[])
{
    bool made = true;
    for (int j = 0; j < sample->inputs; j++) {
        ct_random random = { .seed = seed, .stream = (uint32_t)j };
        ct_tensor *x = ct_tensor_zeros(CT_F64, sample->in[j].shape);
        in[j] = NULL;
        if (x != NULL && draw(x, sample->in[j].domain, whole, &random) == CT_OK)
            in[j] = ct_tensor_cast(x, dtype);
        ct_tensor_release(x);
        made &= in[j] != NULL;
    }
    for (int j = 0; !made && j < sample->inputs; j++)
        ct_tensor_release(in[j]);
    return made;
}
