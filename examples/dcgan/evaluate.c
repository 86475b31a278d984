/* dcgan evaluate: how far a generator's pictures are from the real ones, in numbers that two runs can be compared by. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"

enum { PASS = 64 }; /* pictures at once */

struct evaluate_options {
    struct common common;
    const char *run, *model;
    int64_t count, steps, seed;
    bool json;
};

struct evaluation {
    struct train_options train; /* of the run; the data's texts are in it */
    struct dcgan_shape shape;
    ct_module *generator;
    ct_tape *tape;
    struct data *data;
    struct classifier *classifier;
    ct_tensor *real, *noise;
    double *first, *second, *made; /* features of real pictures, of other real ones, and of the generator's */
};

/* The data as the run's settings.json has them, the generator from its folder or from a file. */
static ct_status open_run(struct evaluation *it, const struct evaluate_options *options, ct_error *error)
{
    char path[4200], *words[] = { (char *)"train", (char *)"--resume", (char *)(uintptr_t)options->run, NULL };
    bool helped;
    ct_status status = command_parse("dcgan", &verb_train, 3, words, &it->train, &helped, error);
    snprintf(path, sizeof path, "%.4000s/generator.safetensors", options->run);
    if (status == CT_OK) {
        it->generator = dcgan_load_generator(options->model != NULL ? options->model : path, &it->shape, error);
        status = it->generator != NULL ? CT_OK : error->status;
    }
    if (status == CT_OK) {
        it->train.data.size = it->shape.size;
        it->train.data.channels = it->shape.channels;
        it->train.data.seed = options->seed;
        status = data_check(&it->train.data, error);
    }
    if (status == CT_OK)
        status = data_open(&it->data, &it->train.data, PASS, error);
    return status;
}

static ct_status open_all(struct evaluation *it, const struct evaluate_options *options, ct_error *error)
{
    ct_status status = open_run(it, options, error);
    if (status != CT_OK)
        return status;
    const size_t bytes = (size_t)options->count * FEATURES * sizeof(double);
    it->tape = ct_tape_new();
    it->real = ct_tensor_zeros(CT_F32, CT_SHAPE(PASS, it->shape.channels, it->shape.size, it->shape.size));
    it->noise = ct_tensor_zeros(it->shape.dtype, CT_SHAPE(PASS, it->shape.nz, 1, 1));
    it->first = malloc(bytes), it->second = malloc(bytes), it->made = malloc(bytes);
    if (it->tape == NULL || it->real == NULL || it->noise == NULL || it->first == NULL || it->second == NULL || it->made == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures", (long long)options->count);
    it->classifier = classifier_train(&it->shape, it->data, options->steps, (uint64_t)options->seed, error);
    return it->classifier != NULL ? CT_OK : error->status;
}

static void close_all(struct evaluation *it)
{
    classifier_free(it->classifier);
    data_close(it->data);
    command_close(&it->train);
    ct_module_free(it->generator);
    ct_tape_free(it->tape);
    ct_tensor_release(it->real), ct_tensor_release(it->noise);
    free(it->first), free(it->second), free(it->made);
}

/* A distance of what is not a number would be none. */
static ct_status check_finite(const char *whose, int64_t count, const double *features, ct_error *error)
{
    for (int64_t i = 0; i < count * FEATURES; i++)
        if (!isfinite(features[i]))
            return ct_error_set(error, CT_NOT_FINITE, "the features of %s pictures are not finite: those pictures hold a NaN or an infinity", whose);
    return CT_OK;
}

static ct_status see_real(struct evaluation *it, int64_t count, double *features, ct_error *error)
{
    ct_status status = CT_OK;
    for (int64_t i = 0; i < count && status == CT_OK; i += PASS) {
        status = data_next(it->data, it->real, error);
        if (status == CT_OK)
            status = classifier_features(it->classifier, it->real, features + i * FEATURES, error);
    }
    return status == CT_OK ? check_finite("the real", count, features, error) : status;
}

static ct_status see_made(struct evaluation *it, int64_t count, uint64_t seed, ct_error *error)
{
    ct_random random = { .seed = seed, .stream = 8 };
    ct_status status = CT_OK;
    for (int64_t i = 0; i < count && status == CT_OK; i += PASS) {
        ct_normal(it->noise, 0, 1, &random);
        ct_tensor *images = dcgan_sample(it->generator, &it->shape, it->tape, it->noise, error);
        ct_tensor *cast = images != NULL ? ct_tensor_cast(images, CT_F32) : NULL;
        status = cast != NULL     ? classifier_features(it->classifier, cast, it->made + i * FEATURES, error)
                 : images == NULL ? error->status
                                  : ct_error_set(error, CT_NO_MEMORY, "out of memory for pictures");
        ct_tensor_release(images), ct_tensor_release(cast);
    }
    return status == CT_OK ? check_finite("the generator's", count, it->made, error) : status;
}

static ct_status tell(const struct evaluation *it, const struct evaluate_options *options, ct_error *error)
{
    const int64_t count = options->count;
    double accuracy;
    ct_status status = classifier_accuracy(it->classifier, it->real, &accuracy, error); /* of the last batch */
    if (status != CT_OK)
        return status;
    const double distance = frechet_distance(FEATURES, count, it->first, count, it->made);
    const double floor = frechet_distance(FEATURES, count, it->first, count, it->second);
    const double diversity = mean_distance(FEATURES, count, it->made) / mean_distance(FEATURES, count, it->first);
    if (isnan(distance) || isnan(floor))
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for the distance");
    printf(options->json
               ? "{\"frechet_distance\": %.6g, \"of_real_pictures\": %.6g, \"diversity\": %.6g, \"classifier_accuracy\": %.6g, "
                 "\"pictures\": %lld}\n"
               : "Fréchet distance to the real pictures  %.4g  (of as many other real pictures: %.4g)\n"
                 "diversity, of the real pictures' own   %.4g\n"
                 "the classifier tells %.0f%% of quarter turns; %lld pictures\n",
           distance, floor, diversity, options->json ? accuracy : 100 * accuracy, (long long)count);
    return CT_OK;
}

static ct_status run(const void *given, ct_error *error)
{
    struct evaluate_options options = *(const struct evaluate_options *)given;
    struct evaluation it = { .tape = NULL };
    options.count -= options.count % PASS;
    ct_status status = open_all(&it, &options, error);
    if (status == CT_OK)
        status = see_real(&it, options.count, it.first, error);
    if (status == CT_OK)
        status = see_real(&it, options.count, it.second, error);
    if (status == CT_OK)
        status = see_made(&it, options.count, (uint64_t)options.seed, error);
    if (status == CT_OK)
        status = tell(&it, &options, error);
    close_all(&it);
    return status;
}

static const struct setting settings[] = {
    TEXT(struct evaluate_options, run, "run", "FOLDER", "out/dcgan", "a folder that dcgan train wrote: its data, its generator"),
    TEXT(struct evaluate_options, model, "model", "FILE", NULL, "another generator.safetensors, or a checkpoint"),
    WHOLE(struct evaluate_options, count, "count", "2048", 128, 1000000, "pictures of each kind, in whole batches of 64"),
    WHOLE(struct evaluate_options, steps, "steps", "300", 0, 1e6, "of the classifier's training"),
    WHOLE(struct evaluate_options, seed, "seed", "1", 0, 9e15, "of the classifier, the real pictures' order and the noise"),
    FLAG(struct evaluate_options, json, "json", "one object on one line"),
};

const struct verb verb_evaluate = {
    "evaluate", "measure how good a generator is",
    "A small classifier learns, from the real pictures, by which quarter turn one was rotated. The Fréchet distance compares its\n"
    "features of real and of drawn pictures: less is better, and real pictures against real ones show how little is possible.\n"
    "Diversity is the mean distance of two drawn pictures' features over that of two real ones: far below 1, the generator\n"
    "repeats itself. Numbers are comparable for the same data, --steps, --count and --seed.\n\n"
    "Examples\n"
    "  dcgan evaluate --run out/demo\n"
    "  dcgan evaluate --run out/demo --model out/demo/checkpoint-001600.safetensors --json\n",
    SETTINGS_OF(settings), sizeof(struct evaluate_options), run
};
