/* The DCGAN example: PyTorch's names and shapes, PyTorch's ten steps, and data that depend on the seed alone. */
#include "golden/golden.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jansson.h>

#include "../examples/dcgan/dcgan.h"

static void expect_shape(ct_module *module, const char *name, ct_shape shape)
{
    ct_tensor *tensor = ct_module_find(module, name);
    cr_assert_not_null(tensor, "%s", name);
    cr_expect(ct_shape_equal(ct_tensor_shape(tensor), shape), "%s", name);
}

/* As print(model.state_dict()) of PyTorch's example shows them, here eight wide. */
Test(dcgan, names_and_shapes_are_pytorchs)
{
    struct dcgan_shape shape = { CT_F32, 64, 3, 100, 8, 8, 4 };
    ct_random random = { .seed = 1 };
    ct_error error = { CT_OK, "" };
    ct_module *generator = dcgan_generator_new(&shape, &random, &error);
    cr_assert_not_null(generator, "%s", error.message);
    expect_shape(generator, "0.weight", CT_SHAPE(100, 64, 4, 4));
    expect_shape(generator, "1.running_var", CT_SHAPE(64));
    expect_shape(generator, "3.weight", CT_SHAPE(64, 32, 4, 4));
    expect_shape(generator, "9.weight", CT_SHAPE(16, 8, 4, 4));
    expect_shape(generator, "12.weight", CT_SHAPE(8, 3, 4, 4));
    ct_module *discriminator = dcgan_discriminator_new(&shape, &random, &error);
    cr_assert_not_null(discriminator, "%s", error.message);
    expect_shape(discriminator, "0.weight", CT_SHAPE(8, 3, 4, 4));
    expect_shape(discriminator, "2.weight", CT_SHAPE(16, 8, 4, 4));
    expect_shape(discriminator, "3.bias", CT_SHAPE(16));
    expect_shape(discriminator, "11.weight", CT_SHAPE(1, 64, 4, 4));
    ct_module_free(generator), ct_module_free(discriminator);

}

/* Each at a bound, and one step outside. */
Test(dcgan, shapes_that_no_network_has_are_refused)
{
    static const struct {
        struct dcgan_shape good, wrong;
    } cases[] = {
        { { CT_F32, 16, 1, 1, 1, 1, 2 }, { CT_F32, 8, 1, 1, 1, 1, 2 } },    { { CT_F32, 128, 1, 1, 1, 1, 2 }, { CT_F32, 256, 1, 1, 1, 1, 2 } },
        { { CT_F32, 32, 1, 1, 1, 1, 0 }, { CT_F32, 48, 1, 1, 1, 1, 0 } },   { { CT_F32, 16, 3, 1, 1, 1, 0 }, { CT_F32, 16, 4, 1, 1, 1, 0 } },
        { { CT_F32, 16, 1, 1, 1, 1, 0 }, { CT_F32, 16, 2, 1, 1, 1, 0 } },   { { CT_F32, 16, 1, 1, 1, 1, 0 }, { CT_F32, 16, 1, 0, 1, 1, 0 } },
        { { CT_F32, 16, 1, 1, 1, 1, 0 }, { CT_F32, 16, 1, 1, 0, 1, 0 } },   { { CT_F32, 16, 1, 1, 1, 1, 0 }, { CT_F32, 16, 1, 1, 1, 0, 0 } },
        { { CT_F32, 16, 1, 1, 1, 1, 2 }, { CT_F32, 16, 1, 1, 1, 1, 1 } },   { { CT_F32, 16, 1, 1, 1, 1, 15 }, { CT_F32, 16, 1, 1, 1, 1, 16 } },
        { { CT_F32, 16, 1, 1, 1, 1, 0 }, { CT_F32, 16, 1, 1, 1, 1, -1 } },
    };
    static ct_module *(*const makers[])(const struct dcgan_shape *, ct_random *, ct_error *) = { dcgan_generator_new, dcgan_discriminator_new,
                                                                                               dcgan_critic_new };
    ct_random random = { .seed = 1 };
    ct_error error = { CT_OK, "" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = 0; k < 3; k++) {
            ct_module *made = makers[k](&cases[i].good, &random, &error);
            cr_expect_not_null(made, "case %zu: %s", i, error.message);
            ct_module_free(made);
            cr_expect_null(makers[k](&cases[i].wrong, &random, &error), "case %zu", i);
            cr_expect_eq(error.status, CT_BAD_ARGUMENT);
            cr_expect_not_null(strstr(error.message, "size is 16, 32, 64 or 128"), "%s", error.message);
        }
}

/* What memory is estimated by. */
Test(dcgan, weights_are_counted_without_making_them)
{
    static const struct dcgan_shape shapes[] = { { CT_F32, 16, 1, 7, 2, 3, 0 }, { CT_F32, 64, 3, 10, 3, 2, 5 }, { CT_F32, 128, 1, 100, 1, 1, 4 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ct_random random = { .seed = 1 };
        ct_module *made[] = { dcgan_generator_new(&shapes[i], &random, NULL), dcgan_discriminator_new(&shapes[i], &random, NULL) };
        const int64_t counted[] = { dcgan_generator_weights(&shapes[i]), dcgan_discriminator_weights(&shapes[i]) };
        for (int k = 0; k < 2; k++) {
            int64_t count = 0;
            for (int j = 0; j < ct_module_tensor_count(made[k]); j++)
                if (ct_tensor_rank(ct_module_tensor(made[k], j).tensor) == 4)
                    count += ct_tensor_count(ct_module_tensor(made[k], j).tensor);
            cr_expect_eq(count, counted[k], "shape %zu, network %d: %lld, counted %lld", i, k, (long long)count, (long long)counted[k]);
            ct_module_free(made[k]);
        }
    }
}

Test(dcgan, a_saved_generator_draws_the_same)
{
    struct dcgan_shape shape = { CT_F32, 16, 1, 6, 4, 4, 4 }, loaded;
    ct_random random = { .seed = 7 };
    ct_error error = { CT_OK, "" };
    char path[] = "/tmp/cotangent-dcgan-XXXXXX";
    cr_assert(close(mkstemp(path)) == 0);
    ct_module *before = dcgan_generator_new(&shape, &random, &error);
    cr_assert_eq(dcgan_save(before, path, &error), CT_OK, "%s", error.message);
    ct_module *after = dcgan_load_generator(path, &loaded, &error);
    unlink(path);
    cr_assert_not_null(after, "%s", error.message);
    cr_expect(loaded.size == 16 && loaded.nz == 6 && loaded.ngf == 4 && loaded.channels == 1);
    ct_tape *tape = ct_tape_new();
    ct_tensor *noise = ct_tensor_zeros(CT_F32, CT_SHAPE(3, 6, 1, 1));
    ct_normal(noise, 0, 1, &random);
    ct_tensor *a = dcgan_sample(before, &shape, tape, noise, &error), *b = dcgan_sample(after, &shape, tape, noise, &error);
    cr_assert(a != NULL && b != NULL, "%s", error.message);
    cr_expect_eq(memcmp(ct_tensor_data(a), ct_tensor_data(b), (size_t)ct_tensor_count(a) * 4), 0);
    ct_tensor_release(a), ct_tensor_release(b), ct_tensor_release(noise);
    ct_tape_free(tape);
    ct_module_free(before), ct_module_free(after);
}

/* One tensor fewer, and one of another shape, in its turn: each refused, by its name unless the networks' sizes come from it. */
Test(dcgan, a_damaged_generator_is_refused)
{
    enum { MOST = 40 };
    struct dcgan_shape shape = { CT_F32, 16, 1, 6, 4, 4, 4 }, loaded;
    ct_error error = { CT_OK, "" };
    ct_module *generator = dcgan_generator_new(&shape, &(ct_random){ .seed = 7 }, &error);
    ct_tensor *tensor[MOST], *other = ct_tensor_zeros(CT_F32, CT_SHAPE(3, 2));
    char name[MOST][80];
    const char *names[MOST];
    const int count = ct_module_tensor_count(generator);
    int named = 0;
    cr_assert(count > 9 && count <= MOST);
    for (int i = 0; i < count; i++)
        names[i] = name[i];
    for (int i = 0; i < 2 * count; i++) {
        const int chosen = i / 2;
        int written = 0;
        for (int k = 0; k < count; k++) {
            if (k == chosen && i % 2 == 0)
                continue;
            snprintf(name[written], sizeof name[written], "main.%s", ct_module_tensor(generator, k).name);
            tensor[written++] = k == chosen ? other : ct_module_tensor(generator, k).tensor;
        }
        cr_assert_eq(ct_safetensors_write("damaged.safetensors", written, names, tensor, &error), CT_OK, "%s", error.message);
        cr_expect_null(dcgan_load_generator("damaged.safetensors", &loaded, &error));
        cr_expect_eq(error.status, CT_BAD_FORMAT);
        char words[200];
        snprintf(words, sizeof words, "damaged.safetensors: main.%s is missing or of another shape", ct_module_tensor(generator, chosen).name);
        const bool is_named = strcmp(error.message, words) == 0;
        named += is_named;
        cr_expect(is_named || strstr(error.message, "does not hold a DCGAN generator") != NULL, "%s", error.message);
    }
    cr_expect(named >= count, "%d of %d", named, 2 * count);
    unlink("damaged.safetensors");
    ct_tensor_release(other);
    ct_module_free(generator);
}

/* Weights of no elements, or without those between, could stand for networks of any size: none is made. */
Test(dcgan, a_small_file_is_no_large_generator)
{
    enum { WIDE = 1 << 13 };
    static const struct {
        ct_shape shape[3]; /* of main.0, main.3 and main.6; without a rank: left out */
        const char *words;
    } cases[] = {
        { { CT_SHAPE(100, WIDE, 4, 0), CT_SHAPE(WIDE, WIDE / 2, 4, 0), CT_SHAPE(WIDE / 2, 1, 4, 0) },
          "large.safetensors does not hold a DCGAN generator " },
        { { CT_SHAPE(1, WIDE, 4, 4), CT_SHAPE(WIDE, WIDE / 2, 0, 0), CT_SHAPE(WIDE / 2, 1, 0, 0) },
          "large.safetensors does not hold a DCGAN generator " },
        { { CT_SHAPE(1, WIDE, 4, 4), CT_SHAPE(WIDE, WIDE / 2, 4, 0), CT_SHAPE(WIDE / 2, 1, 4, 4) },
          "large.safetensors: main.3.weight is missing or " },
        { { CT_SHAPE(1, WIDE, 4, 4), CT_SCALAR, CT_SHAPE(WIDE / 2, 1, 4, 4) },
          "large.safetensors: main.3.weight is missing or " },
        { { CT_SHAPE(1, WIDE, 1, 1), CT_SCALAR, CT_SHAPE(WIDE / 2, 1, 4, 4) },
          "large.safetensors: main.0.weight is missing or " },
        { { CT_SHAPE(1, 2 * WIDE), CT_SCALAR, CT_SHAPE(WIDE, 1, 4, 4) }, "large.safetensors does not hold a DCGAN generator " },
    };
    static const char *const layers[] = { "main.0.weight", "main.3.weight", "main.6.weight" };
    struct rusage before, after;
    cr_assert_eq(getrusage(RUSAGE_SELF, &before), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *names[3];
        ct_tensor *tensors[3];
        int count = 0;
        for (int k = 0; k < 3; k++)
            if (cases[i].shape[k].rank > 0)
                names[count] = layers[k], tensors[count++] = ct_tensor_zeros(CT_F32, cases[i].shape[k]);
        ct_error error;
        struct dcgan_shape shape;
        cr_assert_eq(ct_safetensors_write("large.safetensors", count, names, tensors, &error), CT_OK, "%s", error.message);
        cr_expect_null(dcgan_load_generator("large.safetensors", &shape, &error));
        cr_expect_eq(error.status, CT_BAD_FORMAT);
        cr_expect_eq(strncmp(error.message, cases[i].words, strlen(cases[i].words)), 0, "%zu: %s", i, error.message);
        for (int k = 0; k < count; k++)
            ct_tensor_release(tensors[k]);
    }
    cr_assert_eq(getrusage(RUSAGE_SELF, &after), 0);
    cr_expect(after.ru_maxrss - before.ru_maxrss < 64 << 10, "%ld KiB", after.ru_maxrss - before.ru_maxrss); /* of 2 GiB */
    unlink("large.safetensors");
}

/* Shoemake's formula where the answer is known: on the unit circle, the angle grows in proportion. */
Test(dcgan, slerp_goes_along_the_sphere)
{
    const double east[] = { 1, 0 }, north[] = { 0, 1 };
    double at[3];
    for (int i = 0; i <= 12; i++) {
        slerp(2, east, north, i / 12.0, at);
        cr_expect_float_eq(at[0], cos(i / 12.0 * acos(0)), 1e-15);
        cr_expect_float_eq(at[1], sin(i / 12.0 * acos(0)), 1e-15);
    }
    slerp(3, (double[]){ 1, 2, 3 }, (double[]){ 2, 4, 6 }, 0.25, at); /* parallel: the straight line */
    cr_expect(fabs(at[0] - 1.25) < 1e-15 && fabs(at[1] - 2.5) < 1e-15 && fabs(at[2] - 3.75) < 1e-15);
    slerp(2, (double[]){ 0, 0 }, north, 0.5, at);
    cr_expect(at[0] == 0 && at[1] == 0.5);
}

/* A sample is a function of its own noise: to the bit the same alone, in another place, and among others. */
Test(dcgan, a_sample_does_not_depend_on_its_batch)
{
    enum { COUNT = 7, WIDTH_OF_NOISE = 100 };
    struct dcgan_shape shape = { CT_F32, 32, 1, WIDTH_OF_NOISE, 8, 8, 4 };
    ct_random random = { .seed = 3 };
    ct_error error = { CT_OK, "" };
    ct_module *generator = dcgan_generator_new(&shape, &random, &error);
    ct_tape *tape = ct_tape_new();
    ct_tensor *noise = ct_tensor_zeros(CT_F32, CT_SHAPE(COUNT, WIDTH_OF_NOISE, 1, 1));
    ct_normal(noise, 0, 1, &random);
    ct_module_forward(generator, tape, noise); /* running statistics that are not the initial ones */
    ct_tensor *together = dcgan_sample(generator, &shape, tape, noise, &error);
    cr_assert_not_null(together, "%s", error.message);
    for (int i = 0; i < COUNT; i++) {
        ct_tensor *one = ct_tensor_from(CT_F32, CT_SHAPE(1, WIDTH_OF_NOISE, 1, 1), (const float *)ct_tensor_data(noise) + i * WIDTH_OF_NOISE);
        ct_tensor *alone = dcgan_sample(generator, &shape, tape, one, &error);
        cr_assert_not_null(alone, "%s", error.message);
        size_t bytes = (size_t)ct_tensor_count(alone) * 4;
        cr_expect_eq(memcmp(ct_tensor_data(alone), (const char *)ct_tensor_data(together) + (size_t)i * bytes, bytes), 0, "sample %d", i);
        ct_tensor_release(one), ct_tensor_release(alone);
    }
    ct_tensor_release(together), ct_tensor_release(noise);
    ct_tape_free(tape);
    ct_module_free(generator);
}

/* The type of a tensor as the header of a safetensors file names it. */
static const char *dtype_in(const char *path, const char *name, char text[20])
{
    uint64_t length;
    json_error_t reason;
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL && fread(&length, sizeof length, 1, file) == 1);
    json_t *header = json_loadf(file, JSON_DISABLE_EOF_CHECK, &reason);
    fclose(file);
    cr_assert_not_null(header, "%s", reason.text);
    snprintf(text, 20, "%s", json_string_value(json_object_get(json_object_get(header, name), "dtype")));
    json_decref(header);
    return text;
}

/* The state dict that golden/make_golden_generator.py saved: its images are PyTorch's, and what we save of it holds the same numbers under
 * the same names, which is what load_state_dict asks for. */
Test(dcgan, pytorchs_state_dict)
{
    struct dcgan_shape shape;
    ct_error error = { CT_OK, "" };
    char path[64], name[16], saved[] = "/tmp/cotangent-dcgan-XXXXXX";
    FILE *weights = golden_open("generator.safetensors"), *file = golden_open("generator.txt");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(weights));
    ct_module *generator = dcgan_load_generator(path, &shape, &error);
    cr_assert_not_null(generator, "%s", error.message);
    cr_expect(shape.size == 16 && shape.channels == 3 && shape.nz == 6 && shape.ngf == 4 && shape.kernel == 4);

    ct_tape *tape = ct_tape_new();
    cr_assert_eq(fscanf(file, "%15s", name), 1);
    ct_tensor *exact = golden_tensor(file), *noise = ct_tensor_cast(exact, CT_F32);
    cr_assert_eq(fscanf(file, "%15s", name), 1);
    ct_tensor *expected = golden_tensor(file), *images = dcgan_sample(generator, &shape, tape, noise, &error);
    cr_assert_not_null(images, "%s", error.message);
    golden_close("dcgan", "images", 0, images, expected, 1e-5);

    cr_assert(close(mkstemp(saved)) == 0);
    cr_assert_eq(dcgan_save(generator, saved, &error), CT_OK, "%s", error.message);
    ct_safetensors *theirs = ct_safetensors_read(path, &error), *ours = ct_safetensors_read(saved, &error);
    cr_assert(theirs != NULL && ours != NULL, "%s", error.message);
    cr_expect_eq(ct_safetensors_count(ours), ct_safetensors_count(theirs));
    for (int i = 0; i < ct_safetensors_count(theirs); i++) {
        ct_tensor *one = ct_safetensors_tensor(theirs, i), *other = ct_safetensors_find(ours, ct_safetensors_name(theirs, i));
        cr_assert_not_null(other, "%s", ct_safetensors_name(theirs, i));
        cr_assert(ct_shape_equal(ct_tensor_shape(one), ct_tensor_shape(other)), "%s", ct_safetensors_name(theirs, i));
        for (int64_t j = 0; j < ct_tensor_count(one); j++)
            cr_assert_eq(ct_tensor_at(one, j), ct_tensor_at(other, j));
        char text[2][20];
        cr_expect_str_eq(dtype_in(saved, ct_safetensors_name(theirs, i), text[0]), dtype_in(path, ct_safetensors_name(theirs, i), text[1]),
                         "%s", ct_safetensors_name(theirs, i));
    }
    unlink(saved);
    ct_safetensors_free(theirs), ct_safetensors_free(ours);
    ct_tensor_release(exact), ct_tensor_release(noise), ct_tensor_release(expected), ct_tensor_release(images);
    ct_tape_free(tape);
    ct_module_free(generator);
    fclose(weights), fclose(file);
}

/* ---- ten steps, as tests/golden/make_golden_dcgan.py took them ---- */

enum { STEPS = 10, BATCH = 4, NZ = 8 };

static uint64_t state = 1;

static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    (void)context, (void)mix, (void)error;
    golden_draw(&state, real, 1, 0);
    golden_draw(&state, noise, 1, 0);
    return CT_OK;
}

Test(dcgan, ten_steps_are_pytorchs)
{
    struct dcgan_shape shape = { CT_F64, 32, 1, NZ, 4, 4, 4 };
    struct dcgan gan;
    ct_random random = { .seed = 1 };
    ct_error error = { CT_OK, "" };
    cr_assert_eq(dcgan_open(&gan, &dcgan_gan, &shape, BATCH, 2e-4, 0.5, &random, &error), CT_OK, "%s", error.message);
    golden_draw_parameters(&state, gan.generator, 0.125);
    golden_draw_parameters(&state, gan.discriminator, 0.125);

    FILE *file = golden_open("dcgan.txt");
    char name[64];
    cr_assert_eq(fscanf(file, "%63s", name), 1);
    ct_tensor *losses = golden_tensor(file);
    for (int step = 0; step < STEPS; step++) {
        struct dcgan_report report;
        cr_assert_eq(dcgan_step(&gan, draw, NULL, &report, &error), CT_OK, "%s", error.message);
        cr_expect_float_eq(report.d_loss, ct_tensor_at(losses, step * 3) + ct_tensor_at(losses, step * 3 + 1), 1e-8);
        cr_expect_float_eq(report.g_loss, ct_tensor_at(losses, step * 3 + 2), 1e-8);
    }
    while (fscanf(file, "%63s", name) == 1) {
        ct_tensor *expected = golden_tensor(file), *got = ct_module_find(name[0] == 'G' ? gan.generator : gan.discriminator, name + 2);
        golden_close("dcgan", name, 0, got, expected, 1e-8);
        ct_tensor_release(expected);
    }
    fclose(file);
    ct_tensor_release(losses);
    dcgan_close(&gan);
}
