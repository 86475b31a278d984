/* Training and derivatives without memory: every layer, every loss, every rule, first and second derivatives. */
#include "starve.h"

enum { IMAGE, LINE, VOLUME };

/* Views a batch of 4 × 4 pictures as a line or a volume, or back. */
static ct_tensor *view(ct_tape *tape, ct_tensor *x, void *context)
{
    static const ct_shape shapes[] = { [IMAGE] = { 4, { 2, 4, 4, 4 } }, [LINE] = { 3, { 2, 4, 16 } }, [VOLUME] = { 5, { 2, 4, 2, 2, 4 } } };
    return ct_reshape(tape, x, shapes[*(const int *)context]);
}

/* What has no layer of its own: pooling, upsampling, padding, dropout, activations; the shape is kept. */
static ct_tensor *the_rest(ct_tape *tape, ct_tensor *x, void *context)
{
    ct_random random = { .seed = 5 };
    (void)context;
    ct_tensor *y = ct_dropout(tape, ct_gelu(tape, ct_elu(tape, x, 1)), 0.25, true, &random);
    ct_tensor *halves[] = { ct_slice(tape, y, 1, 0, 2, 1), ct_flip(tape, ct_slice(tape, y, 1, 2, 4, 1), CT_AXES(2)) };
    y = ct_concat(tape, 2, halves, 1);
    y = ct_add(tape, ct_max_pool2d(tape, y, &(ct_pool_options){ .kernel = { 2, 2 } }),
               ct_avg_pool2d(tape, y, &(ct_pool_options){ .kernel = { 2, 2 } }));
    y = ct_add(tape, ct_upsample_nearest(tape, y, (int64_t[]){ 4, 4 }), ct_upsample_bilinear(tape, y, (int64_t[]){ 4, 4 }, false));
    ct_tensor *padded = ct_pad(tape, y, 2, (int64_t[]){ 1, 1 }, CT_REFLECT);
    y = ct_add(tape, ct_mul(tape, y, ct_softmax(tape, y, -1)), ct_slice(tape, padded, 3, 1, 5, 1));
    y = ct_maximum(tape, y, ct_scale(tape, ct_softplus(tape, y, 1, 20), 0.5));
    return ct_sub(tape, ct_transpose(tape, y, 2, 3), ct_mean_axes(tape, y, CT_AXES(1), true));
}

static ct_module *network(ct_error *error)
{
    static int kinds[] = { IMAGE, LINE, VOLUME };
    static const int64_t three[] = { 3, 3, 3 };
    const ct_conv_options same = { .padding = CT_ALL(1) }, circular = { .padding = CT_ALL(1), .padding_mode = CT_CIRCULAR };
    ct_random random = { .seed = 3 };
    ct_module *layers[] = {
        ct_conv_new(CT_F64, 2, 1, 4, three, &same, false, &random, error), ct_batch_norm_new(CT_F64, 4, error),
        ct_leaky_relu_new(0.2, error), ct_conv_transpose_new(CT_F64, 2, 4, 4, three, &same, true, &random, error),
        ct_group_norm_new(CT_F64, 2, 4, error), ct_relu_new(error), ct_instance_norm_new(CT_F64, 4, true, error),
        ct_function_new(view, &kinds[LINE], error), ct_conv_new(CT_F64, 1, 4, 4, three, &circular, true, &random, error),
        ct_conv_transpose_new(CT_F64, 1, 4, 4, three, &same, true, &random, error), ct_tanh_new(error),
        ct_function_new(view, &kinds[VOLUME], error), ct_conv_new(CT_F64, 3, 4, 4, three, &same, true, &random, error),
        ct_conv_transpose_new(CT_F64, 3, 4, 4, three, &same, true, &random, error), ct_sigmoid_new(error),
        ct_function_new(view, &kinds[IMAGE], error), ct_layer_norm_new(CT_F64, CT_SHAPE(4, 4), error),
        ct_function_new(the_rest, NULL, error), ct_flatten_new(error), ct_linear_new(CT_F64, 64, 3, true, &random, error),
    };
    return ct_sequential_new(sizeof layers / sizeof *layers, layers, error);
}

static ct_tensor *all_losses(ct_tape *tape, ct_tensor *y, ct_tensor *classes, ct_tensor *targets)
{
    ct_tensor *loss = ct_cross_entropy_loss(tape, y, classes, NULL, CT_REDUCTION_MEAN);
    loss = ct_add(tape, loss, ct_mse_loss(tape, y, targets, CT_REDUCTION_MEAN));
    loss = ct_add(tape, loss, ct_smooth_l1_loss(tape, y, targets, 1, CT_REDUCTION_SUM));
    loss = ct_add(tape, loss, ct_bce_with_logits_loss(tape, y, targets, CT_REDUCTION_MEAN));
    return ct_add(tape, loss, ct_bce_loss(tape, ct_sigmoid(tape, y), targets, CT_REDUCTION_MEAN));
}

/* Two steps with an optimizer; the gradient of a gradient too when asked. */
static ct_status train(ct_module *module, ct_tape *tape, ct_optimizer *optimizer, ct_tensor *const data[3], bool twice, double *value)
{
    ct_status status = CT_OK;
    for (int step = 0; step < 2 && status == CT_OK; step++) {
        ct_optimizer_zero_grad(optimizer);
        ct_tensor *x = data[0], *loss = all_losses(tape, ct_module_forward(module, tape, x), data[1], data[2]), *g = NULL, *tangent = NULL;
        if (twice && ct_grad(tape, 1, &loss, NULL, 1, &x, &g, CT_CREATE_GRAPH) == CT_OK) {
            if (ct_push(tape, 1, &x, &x, 1, &loss, &tangent, 0) == CT_OK)
                *value += ct_tensor_item(tangent);
            loss = ct_add(tape, loss, ct_mean(tape, ct_square(tape, g)));
        }
        ct_backward(tape, loss);
        *value += ct_tensor_item(loss);
        status = ct_tape_status(tape);
        if (status == CT_OK) {
            ct_tensor *weight = ct_module_find(module, "0.weight");
            ct_clip_grad_norm(1, &weight, 1);
            status = ct_optimizer_step(optimizer);
        }
        ct_tape_reset(tape);
    }
    return status;
}

static struct outcome training(bool twice, ct_rule rule)
{
    ct_error error = { 0 };
    struct outcome outcome = { 0 };
    ct_random random = { .seed = 1 };
    ct_tensor *data[] = { ct_tensor_empty(CT_F64, CT_SHAPE(2, 1, 4, 4)), ct_tensor_zeros(CT_F64, CT_SHAPE(2)),
                          ct_tensor_full(CT_F64, CT_SHAPE(2, 3), 0.5) };
    ct_module *module = data[0] && data[1] && data[2] ? network(&error) : NULL;
    ct_optimizer *optimizer = ct_optimizer_new(rule);
    ct_optim_settings settings = ct_optim_defaults(rule);
    ct_tape *tape = ct_tape_new();
    settings.momentum = 0.5, settings.amsgrad = true, settings.centered = true;
    outcome.status = module && optimizer && tape ? ct_optimizer_add_module(optimizer, module, &settings, &error) : CT_NO_MEMORY;
    if (outcome.status == CT_OK) {
        ct_normal(data[0], 0, 1, &random);
        ct_requires_grad(data[0], twice);
        outcome.status = train(module, tape, optimizer, data, twice, &outcome.value);
    }
    for (int i = 0; i < 3; i++)
        ct_tensor_release(data[i]);
    ct_module_free(module), ct_optimizer_free(optimizer), ct_tape_free(tape);
    return outcome;
}

static struct outcome with_sgd(void) { return training(false, CT_SGD); }
static struct outcome with_adam(void) { return training(false, CT_ADAM); }
static struct outcome with_rmsprop(void) { return training(false, CT_RMSPROP); }
static struct outcome gradient_penalty(void) { return training(true, CT_ADAMW); }

Test(out_of_memory, training_by_sgd, .timeout = 600) { starve("SGD", with_sgd); }
Test(out_of_memory, training_by_adam, .timeout = 600) { starve("Adam", with_adam); }
Test(out_of_memory, training_by_rmsprop, .timeout = 600) { starve("RMSprop", with_rmsprop); }
Test(out_of_memory, training_with_a_gradient_penalty, .timeout = 600) { starve("second derivatives", gradient_penalty); }

/* ---- derivatives of functions, and their checks ---- */

static ct_tensor *wave(ct_tape *tape, ct_tensor *const in[], void *context)
{
    (void)context;
    return ct_sum(tape, ct_mul(tape, ct_tanh(tape, in[0]), in[0]));
}

static ct_tensor *twice(ct_tape *tape, ct_tensor *const in[], void *context) { return (void)context, ct_scale(tape, in[0], 2); }

static struct outcome derivatives(void)
{
    const ct_function f = { wave, NULL, 1 }, g = { twice, NULL, 1 };
    struct outcome outcome = { 0 };
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(2), 0.5), *product = NULL;
    if (tape != NULL && x != NULL) {
        ct_hvp(tape, &f, &x, &x, &product);
        ct_tensor *results[] = { ct_jacobian(tape, &f, &x), ct_hessian(tape, &f, &x), product, ct_matrix(tape, &g, CT_F64, CT_SHAPE(2)),
                                 ct_transpose_matrix(tape, &g, CT_F64, CT_SHAPE(2)) };
        for (int i = 0; i < 5 && ct_tape_status(tape) == CT_OK; i++)
            outcome.value += ct_tensor_at(results[i], 0) * (i + 1);
    }
    outcome.status = x == NULL ? CT_NO_MEMORY : ct_tape_status(tape);
    ct_tape_free(tape);
    ct_tensor_release(x);
    return outcome;
}

static struct outcome checks(void)
{
    const ct_function f = { wave, NULL, 1 }, g = { twice, NULL, 1 };
    struct outcome outcome = { 0 };
    ct_gradcheck_report report;
    ct_adjoint_report adjoint = { 0 };
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(1), 0.5);
    outcome.status = x == NULL ? CT_NO_MEMORY : CT_OK;
    if (x != NULL) {
        const ct_verdict verdict = ct_gradcheck(&f, &x, &(ct_gradcheck_options){ .float32 = true }, &report);
        cr_assert(verdict == CT_RIGHT || (verdict == CT_UNDECIDABLE && report.status != CT_OK), "%s: %s", ct_verdict_name(verdict), report.message);
        outcome.status = report.status;
        outcome.value = (double)report.comparisons;
    }
    if (outcome.status == CT_OK) {
        const bool good = ct_adjoint_check(&g, &g, CT_SHAPE(2), 1, &adjoint);
        cr_assert(good == (adjoint.status == CT_OK), "%s", adjoint.message);
        outcome.status = adjoint.status;
        outcome.value += (double)adjoint.comparisons;
    }
    ct_tensor_release(x);
    return outcome;
}

Test(out_of_memory, derivatives_of_functions) { starve("derivatives", derivatives); }
Test(out_of_memory, checks_of_derivatives, .timeout = 600) { starve("checks", checks); }
