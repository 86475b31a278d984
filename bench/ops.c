/* bench-ops: ops that are no convolution, forward and forward with backward, and steps of optimizers, float32; bench/torch_ops.py is the
 * same in PyTorch. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cotangent/cotangent.h>

#include "measure.h"

static const ct_pool_options pool = { .kernel = { 3, 3 }, .stride = { 2, 2 }, .padding = { 1, 1 } };
static const ct_pool_options quarter = { .kernel = { 2, 2 }, .stride = { 2, 2 } };
static const int64_t twice[] = { 64, 64 }, pad[] = { 1, 1, 1, 1 };
static ct_random random_state = { .seed = 1 };

#define APPLY(name, expression) \
    static ct_tensor *apply_##name(ct_tape *t, ct_tensor *x, ct_tensor *w) { return (void)w, expression; }
APPLY(add, ct_add(t, x, w))
APPLY(mul, ct_mul(t, x, w))
APPLY(div, ct_div(t, x, w))
APPLY(maximum, ct_maximum(t, x, w))
APPLY(relu, ct_relu(t, x))
APPLY(leaky_relu, ct_leaky_relu(t, x, 0.2))
APPLY(elu, ct_elu(t, x, 1))
APPLY(gelu, ct_gelu(t, x))
APPLY(tanh, ct_tanh(t, x))
APPLY(sigmoid, ct_sigmoid(t, x))
APPLY(exp, ct_exp(t, x))
APPLY(log, ct_log(t, x))
APPLY(softplus, ct_softplus(t, x, 1, 20))
APPLY(erf, ct_erf(t, x))
APPLY(pow, ct_pow(t, x, 2.5))
APPLY(abs, ct_abs(t, x))
APPLY(clamp, ct_clamp(t, x, 0.2, 0.8))
APPLY(sqrt, ct_sqrt(t, ct_square(t, x)))
APPLY(sum, ct_sum(t, x))
APPLY(max, ct_max(t, x))
APPLY(mean_23, ct_mean_axes(t, x, CT_AXES(2, 3), false))
APPLY(sum_0, ct_sum_axes(t, x, CT_AXES(0), false))
APPLY(sum_1, ct_sum_axes(t, x, CT_AXES(1), false))
APPLY(var, ct_var_axes(t, x, CT_AXES(0, 2, 3), 1, false))
APPLY(max_row, ct_max_axes(t, x, CT_AXES(-1), false))
APPLY(max_1, ct_max_axes(t, x, CT_AXES(1), false))
APPLY(softmax, ct_softmax(t, x, -1))
APPLY(log_softmax_1, ct_log_softmax(t, x, 1))
APPLY(layer_norm, ct_layer_norm(t, x, 1, w, w, 1e-5))
APPLY(group_norm, ct_group_norm(t, x, 8, w, w, 1e-5))
APPLY(instance_norm, ct_instance_norm(t, x, w, w, 1e-5))
APPLY(batch_norm_leaky, ct_batch_norm_leaky_relu(t, x, NULL, NULL, w, w, true, 0.1, 1e-5, 0.2))
APPLY(batch_norm, ct_batch_norm(t, x, NULL, NULL, w, w, true, 0.1, 1e-5))
APPLY(max_pool, ct_max_pool2d(t, x, &pool))
APPLY(max_quarter, ct_max_pool2d(t, x, &quarter))
APPLY(avg_quarter, ct_avg_pool2d(t, x, &quarter))
APPLY(avg_pool, ct_avg_pool2d(t, x, &pool))
APPLY(nearest, ct_upsample_nearest(t, x, twice))
APPLY(bilinear, ct_upsample_bilinear(t, x, twice, false))
APPLY(corners, ct_upsample_bilinear(t, x, twice, true))
APPLY(transpose, ct_transpose(t, x, 0, 1))
APPLY(permute, ct_permute(t, x, CT_AXES(0, 2, 3, 1)))
APPLY(concat, ct_concat(t, 2, ((ct_tensor *[]){ x, w }), 1))
APPLY(slice, ct_slice(t, x, 1, 16, 48, 1))
APPLY(flip, ct_flip(t, x, CT_AXES(3)))
APPLY(expand, ct_expand(t, x, CT_SHAPE(64, 64, 32, 32)))
APPLY(gather, ct_gather(t, x, 1, w))
APPLY(pad_zeros, ct_pad(t, x, 4, pad, CT_ZEROS))
APPLY(pad, ct_pad(t, x, 4, pad, CT_REFLECT))
APPLY(dropout, ct_dropout(t, x, 0.5, true, &random_state))
APPLY(matmul, ct_matmul(t, x, w, false, false))
APPLY(linear, ct_linear(t, x, w, NULL))
APPLY(l1, ct_l1_loss(t, x, w, CT_REDUCTION_MEAN))
APPLY(smooth_l1, ct_smooth_l1_loss(t, x, w, 1, CT_REDUCTION_MEAN))
APPLY(entropy, ct_bce_loss(t, x, w, CT_REDUCTION_MEAN))
APPLY(cross_entropy, ct_cross_entropy_loss(t, x, w, NULL, CT_REDUCTION_MEAN))
APPLY(mse, ct_mse_loss(t, x, w, CT_REDUCTION_MEAN))
APPLY(bce, ct_bce_with_logits_loss(t, x, w, CT_REDUCTION_MEAN))

#define IMAGES CT_SHAPE(64, 64, 32, 32)
static const struct op_case {
    const char *name;
    ct_shape x, w; /* w: the second operand, or of rank 0 */
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *x, ct_tensor *w);
    int classes; /* w holds numbers of so many classes, or 0 */
} cases[] = {
    { "add", IMAGES, IMAGES, apply_add, 0 },
    { "add a channel's bias", IMAGES, CT_SHAPE(64, 1, 1), apply_add, 0 },
    { "mul", IMAGES, IMAGES, apply_mul, 0 },
    { "mul by a channel's scale", IMAGES, CT_SHAPE(64, 1, 1), apply_mul, 0 },
    { "div", IMAGES, IMAGES, apply_div, 0 },
    { "maximum", IMAGES, IMAGES, apply_maximum, 0 },
    { "relu", IMAGES, { 0 }, apply_relu, 0 },
    { "leaky_relu", IMAGES, { 0 }, apply_leaky_relu, 0 },
    { "elu", IMAGES, { 0 }, apply_elu, 0 },
    { "gelu", IMAGES, { 0 }, apply_gelu, 0 },
    { "softplus", IMAGES, { 0 }, apply_softplus, 0 },
    { "tanh", IMAGES, { 0 }, apply_tanh, 0 },
    { "sigmoid", IMAGES, { 0 }, apply_sigmoid, 0 },
    { "exp", IMAGES, { 0 }, apply_exp, 0 },
    { "log", IMAGES, { 0 }, apply_log, 0 },
    { "erf", IMAGES, { 0 }, apply_erf, 0 },
    { "pow 2.5", IMAGES, { 0 }, apply_pow, 0 },
    { "abs", IMAGES, { 0 }, apply_abs, 0 },
    { "clamp", IMAGES, { 0 }, apply_clamp, 0 },
    { "square, sqrt", IMAGES, { 0 }, apply_sqrt, 0 },
    { "sum", IMAGES, { 0 }, apply_sum, 0 },
    { "sum over rows", CT_SHAPE(2048, 2048), { 0 }, apply_sum_0, 0 },
    { "sum over columns", CT_SHAPE(2048, 2048), { 0 }, apply_sum_1, 0 },
    { "mean of an image", IMAGES, { 0 }, apply_mean_23, 0 },
    { "var of a channel", IMAGES, { 0 }, apply_var, 0 },
    { "max", IMAGES, { 0 }, apply_max, 0 },
    { "max over channels", IMAGES, { 0 }, apply_max_1, 0 },
    { "max over columns", CT_SHAPE(2048, 2048), { 0 }, apply_max_row, 0 },
    { "softmax", CT_SHAPE(4096, 1000), { 0 }, apply_softmax, 0 },
    { "log_softmax over channels", IMAGES, { 0 }, apply_log_softmax_1, 0 },
    { "layer_norm", CT_SHAPE(4096, 1024), CT_SHAPE(1024), apply_layer_norm, 0 },
    { "group_norm", IMAGES, CT_SHAPE(64), apply_group_norm, 0 },
    { "instance_norm", IMAGES, CT_SHAPE(64), apply_instance_norm, 0 },
    { "batch_norm", IMAGES, CT_SHAPE(64), apply_batch_norm, 0 },
    { "batch_norm, leaky_relu", IMAGES, CT_SHAPE(64), apply_batch_norm_leaky, 0 },
    { "max_pool", IMAGES, { 0 }, apply_max_pool, 0 },
    { "max_pool 2", IMAGES, { 0 }, apply_max_quarter, 0 },
    { "avg_pool", IMAGES, { 0 }, apply_avg_pool, 0 },
    { "avg_pool 2", IMAGES, { 0 }, apply_avg_quarter, 0 },
    { "upsample nearest", CT_SHAPE(64, 16, 32, 32), { 0 }, apply_nearest, 0 },
    { "upsample bilinear", CT_SHAPE(64, 16, 32, 32), { 0 }, apply_bilinear, 0 },
    { "upsample bilinear, corners", CT_SHAPE(64, 16, 32, 32), { 0 }, apply_corners, 0 },
    { "transpose", CT_SHAPE(2048, 2048), { 0 }, apply_transpose, 0 },
    { "permute NCHW to NHWC", IMAGES, { 0 }, apply_permute, 0 },
    { "concat", IMAGES, IMAGES, apply_concat, 0 },
    { "slice of channels", IMAGES, { 0 }, apply_slice, 0 },
    { "flip", IMAGES, { 0 }, apply_flip, 0 },
    { "expand", CT_SHAPE(64, 64, 1, 1), { 0 }, apply_expand, 0 },
    { "gather", CT_SHAPE(4096, 1000), CT_SHAPE(4096, 1000), apply_gather, 1000 },
    { "pad, zeros", IMAGES, { 0 }, apply_pad_zeros, 0 },
    { "pad, reflect", IMAGES, { 0 }, apply_pad, 0 },
    { "dropout", IMAGES, { 0 }, apply_dropout, 0 },
    { "matmul", CT_SHAPE(1024, 1024), CT_SHAPE(1024, 1024), apply_matmul, 0 },
    { "matmul, batched", CT_SHAPE(256, 64, 64), CT_SHAPE(256, 64, 64), apply_matmul, 0 },
    { "linear", CT_SHAPE(64, 2048), CT_SHAPE(1000, 2048), apply_linear, 0 },
    { "mse_loss", IMAGES, IMAGES, apply_mse, 0 },
    { "l1_loss", IMAGES, IMAGES, apply_l1, 0 },
    { "smooth_l1_loss", IMAGES, IMAGES, apply_smooth_l1, 0 },
    { "bce_loss", IMAGES, IMAGES, apply_entropy, 0 },
    { "bce_with_logits_loss", IMAGES, IMAGES, apply_bce, 0 },
    { "cross_entropy of rows", CT_SHAPE(4096, 1000), CT_SHAPE(4096), apply_cross_entropy, 1000 },
    { "cross_entropy of pixels", CT_SHAPE(64, 21, 64, 64), CT_SHAPE(64, 64, 64), apply_cross_entropy, 21 },
};

struct job {
    const struct op_case *of;
    ct_tape *tape;
    ct_tensor *x, *w, *cotangent;
    bool backward;
};

static bool run_case(void *context)
{
    struct job *job = context;
    ct_tape_reset(job->tape);
    ct_zero_gradient(job->x), ct_zero_gradient(job->w);
    if (!job->backward)
        ct_no_grad_begin(job->tape);
    ct_tensor *y = job->of->apply(job->tape, job->x, job->w);
    if (!job->backward)
        ct_no_grad_end(job->tape);
    if (y != NULL && job->cotangent == NULL && (job->cotangent = ct_tensor_empty(CT_F32, ct_tensor_shape(y))) != NULL)
        ct_tensor_fill(job->cotangent, 1);
    return y != NULL && (!job->backward || ct_backward_from(job->tape, 1, &y, &job->cotangent, 0) == CT_OK);
}

static ct_tensor *operand(ct_shape shape, int classes, uint64_t seed)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F32, shape);
    if (tensor == NULL || ct_uniform(tensor, 0, 1, &(ct_random){ .seed = seed }) != CT_OK)
        return tensor;
    float *values = ct_tensor_data_mutable(tensor);
    for (int64_t i = 0; classes > 0 && i < ct_tensor_count(tensor); i++)
        values[i] = (float)(int)(values[i] * (float)classes);
    ct_requires_grad(tensor, classes == 0);
    return tensor;
}

static bool time_case(const struct op_case *of, double seconds)
{
    struct job job = { of, ct_tape_new(), operand(of->x, 0, 1), operand(of->w, of->classes, 2), NULL, false };
    struct measured forward, both;
    bool good = measure(run_case, &job, 3, seconds, &forward);
    job.backward = true;
    good = good && measure(run_case, &job, 3, seconds, &both);
    if (good)
        printf("{\"op\": \"%s\", \"forward_ms\": %.4f, \"both_ms\": %.4f, \"median_ms\": %.4f}\n", of->name, 1e3 * forward.minimum,
               1e3 * both.minimum, 1e3 * both.median);
    else
        fprintf(stderr, "bench-ops: %s: %s\n", of->name, job.tape != NULL ? ct_tape_message(job.tape) : "out of memory");
    fflush(stdout);
    ct_tensor_release(job.cotangent), ct_tensor_release(job.w), ct_tensor_release(job.x);
    ct_tape_free(job.tape);
    return good;
}

/* ---- optimizers: the step over parameters of many sizes, and the norm that clips ---- */

enum { PARAMETERS = 24, PARAMETER_LARGEST = 1 << 20 };

static const struct step_case {
    const char *name;
    ct_rule rule;
    double momentum;
    bool clip;
} steps[] = {
    { "SGD", CT_SGD, 0, false },
    { "SGD with momentum", CT_SGD, 0.9, false },
    { "Adam", CT_ADAM, 0, false },
    { "AdamW", CT_ADAMW, 0, false },
    { "RMSprop", CT_RMSPROP, 0, false },
    { "clip_grad_norm", CT_SGD, 0, true },
};

struct step_job {
    const struct step_case *of;
    ct_optimizer *optimizer;
    ct_tensor *parameter[PARAMETERS];
};

static bool run_step(void *context)
{
    struct step_job *job = context;
    return job->of->clip ? ct_clip_grad_norm(PARAMETERS, job->parameter, 1) >= 0 : ct_optimizer_step(job->optimizer) == CT_OK;
}

static bool time_step(const struct step_case *of, double seconds)
{
    struct step_job job = { of, ct_optimizer_new(of->rule), { NULL } };
    ct_error error = { CT_OK, "" };
    struct measured measured;
    bool good = true;
    for (int i = 0; i < PARAMETERS; i++) {
        const ct_shape shape = CT_SHAPE(PARAMETER_LARGEST >> i % 12);
        ct_tensor *gradient = operand(shape, 0, (uint64_t)i);
        job.parameter[i] = operand(shape, 0, (uint64_t)i + PARAMETERS);
        good = good && ct_requires_grad(gradient, false) == CT_OK && ct_set_gradient(job.parameter[i], gradient) == CT_OK;
        ct_tensor_release(gradient);
    }
    ct_optim_settings settings = ct_optim_defaults(of->rule);
    settings.momentum = of->momentum;
    good = good && ct_optimizer_add(job.optimizer, PARAMETERS, job.parameter, &settings, &error) == CT_OK &&
           measure(run_step, &job, 3, seconds, &measured);
    if (good)
        printf("{\"op\": \"%s\", \"forward_ms\": %.4f}\n", of->name, 1e3 * measured.minimum);
    else
        fprintf(stderr, "bench-ops: %s: %s\n", of->name, error.status != CT_OK ? error.message : "out of memory");
    fflush(stdout);
    ct_optimizer_free(job.optimizer);
    for (int i = 0; i < PARAMETERS; i++)
        ct_tensor_release(job.parameter[i]);
    return good;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "threads", required_argument, NULL, 't' },
                                             { "seconds", required_argument, NULL, 's' },
                                             { "filter", required_argument, NULL, 'f' },
                                             { NULL, 0, NULL, 0 } };
    const char *filter = "";
    double seconds = 0.2;
    long threads = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = "";
        if (option == 't')
            threads = strtol(optarg, &end, 10);
        else if (option == 's')
            seconds = strtod(optarg, &end);
        else if (option == 'f')
            filter = optarg;
        if (option == '?' || *end != '\0' || threads < 0 || threads > 1024 || !(seconds >= 0)) {
            fprintf(stderr, "usage: bench-ops [--threads N] [--seconds X] [--filter TEXT]\n");
            return 2;
        }
    }
    if (threads > 0)
        ct_set_num_threads((int)threads);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strstr(cases[i].name, filter) != NULL && !time_case(&cases[i], seconds))
            return 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strstr(steps[i].name, filter) != NULL && !time_step(&steps[i], seconds))
            return 1;
    return 0;
}
