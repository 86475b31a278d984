/* The losses: one training step each. */
#include <string.h>

#include "dcgan.h"

#define LAMBDA 10 /* weight of the gradient penalty, the paper's */

/* ---- what the steps share ---- */

static double mean_of(const ct_tensor *tensor)
{
    double sum = 0;
    int64_t count = tensor != NULL ? ct_tensor_count(tensor) : 0;
    for (int64_t i = 0; i < count; i++)
        sum += ct_tensor_at(tensor, i);
    return sum / (double)count;
}

/* The discriminator's answer to images, (batch). */
static ct_tensor *answer(struct dcgan *gan, ct_tensor *images)
{
    return ct_reshape(gan->tape, ct_module_forward(gan->discriminator, gan->tape, images), CT_SHAPE(-1));
}

/* Gradients go as soon as they are used: what they held serves the other network's step. */
static ct_status update(const struct dcgan *gan, ct_optimizer *optimizer, ct_error *error)
{
    ct_status status = ct_tape_status(gan->tape);
    if (status != CT_OK)
        ct_error_set(error, status, "%s", ct_tape_message(gan->tape));
    else if ((status = ct_optimizer_step(optimizer)) != CT_OK)
        ct_error_set(error, status, "the optimizer cannot take its step: %s", ct_status_string(status));
    ct_optimizer_zero_grad(optimizer);
    return status;
}

/* ---- gan: PyTorch's DCGAN example ---- */

/* BCE of the discriminator's answer to images, differentiated; its mean answer goes to *mean. */
static double judge(struct dcgan *gan, ct_tensor *images, ct_tensor *label, double *mean)
{
    ct_tensor *output = answer(gan, images);
    ct_tensor *loss = ct_bce_loss(gan->tape, output, label, CT_REDUCTION_MEAN);
    *mean = mean_of(output);
    ct_backward(gan->tape, loss);
    return loss != NULL ? ct_tensor_item(loss) : 0;
}

static ct_status step_gan(struct dcgan *gan, dcgan_draw draw, void *context, struct dcgan_report *report, ct_error *error)
{
    ct_status status = draw(context, gan->real, gan->noise, NULL, error);
    if (status != CT_OK)
        return status;
    ct_tape_reset(gan->tape);

    /* The discriminator: up with log D(x) + log(1 − D(G(z))). The fake is detached: its generator learns nothing here. */
    ct_optimizer_zero_grad(gan->discriminator_optimizer);
    report->d_loss = judge(gan, gan->real, gan->real_label, &report->d_real);
    ct_tensor *fake = ct_module_forward(gan->generator, gan->tape, gan->noise);
    report->d_loss += judge(gan, ct_detach(gan->tape, fake), gan->fake_label, &report->d_fake);
    status = update(gan, gan->discriminator_optimizer, error);
    if (status != CT_OK)
        return status;

    /* The generator: up with log D(G(z)). The discriminator's own gradients are not needed, so they are not computed. */
    ct_optimizer_zero_grad(gan->generator_optimizer);
    ct_module_requires_grad(gan->discriminator, false);
    report->g_loss = judge(gan, fake, gan->real_label, &report->d_fake_after);
    ct_module_requires_grad(gan->discriminator, true);
    return update(gan, gan->generator_optimizer, error);
}

/* ---- wgan-gp: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, algorithm 1 ---- */

ct_tensor *dcgan_gradient_penalty(ct_tape *tape, ct_module *critic, ct_tensor *real, ct_tensor *fake, ct_tensor *mix,
                                  double lambda)
{
    ct_no_grad_begin(tape);
    ct_tensor *between = ct_add(tape, fake, ct_mul(tape, mix, ct_sub(tape, real, fake)));
    ct_no_grad_end(tape);
    if (between == NULL)
        return NULL;
    ct_requires_grad(between, true);
    ct_tensor *sum = ct_sum(tape, ct_module_forward(critic, tape, between)), *gradient = NULL;
    if (ct_grad(tape, 1, &sum, NULL, 1, &between, &gradient, CT_CREATE_GRAPH) != CT_OK)
        return NULL;
    /* The square root has no derivative at 0, where a dead critic stands; 1e-12 is far below what the norm is elsewhere. */
    ct_tensor *squares = ct_sum_axes(tape, ct_square(tape, gradient), CT_AXES(1, 2, 3), false);
    ct_tensor *norm = ct_sqrt(tape, ct_add_scalar(tape, squares, 1e-12));
    return ct_scale(tape, ct_mean(tape, ct_square(tape, ct_add_scalar(tape, norm, -1))), lambda);
}

static ct_status step_critic(struct dcgan *gan, struct dcgan_report *report, ct_error *error)
{
    ct_tape *tape = gan->tape;
    ct_tape_reset(tape);
    ct_optimizer_zero_grad(gan->discriminator_optimizer);
    ct_no_grad_begin(tape);
    ct_tensor *fake = ct_module_forward(gan->generator, tape, gan->noise);
    ct_no_grad_end(tape);

    /* E D(G(z)) − E D(x) is minus the distance of the two distributions, as far as D has slope 1. */
    ct_tensor *to_real = ct_mean(tape, answer(gan, gan->real)), *to_fake = ct_mean(tape, answer(gan, fake));
    ct_tensor *penalty = dcgan_gradient_penalty(tape, gan->discriminator, gan->real, fake, gan->mix, LAMBDA);
    ct_tensor *loss = ct_add(tape, ct_sub(tape, to_fake, to_real), penalty);
    ct_backward(tape, loss);
    ct_status status = update(gan, gan->discriminator_optimizer, error);
    if (loss != NULL)
        *report = (struct dcgan_report){ .d_loss = ct_tensor_item(loss), .d_real = ct_tensor_item(to_real),
                                         .d_fake = ct_tensor_item(to_fake), .penalty = ct_tensor_item(penalty) };
    return status;
}

static ct_status step_wgan_gp(struct dcgan *gan, dcgan_draw draw, void *context, struct dcgan_report *report, ct_error *error)
{
    ct_status status = CT_OK;
    for (int i = 0; i < gan->loss->d_steps && status == CT_OK; i++) {
        status = draw(context, gan->real, gan->noise, gan->mix, error);
        if (status == CT_OK)
            status = step_critic(gan, report, error);
    }
    if (status == CT_OK)
        status = draw(context, NULL, gan->noise, NULL, error);
    if (status != CT_OK)
        return status;

    ct_tape *tape = gan->tape;
    ct_tape_reset(tape);
    ct_optimizer_zero_grad(gan->generator_optimizer);
    ct_module_requires_grad(gan->discriminator, false);
    ct_tensor *loss = ct_neg(tape, ct_mean(tape, answer(gan, ct_module_forward(gan->generator, tape, gan->noise))));
    ct_backward(tape, loss);
    ct_module_requires_grad(gan->discriminator, true);
    report->g_loss = loss != NULL ? ct_tensor_item(loss) : 0;
    report->d_fake_after = -report->g_loss;
    return update(gan, gan->generator_optimizer, error);
}

/* ---- the rows ---- */

const struct dcgan_loss dcgan_gan = { "gan", dcgan_discriminator_new, 1, 0.0002, 0.5, 0.999, step_gan };
const struct dcgan_loss dcgan_wgan_gp = { "wgan-gp", dcgan_critic_new, 5, 0.0001, 0, 0.9, step_wgan_gp };

static const struct dcgan_loss *const losses[] = { &dcgan_gan, &dcgan_wgan_gp };

const struct dcgan_loss *dcgan_loss_named(const char *name)
{
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (strcmp(losses[i]->name, name) == 0)
            return losses[i];
    return NULL;
}

/* ---- open, step, close ---- */

static ct_optimizer *adam(ct_module *module, const struct dcgan_loss *loss, double lr, double beta1, ct_error *error)
{
    ct_optim_settings settings = ct_optim_defaults(CT_ADAM);
    settings.lr = lr >= 0 ? lr : loss->lr;
    settings.beta1 = beta1 >= 0 ? beta1 : loss->beta1;
    settings.beta2 = loss->beta2;
    ct_optimizer *optimizer = ct_optimizer_new(CT_ADAM);
    if (optimizer == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for the optimizer");
    } else if (ct_optimizer_add_module(optimizer, module, &settings, error) != CT_OK) {
        ct_optimizer_free(optimizer);
        optimizer = NULL;
    }
    return optimizer;
}

ct_status dcgan_open(struct dcgan *gan, const struct dcgan_loss *loss, const struct dcgan_shape *shape, int batch, double lr,
                     double beta1, ct_random *random, ct_error *error)
{
    ct_error inner = { CT_NO_MEMORY, "out of memory" };
    ct_dtype dtype = shape->dtype;
    *gan = (struct dcgan){ .shape = *shape, .loss = loss };
    bool good = (gan->generator = dcgan_generator_new(shape, random, &inner)) != NULL &&
                (gan->discriminator = loss->discriminator_new(shape, random, &inner)) != NULL &&
                (gan->generator_optimizer = adam(gan->generator, loss, lr, beta1, &inner)) != NULL &&
                (gan->discriminator_optimizer = adam(gan->discriminator, loss, lr, beta1, &inner)) != NULL &&
                (gan->tape = ct_tape_new()) != NULL &&
                (gan->real = ct_tensor_zeros(dtype, CT_SHAPE(batch, shape->channels, shape->size, shape->size))) != NULL &&
                (gan->noise = ct_tensor_zeros(dtype, CT_SHAPE(batch, shape->nz, 1, 1))) != NULL &&
                (gan->mix = ct_tensor_zeros(dtype, CT_SHAPE(batch, 1, 1, 1))) != NULL &&
                (gan->real_label = ct_tensor_ones(dtype, CT_SHAPE(batch))) != NULL &&
                (gan->fake_label = ct_tensor_zeros(dtype, CT_SHAPE(batch))) != NULL;
    if (good)
        return CT_OK;
    dcgan_close(gan);
    return ct_error_set(error, inner.status, "%s", inner.message);
}

ct_status dcgan_step(struct dcgan *gan, dcgan_draw draw, void *context, struct dcgan_report *report, ct_error *error)
{
    return gan->loss->step(gan, draw, context, report, error);
}

void dcgan_close(struct dcgan *gan)
{
    ct_tape_free(gan->tape);
    ct_optimizer_free(gan->generator_optimizer);
    ct_optimizer_free(gan->discriminator_optimizer);
    ct_module_free(gan->generator);
    ct_module_free(gan->discriminator);
    ct_tensor *tensors[] = { gan->real, gan->noise, gan->mix, gan->real_label, gan->fake_label };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        ct_tensor_release(tensors[i]);
    *gan = (struct dcgan){ .tape = NULL };
}
