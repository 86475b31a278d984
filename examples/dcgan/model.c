/* The two networks, to the letter of PyTorch's DCGAN example, and its training step. */
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

#define MOST_LAYERS 32

static const int64_t kernel[] = { 4, 4 };

/* Layers gathered one by one; the first failure frees them all. */
struct stack {
    ct_module *layer[MOST_LAYERS];
    int count;
};

static void push(struct stack *stack, ct_module *layer)
{
    stack->layer[stack->count++] = layer;
}

static int stages(int size)
{
    int count = 0;
    while (size > 4 << count)
        count++;
    return count;
}

static bool shape_good(const struct dcgan_shape *shape, ct_error *error)
{
    bool good = shape->size >= 16 && shape->size <= 128 && (shape->size & (shape->size - 1)) == 0 && shape->nz > 0 &&
                shape->ngf > 0 && shape->ndf > 0 && (shape->channels == 1 || shape->channels == 3);
    if (!good)
        ct_error_set(error, CT_BAD_ARGUMENT, "size %d, nz %d, ngf %d, ndf %d, %d channels: size is 16, 32, 64 or 128, the others ≥ 1",
                     shape->size, shape->nz, shape->ngf, shape->ndf, shape->channels);
    return good;
}

/* DCGAN's initialisation: convolutions N(0, 0.02); batch norms γ N(1, 0.02), β 0. Only convolutions have a weight of rank 4. */
static ct_module *initialise(ct_module *module, ct_random *random)
{
    for (int i = 0; module != NULL && i < ct_module_tensor_count(module); i++) {
        ct_named_tensor named = ct_module_tensor(module, i);
        size_t length = strlen(named.name);
        if (length >= 6 && strcmp(named.name + length - 6, "weight") == 0)
            ct_normal(named.tensor, ct_tensor_rank(named.tensor) == 4 ? 0 : 1, 0.02, random);
    }
    return module;
}

ct_module *dcgan_generator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error)
{
    if (!shape_good(shape, error))
        return NULL;
    static const ct_conv_options first = { .stride = { 1, 1 } }, later = { .stride = { 2, 2 }, .padding = { 1, 1 } };
    struct stack stack = { .count = 0 };
    int64_t in = shape->nz;
    for (int stage = stages(shape->size); stage > 0; stage--) {
        int64_t out = (int64_t)shape->ngf << (stage - 1);
        push(&stack, ct_conv_transpose_new(shape->dtype, 2, in, out, kernel, stack.count == 0 ? &first : &later, false, random,
                                           error));
        push(&stack, ct_batch_norm_new(shape->dtype, out, error));
        push(&stack, ct_relu_new(error));
        in = out;
    }
    push(&stack, ct_conv_transpose_new(shape->dtype, 2, in, shape->channels, kernel, &later, false, random, error));
    push(&stack, ct_tanh_new(error));
    return initialise(ct_sequential_new(stack.count, stack.layer, error), random);
}

ct_module *dcgan_discriminator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error)
{
    if (!shape_good(shape, error))
        return NULL;
    static const ct_conv_options last = { .stride = { 1, 1 } }, earlier = { .stride = { 2, 2 }, .padding = { 1, 1 } };
    struct stack stack = { .count = 0 };
    int64_t in = shape->channels;
    for (int stage = 0; stage < stages(shape->size); stage++) {
        int64_t out = (int64_t)shape->ndf << stage;
        push(&stack, ct_conv_new(shape->dtype, 2, in, out, kernel, &earlier, false, random, error));
        if (stage > 0)
            push(&stack, ct_batch_norm_new(shape->dtype, out, error));
        push(&stack, ct_leaky_relu_new(0.2, error));
        in = out;
    }
    push(&stack, ct_conv_new(shape->dtype, 2, in, 1, kernel, &last, false, random, error));
    push(&stack, ct_sigmoid_new(error));
    return initialise(ct_sequential_new(stack.count, stack.layer, error), random);
}

/* ---- training ---- */

static ct_optimizer *adam(ct_module *module, double lr, double beta1, ct_error *error)
{
    ct_optim_settings settings = ct_optim_defaults(CT_ADAM);
    settings.lr = lr;
    settings.beta1 = beta1;
    ct_optimizer *optimizer = ct_optimizer_new(CT_ADAM);
    if (optimizer == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for the optimizer");
    } else if (ct_optimizer_add_module(optimizer, module, &settings, error) != CT_OK) {
        ct_optimizer_free(optimizer);
        optimizer = NULL;
    }
    return optimizer;
}

ct_status dcgan_open(struct dcgan *gan, const struct dcgan_shape *shape, int batch, double lr, double beta1, ct_random *random,
                     ct_error *error)
{
    ct_error inner = { CT_NO_MEMORY, "out of memory" };
    *gan = (struct dcgan){ .shape = *shape };
    bool good = (gan->generator = dcgan_generator_new(shape, random, &inner)) != NULL &&
                (gan->discriminator = dcgan_discriminator_new(shape, random, &inner)) != NULL &&
                (gan->generator_optimizer = adam(gan->generator, lr, beta1, &inner)) != NULL &&
                (gan->discriminator_optimizer = adam(gan->discriminator, lr, beta1, &inner)) != NULL &&
                (gan->tape = ct_tape_new()) != NULL &&
                (gan->real_label = ct_tensor_ones(shape->dtype, CT_SHAPE(batch))) != NULL &&
                (gan->fake_label = ct_tensor_zeros(shape->dtype, CT_SHAPE(batch))) != NULL;
    if (good)
        return CT_OK;
    dcgan_close(gan);
    return ct_error_set(error, inner.status, "%s", inner.message);
}

void dcgan_close(struct dcgan *gan)
{
    ct_tape_free(gan->tape);
    ct_optimizer_free(gan->generator_optimizer);
    ct_optimizer_free(gan->discriminator_optimizer);
    ct_module_free(gan->generator);
    ct_module_free(gan->discriminator);
    ct_tensor_release(gan->real_label);
    ct_tensor_release(gan->fake_label);
    *gan = (struct dcgan){ .tape = NULL };
}

/* BCE of the discriminator's answer to images, differentiated; its mean answer goes to *answer. */
static double judge(struct dcgan *gan, ct_tensor *images, ct_tensor *label, double *answer)
{
    ct_tensor *output = ct_reshape(gan->tape, ct_module_forward(gan->discriminator, gan->tape, images), CT_SHAPE(-1));
    ct_tensor *loss = ct_bce_loss(gan->tape, output, label, CT_REDUCTION_MEAN);
    double sum = 0;
    int64_t count = output != NULL ? ct_tensor_count(output) : 0;
    for (int64_t i = 0; i < count; i++)
        sum += ct_tensor_at(output, i);
    *answer = sum / (double)count;
    ct_backward(gan->tape, loss);
    return loss != NULL ? ct_tensor_item(loss) : 0;
}

ct_status dcgan_step(struct dcgan *gan, ct_tensor *real, ct_tensor *noise, struct dcgan_report *report, ct_error *error)
{
    ct_tape_reset(gan->tape);

    /* The discriminator: up with log D(x) + log(1 − D(G(z))). The fake is detached: its generator learns nothing here. */
    ct_optimizer_zero_grad(gan->discriminator_optimizer);
    report->d_loss = judge(gan, real, gan->real_label, &report->d_real);
    ct_tensor *fake = ct_module_forward(gan->generator, gan->tape, noise);
    report->d_loss += judge(gan, ct_detach(gan->tape, fake), gan->fake_label, &report->d_fake);
    if (ct_tape_status(gan->tape) == CT_OK)
        ct_optimizer_step(gan->discriminator_optimizer);

    /* The generator: up with log D(G(z)). The discriminator's own gradients are not needed, so they are not computed. */
    ct_optimizer_zero_grad(gan->generator_optimizer);
    ct_module_requires_grad(gan->discriminator, false);
    report->g_loss = judge(gan, fake, gan->real_label, &report->d_fake_after);
    ct_module_requires_grad(gan->discriminator, true);
    if (ct_tape_status(gan->tape) == CT_OK)
        ct_optimizer_step(gan->generator_optimizer);

    ct_status status = ct_tape_status(gan->tape);
    return status == CT_OK ? CT_OK : ct_error_set(error, status, "%s", ct_tape_message(gan->tape));
}

ct_tensor *dcgan_sample(ct_module *generator, ct_tape *tape, ct_tensor *noise, ct_error *error)
{
    ct_tape_reset(tape);
    ct_module_train(generator, false);
    ct_no_grad_begin(tape);
    ct_tensor *images = ct_tensor_retain(ct_module_forward(generator, tape, noise));
    ct_no_grad_end(tape);
    ct_module_train(generator, true);
    if (images == NULL)
        ct_error_set(error, ct_tape_status(tape), "%s", ct_tape_message(tape));
    ct_tape_reset(tape);
    return images;
}
