/* dcgan interpolate: what lies between two pictures, as a grid and as an animation. */
#include <math.h>
#include <stdlib.h>

#include "dcgan.h"

struct interpolate_options {
    struct common common;
    const char *model, *out, *animation;
    int64_t count, steps, frames, seed;
};

/* Shoemake, "Animating rotation with quaternion curves", 1985. Along the sphere, since noise lies near one: its length is √n, and a
 * straight line would pass through lengths the generator never met. */
void slerp(int64_t count, const double *from, const double *to, double t, double *between)
{
    double dot = 0, from_square = 0, to_square = 0;
    for (int64_t i = 0; i < count; i++) {
        dot += from[i] * to[i];
        from_square += from[i] * from[i];
        to_square += to[i] * to[i];
    }
    const double cosine = dot / sqrt(from_square * to_square), angle = acos(fmax(-1, fmin(1, cosine))), sine = sin(angle);
    const bool straight = !(sine > 1e-6); /* nearly parallel, or a zero: the limit is the straight line */
    const double a = straight ? 1 - t : sin((1 - t) * angle) / sine, b = straight ? t : sin(t * angle) / sine;
    for (int64_t i = 0; i < count; i++)
        between[i] = a * from[i] + b * to[i];
}

/* noise (rows · columns, nz, 1, 1): row r goes from ends[2r] to ends[2r + 1]; column c stands at from + (to − from) c / (columns − 1). */
static ct_tensor *draw(ct_module *generator, const struct dcgan_shape *shape, ct_tape *tape, const ct_tensor *ends,
                       int64_t columns, double from, double to, ct_error *error)
{
    int64_t rows = ct_tensor_size(ends, 0) / 2, nz = ct_tensor_size(ends, 1);
    ct_tensor *noise = ct_tensor_empty(CT_F64, CT_SHAPE(rows * columns, nz, 1, 1)), *cast = NULL, *images = NULL;
    const double *end = ct_tensor_data(ends);
    double *at = noise != NULL ? ct_tensor_data_mutable(noise) : NULL;
    for (int64_t i = 0; at != NULL && i < rows * columns; i++) {
        double t = columns > 1 ? from + (to - from) * (double)(i % columns) / (double)(columns - 1) : from;
        slerp(nz, end + i / columns * 2 * nz, end + (i / columns * 2 + 1) * nz, t, at + i * nz);
    }
    if (at == NULL || (cast = ct_tensor_cast(noise, shape->dtype)) == NULL)
        ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures", (long long)(rows * columns));
    else
        images = dcgan_sample(generator, shape, tape, cast, error);
    ct_tensor_release(noise);
    ct_tensor_release(cast);
    return images;
}

/* There and back, each frame a grid of where all rows stand. */
static ct_status animate(const struct interpolate_options *options, ct_module *generator, const struct dcgan_shape *shape,
                         ct_tape *tape, const ct_tensor *ends, ct_error *error)
{
    const int frames = (int)options->frames, columns = (int)ceil(sqrt((double)options->count));
    uint8_t **pixels = calloc((size_t)frames, sizeof *pixels);
    int width = 0, height = 0, channels = 0;
    ct_status status = pixels != NULL ? CT_OK : ct_error_set(error, CT_NO_MEMORY, "out of memory for %d frames", frames);
    for (int frame = 0; frame < frames && status == CT_OK; frame++) {
        double t = (1 - cos(2 * acos(-1) * frame / frames)) / 2;
        ct_tensor *images = draw(generator, shape, tape, ends, 1, t, t, error);
        if (images != NULL) {
            channels = (int)ct_tensor_size(images, 1);
            pixels[frame] = picture_pixels(images, columns, picture_zoom(shape->size), &width, &height, error);
        }
        if (pixels[frame] == NULL)
            status = error->status;
        ct_tensor_release(images);
    }
    if (status == CT_OK)
        status = ct_apng_write(options->animation, width, height, channels, frames, (const uint8_t *const *)pixels, 80, error);
    for (int frame = 0; pixels != NULL && frame < frames; frame++)
        free(pixels[frame]);
    free(pixels);
    return status;
}

static ct_status run(const void *given, ct_error *error)
{
    const struct interpolate_options *options = given;
    struct dcgan_shape shape;
    if (options->model == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "needs --model FILE, a generator.safetensors that dcgan train wrote");
    if (picture_check("out", options->out, error) != CT_OK ||
        (options->animation != NULL && picture_check("animation", options->animation, error) != CT_OK))
        return error->status;
    ct_module *generator = dcgan_load_generator(options->model, &shape, error);
    if (generator == NULL)
        return CT_IO_ERROR;
    ct_tape *tape = ct_tape_new();
    ct_tensor *ends = ct_tensor_empty(CT_F64, CT_SHAPE(2 * options->count, shape.nz)), *images = NULL;
    ct_random random = { .seed = (uint64_t)options->seed };
    ct_status status = CT_NO_MEMORY;
    if (tape == NULL || ends == NULL || ct_normal(ends, 0, 1, &random) != CT_OK)
        ct_error_set(error, status, "out of memory for %lld rows", (long long)options->count);
    else if ((images = draw(generator, &shape, tape, ends, options->steps, 0, 1, error)) != NULL)
        status = picture_grid(options->out, images, (int)options->steps, picture_zoom(shape.size), error);
    if (status == CT_OK && options->animation != NULL)
        status = animate(options, generator, &shape, tape, ends, error);
    if (status == CT_OK)
        printf("%s\n", options->out);
    if (status == CT_OK && options->animation != NULL)
        printf("%s\n", options->animation);
    ct_tensor_release(images);
    ct_tensor_release(ends);
    ct_tape_free(tape);
    ct_module_free(generator);
    return status;
}

static const struct setting settings[] = {
    TEXT(struct interpolate_options, model, "model", "FILE", NULL, "a generator.safetensors, or a checkpoint"),
    TEXT(struct interpolate_options, out, "out", "FILE.png", "interpolation.png", "the grid: each row goes from one picture to another"),
    TEXT(struct interpolate_options, animation, "animation", "FILE.png", NULL, "an animated PNG of all rows, there and back"),
    WHOLE(struct interpolate_options, count, "count", "8", 1, 256, "rows"),
    WHOLE(struct interpolate_options, steps, "steps", "10", 2, 256, "pictures in a row"),
    WHOLE(struct interpolate_options, frames, "frames", "48", 2, 1000, "of the animation, 80 ms each"),
    WHOLE(struct interpolate_options, seed, "seed", "1", 0, 9e15, "another seed, other pictures"),
};

const struct verb verb_interpolate = {
    "interpolate", "draw what lies between pictures",
    "Noise is interpolated along the sphere (slerp). Animated PNGs play in browsers; other programs show the first frame.\n\n"
    "Examples\n"
    "  dcgan interpolate --model out/demo/generator.safetensors\n"
    "  dcgan interpolate --model out/demo/generator.safetensors --count 16 --animation walk.png\n",
    SETTINGS_OF(settings), sizeof(struct interpolate_options), run
};
