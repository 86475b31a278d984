/* WGAN-GP: the gradient penalty and its gradients against PyTorch's numbers and against differences, and whole steps. */
#include "golden/golden.h"

#include <math.h>
#include <string.h>

#include "../examples/dcgan/dcgan.h"

enum { STEPS = 2, BATCH = 3 };

static const struct dcgan_shape shape = { CT_F64, 16, 1, 5, 3, 3, 4 };
static uint64_t state;

static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    (void)context, (void)error;
    if (real != NULL)
        golden_draw(&state, real, 1, 0);
    if (noise != NULL)
        golden_draw(&state, noise, 1, 0);
    if (mix != NULL)
        golden_draw(&state, mix, 0.5, 0.5);
    return CT_OK;
}

/* The networks of golden/make_golden_wgan_gp.py, and two batches of images with their mix. */
static void open_networks(struct dcgan *gan, ct_tensor **fake)
{
    ct_error error = { CT_OK, "" };
    cr_assert_eq(dcgan_open(gan, &dcgan_wgan_gp, &shape, BATCH, -1, -1, &(ct_random){ .seed = 1 }, &error), CT_OK, "%s",
                 error.message);
    state = 1;
    golden_draw_parameters(&state, gan->discriminator, 0.25);
    golden_draw_parameters(&state, gan->generator, 0.25);
    *fake = ct_tensor_zeros(CT_F64, CT_SHAPE(BATCH, 1, 16, 16));
    golden_draw(&state, gan->real, 1, 0);
    golden_draw(&state, *fake, 1, 0);
    golden_draw(&state, gan->mix, 0.5, 0.5);
}

static double penalty(struct dcgan *gan, ct_tensor *fake, bool differentiate)
{
    ct_tape_reset(gan->tape);
    ct_tensor *value = dcgan_gradient_penalty(gan->tape, gan->discriminator, gan->real, fake, gan->mix, 10);
    cr_assert_not_null(value, "%s", ct_tape_message(gan->tape));
    if (differentiate)
        cr_assert_eq(ct_backward(gan->tape, value), CT_OK, "%s", ct_tape_message(gan->tape));
    return ct_tensor_item(value);
}

Test(wgan_gp, is_pytorchs)
{
    struct dcgan gan;
    ct_tensor *fake;
    open_networks(&gan, &fake);
    FILE *file = golden_open("wgan_gp.txt");
    char name[64];
    double value = penalty(&gan, fake, true), losses[STEPS][3];
    int compared = 0;
    while (fscanf(file, "%63s", name) == 1) {
        ct_tensor *expected = golden_tensor(file);
        if (strcmp(name, "penalty") == 0) {
            cr_expect_float_eq(value, ct_tensor_item(expected), 1e-9);
        } else if (strncmp(name, "gradient.", 9) == 0) { /* the last layer's included: its weights multiply the gradient */
            ct_tensor *got = ct_gradient(ct_module_find(gan.discriminator, name + 9));
            double largest = 0;
            for (int64_t i = 0; i < ct_tensor_count(expected); i++)
                largest = fmax(largest, fabs(ct_tensor_at(expected, i)));
            if (got != NULL)
                golden_close("wgan_gp", name, 0, got, expected, 1e-9);
            else
                cr_expect(largest == 0, "%s has no gradient, PyTorch's is up to %g", name, largest);
        } else if (strcmp(name, "losses") == 0) {
            for (int step = 0; step < STEPS; step++) {
                struct dcgan_report report;
                ct_error error = { CT_OK, "" };
                cr_assert_eq(dcgan_step(&gan, draw, NULL, &report, &error), CT_OK, "%s", error.message);
                memcpy(losses[step], (double[]){ report.d_loss, report.penalty, report.g_loss }, sizeof losses[step]);
            }
            ct_tensor *got = ct_tensor_from(CT_F64, CT_SHAPE(STEPS, 3), losses);
            golden_close("wgan_gp", name, 0, got, expected, 1e-9);
            ct_tensor_release(got);
        } else {
            golden_close("wgan_gp", name, 0, ct_module_find(name[0] == 'G' ? gan.generator : gan.discriminator, name + 2),
                         expected, 1e-9);
        }
        ct_tensor_release(expected);
        compared++;
    }
    cr_expect_eq(compared, 2 + 5 + ct_module_tensor_count(gan.generator) + ct_module_tensor_count(gan.discriminator));
    fclose(file);
    ct_tensor_release(fake);
    dcgan_close(&gan);
}

/* Central differences of two steps, extrapolated: the error is of fourth order in the step. */
Test(wgan_gp, penalty_agrees_with_differences)
{
    struct dcgan gan;
    ct_tensor *fake;
    open_networks(&gan, &fake);
    penalty(&gan, fake, true);
    int checked = 0;
    for (int i = 0; i < ct_module_tensor_count(gan.discriminator); i++) {
        ct_named_tensor named = ct_module_tensor(gan.discriminator, i);
        ct_tensor *gradient = ct_gradient(named.tensor);
        for (int64_t j = 0; j < ct_tensor_count(named.tensor); j += 7, checked++) {
            double at[4], old = ct_tensor_at(named.tensor, j);
            for (int k = 0; k < 4; k++) {
                ((double *)ct_tensor_data_mutable(named.tensor))[j] = old + (double[]){ 1e-4, -1e-4, 5e-5, -5e-5 }[k];
                at[k] = penalty(&gan, fake, false);
            }
            ((double *)ct_tensor_data_mutable(named.tensor))[j] = old;
            double coarse = (at[0] - at[1]) / 2e-4, fine = (at[2] - at[3]) / 1e-4, slope = (4 * fine - coarse) / 3;
            double analytic = gradient == NULL ? 0 : ct_tensor_at(gradient, j);
            cr_expect(fabs(slope - analytic) <= 1e-7 * fmax(1, fabs(slope)), "%s at %lld: %.12g, by differences %.12g", named.name,
                      (long long)j, analytic, slope);
        }
    }
    cr_expect_gt(checked, 50);
    ct_tensor_release(fake);
    dcgan_close(&gan);
}

/* Pictures of a batch do not see each other: the penalty of a batch is the mean of its pictures' own. */
Test(wgan_gp, critic_has_no_batch_statistics)
{
    struct dcgan gan;
    ct_tensor *fake;
    open_networks(&gan, &fake);
    double together = penalty(&gan, fake, false), sum = 0;
    for (int i = 0; i < BATCH; i++) {
        ct_tensor *one[3], *all[3] = { gan.real, fake, gan.mix };
        for (int k = 0; k < 3; k++) {
            ct_shape part = ct_tensor_shape(all[k]);
            part.extent[0] = 1;
            one[k] = ct_tensor_from(CT_F64, part, (const double *)ct_tensor_data(all[k]) + i * ct_tensor_count(all[k]) / BATCH);
        }
        ct_tape_reset(gan.tape);
        sum += ct_tensor_item(dcgan_gradient_penalty(gan.tape, gan.discriminator, one[0], one[1], one[2], 10));
        for (int k = 0; k < 3; k++)
            ct_tensor_release(one[k]);
    }
    cr_expect_float_eq(together, sum / BATCH, 1e-12 * together);
    ct_tensor_release(fake);
    dcgan_close(&gan);
}

Test(wgan_gp, dead_critic_has_a_finite_penalty)
{
    struct dcgan gan;
    ct_tensor *fake;
    open_networks(&gan, &fake);
    for (int i = 0; i < ct_module_tensor_count(gan.discriminator); i++)
        ct_tensor_fill(ct_module_tensor(gan.discriminator, i).tensor, 0);
    cr_expect_float_eq(penalty(&gan, fake, true), 10, 1e-4); /* λ (0 − 1)² */
    for (int i = 0; i < ct_module_tensor_count(gan.discriminator); i++) {
        ct_tensor *gradient = ct_gradient(ct_module_tensor(gan.discriminator, i).tensor);
        for (int64_t j = 0; gradient != NULL && j < ct_tensor_count(gradient); j++)
            cr_assert(isfinite(ct_tensor_at(gradient, j)));
    }
    ct_tensor_release(fake);
    dcgan_close(&gan);
}
