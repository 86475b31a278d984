/* Ten steps of PyTorch's DCGAN example in float64, by our ops, layers and Adam; golden/make_golden_dcgan.py is the other side. */
#include "golden/golden.h"

#include <string.h>

enum { STEPS = 10, BATCH = 4, NZ = 8, NGF = 4, NDF = 4, NC = 1 };

static uint64_t state;

static ct_random random_state = { .seed = 1 };

static ct_module *up(int64_t in, int64_t out, int64_t stride, int64_t padding)
{
    ct_conv_options options = { .stride = CT_ALL(stride), .padding = CT_ALL(padding) };
    return ct_conv_transpose_new(CT_F64, 2, in, out, (int64_t[]){ 4, 4 }, &options, false, &random_state, NULL);
}

static ct_module *down(int64_t in, int64_t out, int64_t stride, int64_t padding)
{
    ct_conv_options options = { .stride = CT_ALL(stride), .padding = CT_ALL(padding) };
    return ct_conv_new(CT_F64, 2, in, out, (int64_t[]){ 4, 4 }, &options, false, &random_state, NULL);
}

static ct_module *norm(int64_t channels)
{
    return ct_batch_norm_new(CT_F64, channels, NULL);
}

static ct_module *leaky(void)
{
    return ct_leaky_relu_new(0.2, NULL);
}

static ct_module *generator(void)
{
    ct_module *layers[] = { up(NZ, NGF * 4, 1, 0),      norm(NGF * 4), ct_relu_new(NULL),
                            up(NGF * 4, NGF * 2, 2, 1), norm(NGF * 2), ct_relu_new(NULL),
                            up(NGF * 2, NGF, 2, 1),     norm(NGF),     ct_relu_new(NULL),
                            up(NGF, NC, 2, 1),          ct_tanh_new(NULL) };
    return ct_sequential_new((int)(sizeof layers / sizeof *layers), layers, NULL);
}

static ct_module *discriminator(void)
{
    ct_module *layers[] = { down(NC, NDF, 2, 1),          leaky(),
                            down(NDF, NDF * 2, 2, 1),     norm(NDF * 2), leaky(),
                            down(NDF * 2, NDF * 4, 2, 1), norm(NDF * 4), leaky(),
                            down(NDF * 4, 1, 1, 0),       ct_sigmoid_new(NULL) };
    return ct_sequential_new((int)(sizeof layers / sizeof *layers), layers, NULL);
}

static ct_optimizer *adam(ct_module *net)
{
    ct_optim_settings settings = ct_optim_defaults(CT_ADAM);
    settings.lr = 2e-4, settings.beta1 = 0.5, settings.beta2 = 0.999;
    ct_optimizer *optimizer = ct_optimizer_new(CT_ADAM);
    cr_assert(ct_optimizer_add_module(optimizer, net, &settings, NULL) == CT_OK);
    return optimizer;
}

/* BCE of the discriminator's word on the images against one label; its gradients are added up. */
static double judge(ct_tape *tape, ct_module *net, ct_tensor *images, ct_tensor *label)
{
    ct_tensor *output = ct_reshape(tape, ct_module_forward(net, tape, images), CT_SHAPE(-1));
    ct_tensor *loss = ct_bce_loss(tape, output, label, CT_REDUCTION_MEAN);
    cr_assert(loss, "%s", ct_tape_message(tape));
    cr_assert(ct_backward_from(tape, 1, &loss, NULL, CT_RETAIN_GRAPH) == CT_OK, "%s", ct_tape_message(tape));
    return ct_tensor_item(loss);
}

static void train(ct_module *net_g, ct_module *net_d, double losses[STEPS][3])
{
    ct_optimizer *optimizer_g = adam(net_g), *optimizer_d = adam(net_d);
    ct_tensor *real = ct_tensor_zeros(CT_F64, CT_SHAPE(BATCH, NC, 32, 32));
    ct_tensor *noise = ct_tensor_zeros(CT_F64, CT_SHAPE(BATCH, NZ, 1, 1));
    ct_tensor *ones = ct_tensor_ones(CT_F64, CT_SHAPE(BATCH)), *zeros = ct_tensor_zeros(CT_F64, CT_SHAPE(BATCH));
    ct_tape *tape = ct_tape_new();
    for (int step = 0; step < STEPS; step++) {
        ct_module_zero_gradients(net_d);
        golden_draw(&state, real, 1, 0);
        losses[step][0] = judge(tape, net_d, real, ones);
        golden_draw(&state, noise, 1, 0);
        ct_tensor *fake = ct_module_forward(net_g, tape, noise);
        losses[step][1] = judge(tape, net_d, ct_detach(tape, fake), zeros);
        cr_assert(ct_optimizer_step(optimizer_d) == CT_OK);

        ct_module_zero_gradients(net_g);
        losses[step][2] = judge(tape, net_d, fake, ones);
        cr_assert(ct_optimizer_step(optimizer_g) == CT_OK);
        ct_tape_reset(tape);
    }
    ct_tape_free(tape);
    ct_tensor_release(real), ct_tensor_release(noise), ct_tensor_release(ones), ct_tensor_release(zeros);
    ct_optimizer_free(optimizer_g), ct_optimizer_free(optimizer_d);
}

Test(golden, dcgan)
{
    ct_module *net_g = generator(), *net_d = discriminator();
    cr_assert(net_g && net_d);
    state = 1;
    golden_draw_parameters(&state, net_g, 0.125);
    golden_draw_parameters(&state, net_d, 0.125);
    double losses[STEPS][3];
    train(net_g, net_d, losses);
    ct_tensor *all_losses = ct_tensor_from(CT_F64, CT_SHAPE(STEPS, 3), losses);

    int compared = 0;
    char name[100];
    FILE *file = golden_open("dcgan.txt");
    while (fscanf(file, "%99s", name) == 1) {
        ct_tensor *expected = golden_tensor(file);
        ct_tensor *got = strcmp(name, "losses") == 0 ? all_losses : ct_module_find(*name == 'G' ? net_g : net_d, name + 2);
        cr_assert(got, "no tensor %s", name);
        if (ct_tensor_count(expected) == 1 && ct_tensor_count(got) == 1)
            cr_expect(ct_tensor_item(got) == ct_tensor_item(expected), "%s is %g", name, ct_tensor_item(got));
        else
            golden_close("dcgan", name, 0, got, expected, 1e-8);
        ct_tensor_release(expected);
        compared++;
    }
    cr_expect(compared == 1 + ct_module_tensor_count(net_g) + ct_module_tensor_count(net_d));
    fclose(file);
    ct_tensor_release(all_losses);
    ct_module_free(net_g), ct_module_free(net_d);
}
