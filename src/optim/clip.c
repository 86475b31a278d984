/* Clipping gradients, all together by their norm or each element by its value. */
#include <math.h>

#include "internal.h"

enum { PARTS = 64 }; /* partial sums of one tensor, cut by its count alone: the same bits for any thread count */

struct norm {
    const ct_tensor *tensor;
    double part[PARTS];
};

static void norm_parts(void *context, int64_t begin, int64_t end)
{
    struct norm *norm = context;
    const ct_tensor *x = norm->tensor;
    int64_t length = (x->count + PARTS - 1) / PARTS;
    for (int64_t i = begin; i < end; i++) {
        int64_t from = i * length < x->count ? i * length : x->count;
        int64_t to = from + length < x->count ? from + length : x->count;
        norm->part[i] = CT_KERNEL_OF(x->dtype, ct_sum_squares)(ct_data(x), from, to);
    }
}

static double sum_squares(const ct_tensor *tensor)
{
    struct norm norm = { .tensor = tensor };
    ct_parallel_for(PARTS, tensor->count < CT_UPDATE_GRAIN ? PARTS : 1, norm_parts, &norm);
    double sum = 0;
    for (int i = 0; i < PARTS; i++)
        sum += norm.part[i];
    return sum;
}

static ct_tensor *gradient_of(ct_tensor *const parameters[], int i)
{
    return parameters[i] ? ct_gradient(parameters[i]) : NULL;
}

double ct_clip_grad_norm(int count, ct_tensor *const parameters[], double max_norm)
{
    double squares = 0;
    if (!parameters || !(max_norm >= 0))
        return NAN;
    for (int i = 0; i < count; i++) {
        const ct_tensor *gradient = gradient_of(parameters, i);
        squares += gradient ? sum_squares(gradient) : 0;
    }
    double norm = sqrt(squares), factor = max_norm / (norm + 1e-6);
    /* A NaN scales, too: it should not leave the other gradients unclipped. */
    for (int i = 0; !(factor >= 1) && i < count; i++) {
        ct_tensor *gradient = gradient_of(parameters, i);
        if (gradient)
            ct_parallel_for(gradient->count, CT_UPDATE_GRAIN, CT_KERNEL_OF(gradient->dtype, ct_clip_scale),
                            &(ct_clip){ ct_tensor_data_mutable(gradient), factor });
    }
    return norm;
}

ct_status ct_clip_grad_value(int count, ct_tensor *const parameters[], double clip_value)
{
    if (!(clip_value >= 0) || count < 0 || (count && !parameters))
        return CT_BAD_ARGUMENT;
    for (int i = 0; i < count; i++) {
        ct_tensor *gradient = gradient_of(parameters, i);
        if (gradient)
            ct_parallel_for(gradient->count, CT_UPDATE_GRAIN, CT_KERNEL_OF(gradient->dtype, ct_clip_limit),
                            &(ct_clip){ ct_tensor_data_mutable(gradient), clip_value });
    }
    return CT_OK;
}
