/* dcgan sample: a grid of a trained generator's pictures. */
#include "dcgan.h"

struct sample_options {
    struct common common;
    const char *model, *out;
    int64_t count, seed, columns;
};

static const struct setting settings[] = {
    TEXT(struct sample_options, model, "model", "FILE", NULL, "a generator.safetensors, or a checkpoint"),
    TEXT(struct sample_options, out, "out", "FILE.png", "samples.png", "the picture"),
    WHOLE(struct sample_options, count, "count", "64", 1, 4096, "how many"),
    WHOLE(struct sample_options, columns, "columns", "8", 1, 256, "side by side"),
    WHOLE(struct sample_options, seed, "seed", "1", 0, 9e15, "another seed, other pictures"),
};

static ct_status run(const void *given, ct_error *error)
{
    const struct sample_options *options = given;
    struct dcgan_shape shape;
    if (options->model == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "needs --model FILE, a generator.safetensors that dcgan train wrote");
    ct_module *generator = dcgan_load_generator(options->model, &shape, error);
    if (generator == NULL)
        return CT_IO_ERROR;
    ct_tape *tape = ct_tape_new();
    ct_tensor *noise = ct_tensor_empty(shape.dtype, CT_SHAPE(options->count, shape.nz, 1, 1)), *images = NULL;
    ct_random random = { .seed = (uint64_t)options->seed };
    ct_status status = CT_NO_MEMORY;
    if (tape == NULL || noise == NULL)
        ct_error_set(error, status, "out of memory for %lld pictures", (long long)options->count);
    else if ((status = ct_normal(noise, 0, 1, &random)) == CT_OK && (images = dcgan_sample(generator, &shape, tape, noise, error)) == NULL)
        status = error->status;
    if (images != NULL)
        status = picture_grid(options->out, images, (int)options->columns, picture_zoom(shape.size), error);
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
    "  dcgan sample --model out/demo/checkpoint-latest.safetensors --count 16 --columns 4 --seed 7 --out seven.png\n",
    SETTINGS_OF(settings), sizeof(struct sample_options), run
};
