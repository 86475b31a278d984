/* The update rules against PyTorch 1.13 in float64, the schedules against torch.optim.lr_scheduler, clipping against
 * its definition.
 *
 * The expected parameters after five steps were printed by:
 *
 *     import torch
 *     from torch.optim import SGD, Adam, AdamW, RMSprop
 *     G = [[4.0, -3.0, 0.5], [0.25, 1.5, -0.75], [-1.0, 0.125, 2.0], [0.5, -0.5, 0.0625], [0.0, 0.75, -1.5]]
 *     def run(rule, **options):  # the options are those of the rows below, with betas=(beta1, beta2)
 *         p = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
 *         optimizer = rule([p], **options)
 *         for g in G:
 *             p.grad = torch.tensor(g, dtype=torch.float64)
 *             optimizer.step()
 *         print(', '.join('%.17g' % x for x in p.tolist()))
 */
#include <criterion/criterion.h>
#include <math.h>

#include <cotangent/optim.h>

enum { STEPS = 5, WIDTH = 3 };

static const double start[WIDTH] = { 1.0, -2.0, 0.5 };
static const double gradients[STEPS][WIDTH] = {
    { 4.0, -3.0, 0.5 }, { 0.25, 1.5, -0.75 }, { -1.0, 0.125, 2.0 }, { 0.5, -0.5, 0.0625 }, { 0.0, 0.75, -1.5 },
};

/* Settings that are 0 take the rule's default. */
static const struct rule_case {
    ct_rule rule;
    ct_optim_settings settings;
    double expected[WIDTH];
} cases[] = {
    { CT_SGD, { .lr = 0.1 }, { 0.62499999999999989, -1.8874999999999997, 0.46875000000000006 } },
    { CT_SGD, { .lr = 0.1, .momentum = 0.9, .weight_decay = 0.01 },
      { -0.55436959308680112, -1.2787647423268977, 0.14368551997924944 } },
    { CT_SGD, { .lr = 0.1, .momentum = 0.9, .dampening = 0.1 }, { -0.55701750000000028, -1.2482225, 0.16389000000000004 } },
    { CT_SGD, { .lr = 0.1, .momentum = 0.9, .nesterov = true },
      { -0.76821350000000022, -1.2585754999999998, 0.15311550000000002 } },
    { CT_SGD, { .lr = 0.1, .momentum = 0.5, .maximize = true },
      { 1.7218749999999998, -2.2781249999999997, 0.66562500000000002 } },
    { CT_ADAM, { .lr = 0.1 }, { 0.72016360962322912, -1.8244146166016852, 0.33234928047291895 } },
    { CT_ADAM, { .lr = 0.1, .weight_decay = 0.01, .beta1 = 0.5 },
      { 0.82045034915938397, -1.9034444934924046, 0.37109492059140037 } },
    { CT_ADAM, { .lr = 0.1, .amsgrad = true, .beta2 = 0.5 }, { 0.76002372649456362, -1.835267464235002, 0.3525557085167082 } },
    { CT_ADAMW, { .lr = 0.1 }, { 0.71590164225743447, -1.8149734980964412, 0.33032306474177264 } },
    { CT_ADAMW, { .lr = 0.1, .weight_decay = 0.1, .amsgrad = true, .beta2 = 0.5, .maximize = true },
      { 1.1843139473938207, -2.0615167532587155, 0.61857588751793235 } },
    { CT_RMSPROP, { .lr = 0.01 }, { 0.90598021354645719, -1.9556910195603081, 0.44605546436297722 } },
    { CT_RMSPROP, { .lr = 0.01, .momentum = 0.9, .weight_decay = 0.01 },
      { 0.6101626620109305, -1.7432682187382762, 0.17932821379784597 } },
    { CT_RMSPROP, { .lr = 0.01, .centered = true, .alpha = 0.9 },
      { 0.96856760543147513, -1.9856007533563129, 0.48169432901112563 } },
    { CT_RMSPROP, { .lr = 0.01, .centered = true, .momentum = 0.5, .maximize = true },
      { 1.1820065920714078, -2.1043327867716344, 0.64609746593176642 } },
};
enum { CASES = sizeof cases / sizeof *cases };

static ct_optim_settings settings_of(const struct rule_case *c)
{
    ct_optim_settings s = ct_optim_defaults(c->rule);
    const ct_optim_settings *given = &c->settings;
    double *const to[] = { &s.lr, &s.weight_decay, &s.momentum, &s.dampening, &s.beta1, &s.beta2, &s.alpha };
    const double from[] = { given->lr, given->weight_decay, given->momentum, given->dampening, given->beta1, given->beta2,
                            given->alpha };
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        if (from[i] != 0)
            *to[i] = from[i];
    s.nesterov = given->nesterov;
    s.amsgrad = given->amsgrad;
    s.centered = given->centered;
    s.maximize = given->maximize;
    return s;
}

static ct_tensor *leaf(ct_dtype dtype, ct_shape shape)
{
    ct_tensor *p = ct_tensor_zeros(dtype, shape);
    cr_assert(p);
    cr_assert_eq(ct_requires_grad(p, true), CT_OK);
    return p;
}

static void give_gradient(ct_tensor *p, const double *values)
{
    ct_tensor *g = ct_tensor_empty(ct_tensor_dtype(p), ct_tensor_shape(p));
    cr_assert_eq(ct_tensor_copy_in(g, CT_F64, values, ct_tensor_count(p)), CT_OK);
    ct_zero_gradient(p);
    cr_assert_eq(ct_set_gradient(p, g), CT_OK);
    ct_tensor_release(g);
}

static ct_optimizer *optimizer_of(ct_rule rule, ct_tensor *p, const ct_optim_settings *s)
{
    ct_optimizer *optimizer = ct_optimizer_new(rule);
    ct_error error = { 0 };
    cr_assert(optimizer);
    cr_assert_eq(ct_optimizer_add(optimizer, 1, &p, s, &error), CT_OK, "%s", error.message);
    return optimizer;
}

static void check_rule(const struct rule_case *c, ct_dtype dtype, double tolerance)
{
    ct_tensor *p = leaf(dtype, CT_SHAPE(WIDTH));
    ct_tensor_copy_in(p, CT_F64, start, WIDTH);
    ct_optim_settings s = settings_of(c);
    ct_optimizer *optimizer = optimizer_of(c->rule, p, &s);
    for (int t = 0; t < STEPS; t++) {
        give_gradient(p, gradients[t]);
        cr_assert_eq(ct_optimizer_step(optimizer), CT_OK);
    }
    cr_assert_eq(ct_optimizer_steps(optimizer, 0), STEPS);
    for (int i = 0; i < WIDTH; i++)
        cr_expect(fabs(ct_tensor_at(p, i) - c->expected[i]) <= tolerance * fabs(c->expected[i]), "case %d, element %d: %.17g",
                  (int)(c - cases), i, ct_tensor_at(p, i));
    ct_optimizer_free(optimizer);
    ct_tensor_release(p);
}

Test(optim, rules_agree_with_pytorch)
{
    for (int i = 0; i < CASES; i++) {
        check_rule(&cases[i], CT_F64, 1e-14);
        check_rule(&cases[i], CT_F32, 2e-6);
    }
}

/* Enough elements for several chunks: every one takes the same path as in the small case, on any number of threads. */
Test(optim, large_parameters_and_threads)
{
    const int64_t rows = 20011;
    ct_tensor *p = leaf(CT_F64, CT_SHAPE(rows, WIDTH));
    double *values = malloc((size_t)(rows * WIDTH) * sizeof *values);
    for (int64_t i = 0; i < rows * WIDTH; i++)
        values[i] = start[i % WIDTH];
    ct_tensor_copy_in(p, CT_F64, values, rows * WIDTH);
    const struct rule_case *c = &cases[7];
    ct_optim_settings s = settings_of(c);
    ct_optimizer *optimizer = optimizer_of(c->rule, p, &s);
    int threads = ct_get_num_threads();
    for (int t = 0; t < STEPS; t++) {
        cr_assert_eq(ct_set_num_threads(1 + t), CT_OK);
        for (int64_t i = 0; i < rows * WIDTH; i++)
            values[i] = gradients[t][i % WIDTH];
        give_gradient(p, values);
        cr_assert_eq(ct_optimizer_step(optimizer), CT_OK);
    }
    cr_assert_eq(ct_set_num_threads(threads), CT_OK);
    for (int64_t i = 0; i < rows * WIDTH; i++)
        cr_assert_float_eq(ct_tensor_at(p, i), c->expected[i % WIDTH], 1e-14);
    free(values);
    ct_optimizer_free(optimizer);
    ct_tensor_release(p);
}

/* Two groups: each with its own rate; a parameter without a gradient stays and takes no step. */
Test(optim, groups)
{
    ct_tensor *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = leaf(CT_F64, CT_SHAPE(1));
    ct_optim_settings s = ct_optim_defaults(CT_SGD);
    ct_optimizer *optimizer = ct_optimizer_new(CT_SGD);
    ct_error error = { 0 };
    s.lr = 0.5;
    cr_assert_eq(ct_optimizer_add(optimizer, 2, p, &s, &error), CT_OK);
    s.lr = 0.25;
    cr_assert_eq(ct_optimizer_add(optimizer, 1, &p[2], &s, &error), CT_OK);
    cr_assert_eq(ct_optimizer_group_count(optimizer), 2);

    give_gradient(p[0], (double[]){ 1 });
    give_gradient(p[2], (double[]){ 1 });
    cr_assert_eq(ct_optimizer_step(optimizer), CT_OK);
    cr_expect_eq(ct_tensor_item(p[0]), -0.5);
    cr_expect_eq(ct_tensor_item(p[1]), 0);
    cr_expect_eq(ct_tensor_item(p[2]), -0.25);
    cr_expect_eq(ct_optimizer_steps(optimizer, 1), 0);

    ct_optimizer_group(optimizer, 1)->lr = 1;
    cr_assert_eq(ct_optimizer_step(optimizer), CT_OK);
    cr_expect_eq(ct_tensor_item(p[0]), -1);
    cr_expect_eq(ct_tensor_item(p[2]), -1.25);
    ct_optimizer_set_lr(optimizer, 2);
    cr_assert_eq(ct_optimizer_step(optimizer), CT_OK);
    cr_expect_eq(ct_tensor_item(p[0]), -3);

    ct_optimizer_zero_grad(optimizer);
    cr_expect_null(ct_gradient(p[0]));
    ct_optimizer_free(optimizer);
    for (int i = 0; i < 3; i++)
        ct_tensor_release(p[i]);
}

Test(optim, refusals_say_why)
{
    ct_tensor *p = leaf(CT_F64, CT_SHAPE(2));
    ct_tensor *twice[] = { p, p }, *none[] = { NULL };
    ct_optimizer *optimizer = ct_optimizer_new(CT_ADAM);
    ct_optim_settings good = ct_optim_defaults(CT_ADAM), bad = good;
    ct_error error = { 0 };
    bad.beta1 = 1;
    cr_expect_eq(ct_optimizer_add(optimizer, 1, &p, &bad, &error), CT_BAD_ARGUMENT);
    cr_expect(strstr(error.message, "Adam: beta1 and beta2 are in [0, 1) (lr 0.001,"));
    cr_expect(strstr(error.message, "beta1 1, beta2 0.999,"));
    bad = good;
    bad.lr = -1;
    cr_expect_eq(ct_optimizer_add(optimizer, 1, &p, &bad, &error), CT_BAD_ARGUMENT);
    bad.lr = NAN;
    cr_expect_eq(ct_optimizer_add(optimizer, 1, &p, &bad, &error), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_optimizer_add(optimizer, 2, twice, &good, &error), CT_BAD_ARGUMENT);
    cr_expect(strstr(error.message, "already"));
    cr_expect_eq(ct_optimizer_add(optimizer, 1, none, &good, &error), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_optimizer_add(optimizer, 0, &p, &good, &error), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_optimizer_group_count(optimizer), 0);
    cr_expect_eq(ct_optimizer_add(optimizer, 1, &p, &good, &error), CT_OK);
    cr_expect_eq(ct_optimizer_add(optimizer, 1, &p, &good, &error), CT_BAD_ARGUMENT);
    ct_optimizer_free(optimizer);

    ct_optim_settings sgd = ct_optim_defaults(CT_SGD);
    sgd.nesterov = true;
    optimizer = ct_optimizer_new(CT_SGD);
    cr_expect_eq(ct_optimizer_add(optimizer, 1, &p, &sgd, &error), CT_BAD_ARGUMENT);
    ct_optimizer_free(optimizer);
    ct_tensor_release(p);
    cr_expect_null(ct_optimizer_new((ct_rule)17));
}

/* A fresh optimizer with the old one's tensors and step counts goes on as the old one would. */
Test(optim, state_is_all_there_is)
{
    for (int k = 0; k < CASES; k++) {
        const struct rule_case *c = &cases[k];
        ct_tensor *p = leaf(CT_F64, CT_SHAPE(WIDTH));
        ct_tensor_copy_in(p, CT_F64, start, WIDTH);
        ct_optim_settings s = settings_of(c);
        ct_optimizer *optimizer = optimizer_of(c->rule, p, &s);
        for (int t = 0; t < STEPS; t++) {
            give_gradient(p, gradients[t]);
            cr_assert_eq(ct_optimizer_step(optimizer), CT_OK);
            ct_optimizer *next = optimizer_of(c->rule, p, &s);
            cr_assert_eq(ct_optimizer_tensor_count(next), ct_optimizer_tensor_count(optimizer));
            for (int i = 0; i < ct_optimizer_tensor_count(next); i++) {
                ct_named_tensor from = ct_optimizer_tensor(optimizer, i), to = ct_optimizer_tensor(next, i);
                cr_expect_str_eq(to.name, from.name);
                cr_assert_eq(ct_tensor_assign(to.tensor, from.tensor), CT_OK);
            }
            cr_assert_eq(ct_optimizer_set_steps(next, 0, ct_optimizer_steps(optimizer, 0)), CT_OK);
            ct_optimizer_free(optimizer);
            optimizer = next;
        }
        for (int i = 0; i < WIDTH; i++)
            cr_expect_float_eq(ct_tensor_at(p, i), c->expected[i], 1e-14, "case %d", k);
        ct_optimizer_free(optimizer);
        ct_tensor_release(p);
    }
}

Test(optim, state_names)
{
    ct_tensor *p = leaf(CT_F64, CT_SHAPE(2));
    ct_optim_settings s = ct_optim_defaults(CT_ADAM);
    s.amsgrad = true;
    ct_optimizer *optimizer = optimizer_of(CT_ADAM, p, &s);
    static const char *const names[] = { "state.0.exp_avg", "state.0.exp_avg_sq", "state.0.max_exp_avg_sq" };
    cr_assert_eq(ct_optimizer_tensor_count(optimizer), 3);
    for (int i = 0; i < 3; i++)
        cr_expect_str_eq(ct_optimizer_tensor(optimizer, i).name, names[i]);
    cr_expect_null(ct_optimizer_tensor(optimizer, 3).tensor);
    cr_expect_null(ct_optimizer_tensor(optimizer, -1).tensor);
    ct_optimizer_free(optimizer);
    ct_tensor_release(p);
}

/* ---- schedules: lr 0.5; StepLR(3, 0.5), ExponentialLR(0.9), CosineAnnealingLR(11, 0.1), OneCycleLR(0.5, total_steps=12),
 * LinearLR(0.25, total_iters=8), the lr of param_groups[0] before each of 12 steps ---- */

enum { EPOCHS = 12 };

static void check_schedule(const char *name, const double got[], const double expected[])
{
    for (int t = 0; t < EPOCHS; t++)
        cr_expect(fabs(got[t] - expected[t]) <= 1e-14, "%s at %d: %.17g, not %.17g", name, t, got[t], expected[t]);
}

Test(optim, schedules_agree_with_pytorch)
{
    double step[EPOCHS], exponential[EPOCHS], cosine[EPOCHS], cycle[EPOCHS], warm[EPOCHS];
    for (int t = 0; t < EPOCHS; t++) {
        step[t] = ct_schedule_step(0.5, t, 3, 0.5);
        exponential[t] = ct_schedule_exponential(0.5, t, 0.9);
        cosine[t] = ct_schedule_cosine(0.5, t, 11, 0.1);
        cycle[t] = ct_schedule_one_cycle(0.5, t, 12, 0.3, 25, 1e4);
        warm[t] = ct_schedule_warm_up(0.5, t, 8, 0.25);
    }
    check_schedule("step", step, (double[]){ 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.0625, 0.0625, 0.0625 });
    check_schedule("exponential", exponential,
                   (double[]){ 0.5, 0.45000000000000001, 0.40500000000000003, 0.36450000000000005, 0.32805000000000006,
                               0.29524500000000009, 0.26572050000000008, 0.23914845000000007, 0.21523360500000008,
                               0.19371024450000007, 0.17433922005000008, 0.15690529804500009 });
    check_schedule("cosine", cosine,
                   (double[]){ 0.5, 0.49189859472289954, 0.46825070656623635, 0.43097214678905715, 0.38308300260037742,
                               0.3284629676546571, 0.2715370323453431, 0.21691699739962284, 0.16902785321094305,
                               0.13174929343376379, 0.10810140527710053, 0.10000000000000001 });
    check_schedule("one cycle", cycle,
                   (double[]){ 0.020000000000000018, 0.17489482710979154, 0.43964257956106434, 0.49720771772545586,
                               0.46650648492070584, 0.40587282697488147, 0.32368949884755166, 0.23131855133348753,
                               0.14153049910434962, 0.0667387650944153, 0.01728349371269761, 1.9999999999999999e-06 });
    check_schedule("warm up", warm,
                   (double[]){ 0.125, 0.171875, 0.21875, 0.265625, 0.3125, 0.359375, 0.40625, 0.453125, 0.5, 0.5, 0.5, 0.5 });
}

Test(optim, senseless_schedules_give_nan)
{
    cr_expect(isnan(ct_schedule_step(0.5, 1, 0, 0.5)));
    cr_expect(isnan(ct_schedule_cosine(0.5, 1, 0, 0)));
    cr_expect(isnan(ct_schedule_one_cycle(0.5, 1, 0, 0.3, 25, 1e4)));
    cr_expect_eq(ct_schedule_warm_up(0.5, 0, 0, 0.25), 0.5);
}

/* ---- clipping ---- */

Test(optim, clip_norm)
{
    for (int dtype = CT_F32; dtype <= CT_F64; dtype++) {
        double tolerance = dtype == CT_F32 ? 1e-6 : 1e-14;
        ct_dtype type = (ct_dtype)dtype;
        ct_tensor *p[] = { leaf(type, CT_SHAPE(2)), leaf(type, CT_SHAPE(1)), leaf(type, CT_SHAPE(1)) };
        give_gradient(p[0], (double[]){ 3, 4 });
        give_gradient(p[1], (double[]){ -12 });
        cr_expect_eq(ct_clip_grad_norm(3, p, 20), 13); /* √(3² + 4² + 12²) */
        cr_expect_eq(ct_tensor_at(ct_gradient(p[0]), 1), 4);
        cr_expect_eq(ct_clip_grad_norm(3, p, 6.5), 13);
        cr_expect_float_eq(ct_tensor_at(ct_gradient(p[0]), 0), 3 * 6.5 / (13 + 1e-6), tolerance);
        cr_expect_float_eq(ct_tensor_at(ct_gradient(p[1]), 0), -12 * 6.5 / (13 + 1e-6), 4 * tolerance);
        cr_expect_null(ct_gradient(p[2]));
        for (int i = 0; i < 3; i++)
            ct_tensor_release(p[i]);
    }
}

/* n ones have norm √n, whatever n leaves over when it is cut; the bits do not depend on the threads. */
Test(optim, clip_norm_of_many)
{
    int threads = ct_get_num_threads();
    for (int64_t n = 1; n < 200000; n = 3 * n + 1) {
        ct_tensor *p = leaf(CT_F32, CT_SHAPE(n)), *ones = ct_tensor_ones(CT_F32, CT_SHAPE(n));
        cr_assert_eq(ct_set_gradient(p, ones), CT_OK);
        double before = ct_clip_grad_norm(1, &p, INFINITY);
        cr_expect_eq(before, sqrt((double)n));
        cr_assert_eq(ct_set_num_threads(1), CT_OK);
        cr_expect_eq(ct_clip_grad_norm(1, &p, INFINITY), before);
        cr_assert_eq(ct_set_num_threads(threads), CT_OK);
        ct_tensor_release(ones);
        ct_tensor_release(p);
    }
}

/* A norm that is no number scales by no number, as in PyTorch: one NaN must not leave the other gradients whole and unclipped. */
Test(optim, clip_norm_of_nan)
{
    ct_tensor *p[] = { leaf(CT_F64, CT_SHAPE(2)), leaf(CT_F64, CT_SHAPE(1)) };
    give_gradient(p[0], (double[]){ NAN, 4 });
    give_gradient(p[1], (double[]){ 1e6 });
    cr_expect(isnan(ct_clip_grad_norm(2, p, 1)));
    cr_expect(isnan(ct_tensor_at(ct_gradient(p[0]), 1)));
    cr_expect(isnan(ct_tensor_at(ct_gradient(p[1]), 0)));
    give_gradient(p[0], (double[]){ INFINITY, 4 });
    give_gradient(p[1], (double[]){ 1e6 });
    cr_expect_eq(ct_clip_grad_norm(2, p, 1), INFINITY);
    cr_expect(isnan(ct_tensor_at(ct_gradient(p[0]), 0)));
    cr_expect_eq(ct_tensor_at(ct_gradient(p[0]), 1), 0);
    cr_expect_eq(ct_tensor_at(ct_gradient(p[1]), 0), 0);
    cr_expect(isnan(ct_clip_grad_norm(2, p, -1)));
    cr_expect_eq(ct_tensor_at(ct_gradient(p[1]), 0), 0);
    for (int i = 0; i < 2; i++)
        ct_tensor_release(p[i]);
}

Test(optim, clip_value)
{
    ct_tensor *p = leaf(CT_F64, CT_SHAPE(4));
    give_gradient(p, (double[]){ -3, -0.5, 2, NAN });
    cr_assert_eq(ct_clip_grad_value(1, &p, 1), CT_OK);
    cr_expect_eq(ct_tensor_at(ct_gradient(p), 0), -1);
    cr_expect_eq(ct_tensor_at(ct_gradient(p), 1), -0.5);
    cr_expect_eq(ct_tensor_at(ct_gradient(p), 2), 1);
    cr_expect(isnan(ct_tensor_at(ct_gradient(p), 3)));
    cr_expect_eq(ct_clip_grad_value(1, &p, -1), CT_BAD_ARGUMENT);
    ct_tensor_release(p);
}
