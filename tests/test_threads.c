/* The number of threads changes no bit: of whole training steps, and of the ops whose work is cut. */
#include <string.h>

#include <criterion/criterion.h>

#include "../examples/dcgan/dcgan.h"

static const int threads[] = { 1, 2, 3, 4, 8 };
enum { COUNTS = sizeof threads / sizeof *threads };

/* ---- training ---- */

static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    (void)error;
    if (real != NULL)
        ct_uniform(real, -1, 1, context);
    if (noise != NULL)
        ct_normal(noise, 0, 1, context);
    if (mix != NULL)
        ct_uniform(mix, 0, 1, context);
    return CT_OK;
}

/* All that a run leaves: the steps' reports, then every tensor of both networks. The caller's to free. */
static char *run_of(const struct dcgan_loss *loss, const struct dcgan_shape *shape, int batch, int steps, int count, size_t *size)
{
    ct_set_num_threads(count);
    ct_random weights = { .seed = 1 }, random = { .seed = 2 };
    ct_error error = { CT_OK, "" };
    struct dcgan gan;
    cr_assert_eq(dcgan_open(&gan, loss, shape, batch, -1, -1, &weights, &error), CT_OK, "%s", error.message);
    struct dcgan_report report = { 0 };
    char *all = NULL;
    FILE *file = open_memstream(&all, size);
    for (int step = 0; step < steps; step++) {
        cr_assert_eq(dcgan_step(&gan, draw, &random, &report, &error), CT_OK, "%s", error.message);
        fwrite(&report, sizeof report, 1, file);
    }
    ct_module *const nets[] = { gan.generator, gan.discriminator };
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < ct_module_tensor_count(nets[n]); i++) {
            const ct_tensor *tensor = ct_module_tensor(nets[n], i).tensor;
            const size_t element = ct_tensor_dtype(tensor) == CT_F32 ? sizeof(float) : sizeof(double);
            fwrite(ct_tensor_data(tensor), element, (size_t)ct_tensor_count(tensor), file);
        }
    fclose(file);
    dcgan_close(&gan);
    return all;
}

static void expect_same_training(const struct dcgan_loss *loss, struct dcgan_shape shape, int batch, int steps)
{
    size_t size, other_size;
    char *one = run_of(loss, &shape, batch, steps, threads[0], &size);
    for (int t = 1; t < COUNTS; t++) {
        char *other = run_of(loss, &shape, batch, steps, threads[t], &other_size);
        cr_expect(size == other_size && memcmp(one, other, size) == 0, "%s, size %d: %d threads differ from 1", loss->name, shape.size,
                  threads[t]);
        free(other);
    }
    free(one);
}

Test(threads, twenty_steps_are_the_same_for_any_number)
{
    expect_same_training(&dcgan_gan, (struct dcgan_shape){ CT_F32, 32, 1, 20, 8, 8, 4 }, 8, 20);
}

Test(threads, wide_layers_too)
{
    expect_same_training(&dcgan_gan, (struct dcgan_shape){ CT_F32, 64, 3, 20, 16, 16, 4 }, 3, 1);
}

Test(threads, a_gradient_penalty_too)
{
    expect_same_training(&dcgan_wgan_gp, (struct dcgan_shape){ CT_F32, 16, 1, 10, 8, 8, 4 }, 4, 3);
}

/* ---- ops: large enough to be cut ---- */

static ct_tensor *matmul(ct_tape *tape, ct_tensor *x) { return ct_matmul(tape, x, x, false, true); }
static ct_tensor *sum_rows(ct_tape *tape, ct_tensor *x) { return ct_sum_axes(tape, x, CT_AXES(0), false); }
static ct_tensor *sum_columns(ct_tape *tape, ct_tensor *x) { return ct_sum_axes(tape, x, CT_AXES(-1), false); }
static ct_tensor *softmax(ct_tape *tape, ct_tensor *x) { return ct_softmax(tape, x, 1); }
static ct_tensor *layer_norm(ct_tape *tape, ct_tensor *x) { return ct_layer_norm(tape, x, 1, NULL, NULL, 1e-5); }
static ct_tensor *batch_norm(ct_tape *tape, ct_tensor *x) { return ct_batch_norm(tape, x, NULL, NULL, NULL, NULL, true, 0.1, 1e-5); }
static ct_tensor *mse(ct_tape *tape, ct_tensor *x) { return ct_mse_loss(tape, x, ct_exp(tape, x), CT_REDUCTION_MEAN); }
static ct_tensor *logits(ct_tape *tape, ct_tensor *x) { return ct_bce_with_logits_loss(tape, x, ct_sigmoid(tape, x), CT_REDUCTION_NONE); }

static const struct {
    const char *name;
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *x);
} ops[] = {
    { "sum", ct_sum }, { "mean", ct_mean }, { "sum of rows", sum_rows }, { "sum of columns", sum_columns }, { "tanh", ct_tanh },
    { "gelu", ct_gelu }, { "matmul", matmul }, { "softmax", softmax }, { "layer_norm", layer_norm }, { "batch_norm", batch_norm },
    { "max", ct_max }, { "mse_loss", mse }, { "bce_with_logits_loss", logits },
};

/* Values and gradients of one op at a time. */
Test(threads, ops_are_the_same_for_any_number)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        ct_random random = { .seed = 5 };
        ct_tensor *x = ct_tensor_zeros(CT_F32, CT_SHAPE(700, 333)), *values = NULL, *gradient = NULL;
        ct_normal(x, 0, 1, &random);
        ct_requires_grad(x, true);
        for (int t = 0; t < COUNTS; t++) {
            ct_set_num_threads(threads[t]);
            ct_tape *tape = ct_tape_new();
            ct_tensor *y = ops[i].apply(tape, x);
            ct_zero_gradient(x);
            cr_assert_eq(ct_backward(tape, ct_sum(tape, ct_square(tape, y))), CT_OK, "%s", ct_tape_message(tape));
            if (t == 0) {
                values = ct_tensor_clone(y);
                gradient = ct_tensor_clone(ct_gradient(x));
            }
            const size_t bytes = (size_t)ct_tensor_count(y) * sizeof(float);
            cr_expect(memcmp(ct_tensor_data(y), ct_tensor_data(values), bytes) == 0, "%s with %d threads", ops[i].name, threads[t]);
            cr_expect(memcmp(ct_tensor_data(ct_gradient(x)), ct_tensor_data(gradient), 700 * 333 * sizeof(float)) == 0,
                      "the gradient of %s with %d threads", ops[i].name, threads[t]);
            ct_tape_free(tape);
        }
        ct_tensor_release(x), ct_tensor_release(values), ct_tensor_release(gradient);
    }
}
