/* bench-ops: ops that are no convolution, forward and forward with backward, float32; bench/torch_ops.py is the same in PyTorch. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cotangent/cotangent.h>

#include "measure.h"

static const ct_pool_options pool = { .kernel = { 3, 3 }, .stride = { 2, 2 }, .padding = { 1, 1 } };
static const int64_t twice[] = { 64, 64 }, pad[] = { 1, 1, 1, 1 };
static ct_random random_state = { .seed = 1 };

#define APPLY(name, expression) \
    static ct_tensor *apply_##name(ct_tape *t, ct_tensor *x, ct_tensor *w) { return (void)w, expression; }
APPLY(add, ct_add(t, x, w))
APPLY(mul, ct_mul(t, x, w))
APPLY(leaky_relu, ct_leaky_relu(t, x, 0.2))
APPLY(elu, ct_elu(t, x, 1))
APPLY(gelu, ct_gelu(t, x))
APPLY(tanh, ct_tanh(t, x))
APPLY(sigmoid, ct_sigmoid(t, x))
APPLY(exp, ct_exp(t, x))
APPLY(sqrt, ct_sqrt(t, ct_square(t, x)))
APPLY(sum, ct_sum(t, x))
APPLY(sum_0, ct_sum_axes(t, x, CT_AXES(0), false))
APPLY(sum_1, ct_sum_axes(t, x, CT_AXES(1), false))
APPLY(var, ct_var_axes(t, x, CT_AXES(0, 2, 3), 1, false))
APPLY(max_1, ct_max_axes(t, x, CT_AXES(1), false))
APPLY(softmax, ct_softmax(t, x, -1))
APPLY(log_softmax_1, ct_log_softmax(t, x, 1))
APPLY(layer_norm, ct_layer_norm(t, x, 1, w, w, 1e-5))
APPLY(group_norm, ct_group_norm(t, x, 8, w, w, 1e-5))
APPLY(batch_norm, ct_batch_norm(t, x, NULL, NULL, w, w, true, 0.1, 1e-5))
APPLY(max_pool, ct_max_pool2d(t, x, &pool))
APPLY(avg_pool, ct_avg_pool2d(t, x, &pool))
APPLY(nearest, ct_upsample_nearest(t, x, twice))
APPLY(bilinear, ct_upsample_bilinear(t, x, twice, false))
APPLY(transpose, ct_transpose(t, x, 0, 1))
APPLY(permute, ct_permute(t, x, CT_AXES(0, 2, 3, 1)))
APPLY(concat, ct_concat(t, 2, ((ct_tensor *[]){ x, w }), 1))
APPLY(pad, ct_pad(t, x, 4, pad, CT_REFLECT))
APPLY(dropout, ct_dropout(t, x, 0.5, true, &random_state))
APPLY(matmul, ct_matmul(t, x, w, false, false))
APPLY(linear, ct_linear(t, x, w, NULL))
APPLY(mse, ct_mse_loss(t, x, w, CT_REDUCTION_MEAN))
APPLY(bce, ct_bce_with_logits_loss(t, x, w, CT_REDUCTION_MEAN))

#define IMAGES CT_SHAPE(64, 64, 32, 32)
static const struct op_case {
    const char *name;
    ct_shape x, w; /* w: the second operand, or of rank 0 */
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *x, ct_tensor *w);
} cases[] = {
    { "add", IMAGES, IMAGES, apply_add },
    { "mul by a channel's scale", IMAGES, CT_SHAPE(64, 1, 1), apply_mul },
    { "leaky_relu", IMAGES, { 0 }, apply_leaky_relu },
    { "elu", IMAGES, { 0 }, apply_elu },
    { "gelu", IMAGES, { 0 }, apply_gelu },
    { "tanh", IMAGES, { 0 }, apply_tanh },
    { "sigmoid", IMAGES, { 0 }, apply_sigmoid },
    { "exp", IMAGES, { 0 }, apply_exp },
    { "square, sqrt", IMAGES, { 0 }, apply_sqrt },
    { "sum", IMAGES, { 0 }, apply_sum },
    { "sum over rows", CT_SHAPE(2048, 2048), { 0 }, apply_sum_0 },
    { "sum over columns", CT_SHAPE(2048, 2048), { 0 }, apply_sum_1 },
    { "var of a channel", IMAGES, { 0 }, apply_var },
    { "max over channels", IMAGES, { 0 }, apply_max_1 },
    { "softmax", CT_SHAPE(4096, 1000), { 0 }, apply_softmax },
    { "log_softmax over channels", IMAGES, { 0 }, apply_log_softmax_1 },
    { "layer_norm", CT_SHAPE(4096, 1024), CT_SHAPE(1024), apply_layer_norm },
    { "group_norm", IMAGES, CT_SHAPE(64), apply_group_norm },
    { "batch_norm", IMAGES, CT_SHAPE(64), apply_batch_norm },
    { "max_pool", IMAGES, { 0 }, apply_max_pool },
    { "avg_pool", IMAGES, { 0 }, apply_avg_pool },
    { "upsample nearest", CT_SHAPE(64, 16, 32, 32), { 0 }, apply_nearest },
    { "upsample bilinear", CT_SHAPE(64, 16, 32, 32), { 0 }, apply_bilinear },
    { "transpose", CT_SHAPE(2048, 2048), { 0 }, apply_transpose },
    { "permute NCHW to NHWC", IMAGES, { 0 }, apply_permute },
    { "concat", IMAGES, IMAGES, apply_concat },
    { "pad, reflect", IMAGES, { 0 }, apply_pad },
    { "dropout", IMAGES, { 0 }, apply_dropout },
    { "matmul", CT_SHAPE(1024, 1024), CT_SHAPE(1024, 1024), apply_matmul },
    { "matmul, batched", CT_SHAPE(256, 64, 64), CT_SHAPE(256, 64, 64), apply_matmul },
    { "linear", CT_SHAPE(64, 2048), CT_SHAPE(1000, 2048), apply_linear },
    { "mse_loss", IMAGES, IMAGES, apply_mse },
    { "bce_with_logits_loss", IMAGES, IMAGES, apply_bce },
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

static ct_tensor *operand(ct_shape shape, uint64_t seed)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F32, shape);
    if (tensor != NULL && ct_uniform(tensor, 0, 1, &(ct_random){ .seed = seed }) == CT_OK)
        ct_requires_grad(tensor, true);
    return tensor;
}

static bool time_case(const struct op_case *of, double seconds)
{
    struct job job = { of, ct_tape_new(), operand(of->x, 1), operand(of->w, 2), NULL, false };
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
    return 0;
}
