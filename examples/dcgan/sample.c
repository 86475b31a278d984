/* dcgan sample: a grid of a trained generator's pictures. */
#include <string.h>

#include "dcgan.h"

struct sample_options {
    struct common common;
    const char *model, *out, *noise;
    int64_t count, seed, columns;
};

static const struct setting settings[] = {
    TEXT(struct sample_options, model, "model", "FILE", NULL, "a generator.safetensors, or a checkpoint"),
    TEXT(struct sample_options, out, "out", "FILE.png", "samples.png",
         "the picture; FILE.npy: the numbers, (count, channels, size, size) in -1 ... 1"),
    TEXT(struct sample_options, noise, "noise", "FILE.npy", NULL,
         "numbers to draw from, instead of random ones: (n, nz), or (n, nz, 1, 1) as in PyTorch"),
    WHOLE(struct sample_options, count, "count", "64", 1, 4096, "how many"),
    WHOLE(struct sample_options, columns, "columns", "8", 1, 256, "side by side"),
    WHOLE(struct sample_options, seed, "seed", "1", 0, 9e15, "another seed, other pictures"),
};

/* noise (n, nz, 1, 1) of the generator's dtype; NULL with the error set. */
static ct_tensor *noise_of(const struct sample_options *options, const struct dcgan_shape *shape, ct_error *error)
{
    if (options->noise == NULL) {
        ct_tensor *noise = ct_tensor_empty(shape->dtype, CT_SHAPE(options->count, shape->nz, 1, 1));
        ct_random random = { .seed = (uint64_t)options->seed };
        if (noise == NULL || ct_normal(noise, 0, 1, &random) != CT_OK)
            ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures", (long long)options->count);
        return noise;
    }
    ct_tensor *given = ct_npy_read(options->noise, error), *noise = NULL;
    char text[100];
    if (given == NULL)
        return NULL;
    const int rank = ct_tensor_rank(given);
    if ((rank != 2 && rank != 4) || ct_tensor_size(given, 1) != shape->nz || ct_tensor_count(given) < 1 ||
        ct_tensor_count(given) != ct_tensor_size(given, 0) * shape->nz)
        ct_error_set(error, CT_BAD_SHAPE, "%.300s has shape %s; this generator needs (n, %d) or (n, %d, 1, 1)", options->noise,
                     ct_shape_text(ct_tensor_shape(given), text, sizeof text), shape->nz, shape->nz);
    else if ((noise = ct_tensor_empty(shape->dtype, CT_SHAPE(ct_tensor_size(given, 0), shape->nz, 1, 1))) == NULL ||
             ct_tensor_copy_in(noise, ct_tensor_dtype(given), ct_tensor_data(given), ct_tensor_count(given)) != CT_OK)
        ct_error_set(error, CT_NO_MEMORY, "out of memory for noise");
    ct_tensor_release(given);
    return noise;
}

static bool is_array(const char *path)
{
    return strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".npy") == 0;
}

static ct_status run(const void *given, ct_error *error)
{
    const struct sample_options *options = given;
    struct dcgan_shape shape;
    if (options->model == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "needs --model FILE, a generator.safetensors that dcgan train wrote");
    if (!is_array(options->out) && picture_check("out", options->out, error) != CT_OK)
        return error->status;
    ct_module *generator = dcgan_load_generator(options->model, &shape, error);
    if (generator == NULL)
        return CT_IO_ERROR;
    ct_tape *tape = ct_tape_new();
    ct_tensor *noise = tape != NULL ? noise_of(options, &shape, error) : NULL;
    ct_tensor *images = noise != NULL ? dcgan_sample(generator, &shape, tape, noise, error) : NULL;
    ct_status status;
    if (tape == NULL)
        status = ct_error_set(error, CT_NO_MEMORY, "out of memory");
    else if (images == NULL)
        status = error->status;
    else
        status = is_array(options->out)
                     ? ct_npy_write(options->out, images, error)
                     : picture_grid(options->out, images, (int)options->columns, picture_zoom(shape.size), error);
    if (status == CT_OK)
        printf("%s\n", options->out);
    ct_tensor_release(images);
    ct_tensor_release(noise);
    ct_tape_free(tape);
    ct_module_free(generator);
    return status;
}

const struct verb verb_sample = {
    "sample", "draw pictures with a trained generator",
    "The generator is in evaluation mode: a picture depends on its own noise alone, not on the others of the grid.\n\n"
    "Examples\n"
    "  dcgan sample --model out/demo/generator.safetensors\n"
    "  dcgan sample --model out/demo/checkpoint-latest.safetensors --count 16 --columns 4 --seed 7 --out seven.png\n"
    "  dcgan sample --model out/demo/generator.safetensors --noise noise.npy --out images.npy\n",
    SETTINGS_OF(settings), sizeof(struct sample_options), run
};
