/* The oracle: plain loops, one owner an output plane. */
#include "conv.h"

#include "../kernels/conv_reference.h"

typedef void kernel(const ct_conv_form *form, const void *a, const void *b, void *out, int64_t begin, int64_t end);

struct job {
    kernel *kernel;
    const ct_conv_form *form;
    const void *a, *b;
    void *out;
};

static void planes(void *context, int64_t begin, int64_t end)
{
    const struct job *job = context;
    job->kernel(job->form, job->a, job->b, job->out, begin, end);
}

bool ct_conv_run_reference(ct_tape *tape, const ct_conv_form *form, ct_conv_map map, ct_dtype dtype, const void *a, const void *b,
                           void *out)
{
    kernel *const kernels[CT_MAPS] = {
        CT_KERNEL_OF(dtype, ct_k_conv_reference_y),
        CT_KERNEL_OF(dtype, ct_k_conv_reference_x),
        CT_KERNEL_OF(dtype, ct_k_conv_reference_w),
    };
    const int64_t count[CT_MAPS] = {
        form->batch * form->y_channels,
        form->batch * form->x_channels,
        form->y_channels * (form->x_channels / form->groups),
    };

    int64_t grain = 1 + (int64_t)(CT_CONV_GRAIN * (double)count[map] / (ct_conv_work(form) + 1));

    (void)tape;
    ct_parallel_for(count[map], grain, planes, &(struct job){ kernels[map], form, a, b, out });
    return true;
}
