/* Every allocation of whole programs fails in its turn, once and for ever: no crash, nothing lost, and an error, or after a single
 * failure the very result that it would have been (a tape's pool gives back what it keeps and tries again). */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <jansson.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <cotangent/cotangent.h>

#include "files.h"

/* ---- an allocator that fails on purpose ---- */

static struct {
    atomic_llong calls, blocks, bytes; /* blocks and bytes that are out; atomic, as a data loader has threads */
    int64_t first, last;               /* calls first … last fail */
} ledger;

static bool fails(void)
{
    const int64_t call = ledger.calls++;
    return call >= ledger.first && call <= ledger.last;
}

static void *take(void *context, size_t size)
{
    (void)context;
    void *memory = fails() ? NULL : aligned_alloc(64, (size + 63) / 64 * 64);
    if (memory != NULL) {
        memset(memory, 0xa5, size); /* what is read before it is written shows */
        ledger.blocks++;
        ledger.bytes += (int64_t)size;
    }
    return memory;
}

static void give(void *context, void *memory, size_t size)
{
    (void)context;
    ledger.blocks--;
    ledger.bytes -= (int64_t)size;
    free(memory);
}

/* Jansson's memory is not the library's, but fails as well; its size is not given back. */
static void *take_json(size_t size)
{
    void *memory = fails() ? NULL : malloc(size);
    ledger.blocks += memory != NULL;
    return memory;
}

static void give_json(void *memory)
{
    ledger.blocks -= memory != NULL;
    free(memory);
}

struct outcome {
    ct_status status;
    double value; /* of a run without failure: the same each time */
};

typedef struct outcome program(void);

static struct outcome run(program *p, int64_t first, int64_t last)
{
    ledger.calls = 0;
    ledger.first = first, ledger.last = last;
    return p();
}

/* Runs the program with its first, second … allocation failing until none is left to fail. What reads ahead may fail at something
 * that is never asked for. */
static void starve_any(const char *name, program *p, bool reads_ahead)
{
    ct_set_num_threads(1);
    ct_set_allocator(&(ct_allocator){ take, give, NULL });
    json_set_alloc_funcs(take_json, give_json);
    const struct outcome whole = run(p, INT64_MAX, INT64_MAX);
    const int64_t count = ledger.calls;
    cr_assert(whole.status == CT_OK && isfinite(whole.value) && ledger.blocks == 0, "%s: %s, %lld blocks left", name,
              ct_status_string(whole.status), (long long)ledger.blocks);
    cr_assert(count > 10, "%s: only %lld allocations", name, (long long)count);
    for (int for_ever = 0; for_ever < 2; for_ever++)
        for (int64_t i = 0; i < count; i++) {
            const struct outcome got = run(p, i, for_ever ? INT64_MAX : i);
            cr_assert(ledger.blocks == 0 && ledger.bytes == 0, "%s, allocation %lld%s: %lld blocks, %lld bytes lost", name, (long long)i,
                      for_ever ? " and all after" : "", (long long)ledger.blocks, (long long)ledger.bytes);
            const bool same = got.status == CT_OK && got.value >= whole.value && got.value <= whole.value;
            cr_assert(got.status == CT_NO_MEMORY || (same && (!for_ever || reads_ahead)), "%s, allocation %lld%s: %s, %.17g where %.17g was due", name,
                      (long long)i, for_ever ? " and all after" : "", ct_status_string(got.status), got.value, whole.value);
        }
    json_set_alloc_funcs(malloc, free);
    ct_set_allocator(NULL);
}

static void starve(const char *name, program *p) { starve_any(name, p, false); }

/* ---- training: every layer, every loss, every rule, first and second derivatives ---- */

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

/* ---- files ---- */

static void note(struct outcome *outcome, ct_status status)
{
    if (outcome->status == CT_OK)
        outcome->status = status;
}

/* Jansson and stb_image do not always tell a lack of memory from a bad file: either refusal is right. */
static void note_parsed(struct outcome *outcome, const void *result, const ct_error *error)
{
    note(outcome, result ? CT_OK : error->status == CT_BAD_FORMAT ? CT_NO_MEMORY : error->status);
}

/* A result that is needed: its values are added up; NULL is the error's status. */
static void read_in(struct outcome *outcome, ct_tensor *tensor, const ct_error *error)
{
    note_parsed(outcome, tensor, error);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        outcome->value += ct_tensor_at(tensor, i) * (double)(i + 1);
    ct_tensor_release(tensor);
}

static struct outcome safetensors(void)
{
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_tensor *tensors[] = { ct_tensor_ones(CT_F32, CT_SHAPE(2, 3)), ct_tensor_ones(CT_F64, CT_SHAPE(4)) };
    if (!tensors[0] || !tensors[1])
        outcome.status = CT_NO_MEMORY;
    else
        note(&outcome, ct_safetensors_write_with("a.safetensors", 2, (const char *const[]){ "a.weight", "b" }, tensors, 1,
                                                 (const char *const[]){ "format", "pt" }, &error));
    if (outcome.status == CT_OK) {
        ct_safetensors *file = ct_safetensors_read("a.safetensors", &error);
        note_parsed(&outcome, file, &error);
        if (file) {
            cr_assert(ct_safetensors_count(file) == 2 && strcmp(ct_safetensors_metadata(file, "format"), "pt") == 0);
            read_in(&outcome, ct_tensor_retain(ct_safetensors_find(file, "a.weight")), &error);
        }
        ct_safetensors_free(file);
    }
    ct_tensor_release(tensors[0]), ct_tensor_release(tensors[1]);
    return outcome;
}

static struct outcome arrays_and_images(void)
{
    static const uint8_t idx[] = { 0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3 };
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    uint8_t pixels[8 * 8 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37);
    ct_tensor *array = ct_tensor_ones(CT_F64, CT_SHAPE(2, 3)), *image;
    note(&outcome, array ? ct_npy_write("a.npy", array, &error) : CT_NO_MEMORY);
    ct_tensor_release(array);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_npy_read("a.npy", &error), &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_idx_parse(idx, sizeof idx, &error), &error);
    if (outcome.status == CT_OK)
        note(&outcome, ct_png_write("a.png", 8, 8, 3, pixels, &error));
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_image_read("a.png", 1, &error), &error);
    image = outcome.status == CT_OK ? ct_image_read("b.jpeg", 3, &error) : NULL;
    if (outcome.status == CT_OK)
        note_parsed(&outcome, image, &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_image_square(image, 4, &error), &error);
    ct_tensor_release(image);
    return outcome;
}

/* Without the loader's threads, so that the count of allocations is that of each run. */
static struct outcome parsers(void)
{
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_tensor *labels = NULL;
    read_in(&outcome, ct_cifar10_read("cifar.bin", &labels, &error), &error);
    ct_tensor_release(labels);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_idx_read("idx.gz", &error), &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_npy_read("fortran.npy", &error), &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_image_read("noise.png", 1, &error), &error);
    return outcome;
}

static struct outcome rotation(void)
{
    struct outcome outcome = { 0 };
    ct_tensor *one = ct_tensor_ones(CT_F32, CT_SHAPE(1));
    for (int64_t number = 1; number <= 5; number++) {
        char path[64];
        const ct_rotation rotation = { ".", "c-", ".npy", 2 };
        ct_rotation_path(&rotation, number, path, sizeof path, NULL);
        note(&outcome, one ? ct_npy_write(path, one, NULL) : CT_NO_MEMORY);
        if (outcome.status == CT_OK)
            note(&outcome, ct_rotate(&rotation, number, NULL));
    }
    ct_tensor_release(one);
    return outcome;
}

static struct outcome logs(void)
{
    static const uint8_t pixels[12] = { 1, 2, 3 };
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_events *events = ct_events_open(".", 7, &error);
    note(&outcome, events ? CT_OK : error.status);
    for (int step = 7; step < 10 && events; step++) {
        note(&outcome, ct_events_scalar(events, "a loss", step, 0.5, NULL));
        note(&outcome, ct_events_image(events, "pictures", step, 2, 2, 3, pixels, NULL));
    }
    note(&outcome, ct_events_close(events, NULL));
    return outcome;
}

static struct outcome onnx(void)
{
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_tensor *weight = ct_tensor_ones(CT_F32, CT_SHAPE(2, 3, 4, 4));
    ct_onnx *graph = ct_onnx_new("g", &error);
    note(&outcome, weight == NULL ? CT_NO_MEMORY : graph == NULL ? error.status : CT_OK);
    if (outcome.status == CT_OK) {
        ct_onnx_input(graph, "z", CT_F32, CT_SHAPE(-1, 2));
        for (int i = 0; i < 20; i++)
            ct_onnx_node(graph, "Conv", 2, (const char *[]){ "z", "w" }, "x", 1, (ct_onnx_attribute[]){ CT_ONNX_INT("group", 1) });
        ct_onnx_initializer(graph, "w", weight);
        ct_onnx_output(graph, "x", CT_F32, CT_SHAPE(-1, 2));
        note(&outcome, ct_onnx_write(graph, "g.onnx", NULL));
    }
    ct_onnx_free(graph), ct_tensor_release(weight);
    return outcome;
}

static void load(struct outcome *outcome, const char *path)
{
    ct_error error = { 0 };
    ct_source *source = ct_source_open(path, &(ct_source_options){ .channels = 3, .size = 5, .filter = CT_LANCZOS }, &error);
    ct_loader *loader = source ? ct_loader_new(source, &(ct_loader_options){ .batch = 2, .seed = 1, .flip = true }, &error) : NULL;
    note(outcome, loader ? CT_OK : error.status);
    for (int i = 0; i < 3 && outcome->status == CT_OK; i++)
        read_in(outcome, ct_loader_next(loader, &error), &error);
    ct_loader_free(loader), ct_source_free(source);
}

static struct outcome pictures(void)
{
    struct outcome outcome = { 0 };
    load(&outcome, ".");
    return outcome;
}

static struct outcome data_sets(void)
{
    struct outcome outcome = { 0 };
    static const char *const paths[] = { "../idx.gz", "../cifar.bin", "../bytes.npy", "../floats.npy" };
    for (int i = 0; i < 4; i++)
        load(&outcome, paths[i]);
    ct_tensor_release(ct_cifar10_read("../cifar.bin", NULL, NULL));
    return outcome;
}

/* An 8 × 8 JPEG, by libjpeg-turbo. */
static void write_jpeg(const char *path)
{
    uint8_t pixels[64] = { 200, 100 }, *bytes = NULL;
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    cr_assert(tjCompress2(handle, pixels, 8, 0, 8, TJPF_GRAY, &bytes, &size, TJSAMP_GRAY, 90, 0) == 0);
    write_bytes(path, bytes, size);
    tjFree(bytes);
    tjDestroy(handle);
}

TestSuite(out_of_memory, .init = into_a_folder, .fini = remove_the_folder);

Test(out_of_memory, safetensors) { starve("safetensors", safetensors); }

Test(out_of_memory, arrays_and_images)
{
    write_jpeg("b.jpeg");
    starve("arrays and images", arrays_and_images);
}

Test(out_of_memory, parsers)
{
    static const uint8_t records[2 * 3073] = { 9 };
    static const char fortran[] = "\x93NUMPY\1\0\x3d\0{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }" "0123456789ab";
    uint8_t pixels[100 * 100];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i * 31 >> 4);
    write_bytes("cifar.bin", records, sizeof records);
    static const uint8_t idx[8 + (1 << 17)] = { 0, 0, 8, 1, 0, 2, 0, 0 }; /* zlib takes its window where there is more than one call of it */
    gzFile packed = gzopen("idx.gz", "wb");
    cr_assert(gzwrite(packed, idx, sizeof idx) == sizeof idx && gzclose(packed) == Z_OK);
    write_bytes("fortran.npy", fortran, sizeof fortran - 1);
    cr_assert(ct_png_write("noise.png", 100, 100, 1, pixels, NULL) == CT_OK);
    starve("parsers", parsers);
}

Test(out_of_memory, rotation) { starve("rotation", rotation); }
Test(out_of_memory, logs) { starve("event files", logs); }
Test(out_of_memory, onnx) { starve("ONNX", onnx); }

/* In a folder below, so that the pictures are alone. */
Test(out_of_memory, loaders)
{
    static const uint8_t packed[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03, 0x63, 0x60, 0xe0, 0x60, 0x66, 0x60, 0x60, 0x60, 0x82,
                                      0x62, 0x66, 0x06, 0x46, 0x26, 0x66, 0x16, 0x56, 0x36, 0x76, 0x0e, 0x4e, 0x2e, 0x6e, 0x00, 0x78, 0x1e,
                                      0x23, 0x84, 0x1c, 0, 0, 0 }; /* an array (2, 2, 3) */
    static const uint8_t records[3 * 3073] = { 9 };
    static const char bytes[] = "\x93NUMPY\1\0\x41\0{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2, 1), }" "0123456789ab";
    cr_assert(mkdir("pictures", 0777) == 0);
    write_bytes("idx.gz", packed, sizeof packed), write_bytes("cifar.bin", records, sizeof records);
    write_bytes("bytes.npy", bytes, sizeof bytes - 1);
    ct_tensor *floats = ct_tensor_ones(CT_F64, CT_SHAPE(2, 1, 3, 3));
    cr_assert(ct_npy_write("floats.npy", floats, NULL) == CT_OK && chdir("pictures") == 0);
    ct_tensor_release(floats);
    write_jpeg("a.jpeg");
    cr_assert(ct_png_write("b.png", 2, 2, 1, (const uint8_t[]){ 1, 2, 3, 4 }, NULL) == CT_OK);
    cr_assert(ct_png_write("c.png", 9, 2, 3, records, NULL) == CT_OK);
    starve_any("pictures", pictures, true);
    starve_any("data sets", data_sets, true);
}
