/* The real pictures: letters drawn as they are needed, or a folder held in memory. Batch k is a function of the settings and k. */
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

struct data {
    struct data_options options;
    struct glyphs *glyphs;
    ct_tensor *pictures;
    int64_t *order, epoch; /* the order of that epoch; −1: none yet */
    char description[4200];
};

static bool open_folder(struct data *data, ct_error *error)
{
    int64_t skipped = 0;
    const struct data_options *options = &data->options;
    data->pictures = ct_image_folder(options->source, (int)options->channels, options->size, 0, &skipped, error);
    if (data->pictures == NULL)
        return false;
    long long count = ct_tensor_size(data->pictures, 0);
    data->order = malloc((size_t)count * sizeof *data->order);
    if (data->order == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures", count);
        return false;
    }
    snprintf(data->description, sizeof data->description, skipped > 0 ? "%lld pictures of %.4000s; %lld could not be read" : "%lld pictures of %.4000s",
             count, options->source, (long long)skipped);
    return true;
}

static bool open_glyphs(struct data *data, ct_error *error)
{
    const struct data_options *options = &data->options;
    data->glyphs = glyphs_open(options->fonts, options->characters, error);
    if (data->glyphs != NULL)
        snprintf(data->description, sizeof data->description, "%zu characters of %d fonts under %.4000s", strlen(options->characters),
                 glyphs_fonts(data->glyphs), options->fonts);
    return data->glyphs != NULL;
}

struct data *data_open(const struct data_options *options, ct_error *error)
{
    struct data *data = calloc(1, sizeof *data);
    if (data == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for the data");
        return NULL;
    }
    data->options = *options;
    data->epoch = -1;
    if (strcmp(options->source, "glyphs") == 0 ? open_glyphs(data, error) : open_folder(data, error))
        return data;
    data_close(data);
    return NULL;
}

void data_close(struct data *data)
{
    if (data == NULL)
        return;
    glyphs_close(data->glyphs);
    ct_tensor_release(data->pictures);
    free(data->order);
    free(data);
}

int data_channels(const struct data_options *options)
{
    return strcmp(options->source, "glyphs") == 0 ? 1 : (int)options->channels;
}

int64_t data_count(const struct data *data)
{
    return data->glyphs != NULL ? 0 : ct_tensor_size(data->pictures, 0);
}

const char *data_description(const struct data *data)
{
    return data->description;
}

void data_batch(struct data *data, ct_tensor *batch, int64_t drawn)
{
    const uint64_t seed = (uint64_t)data->options.seed;
    if (data->glyphs != NULL) {
        glyphs_draw(data->glyphs, batch, seed, (uint32_t)drawn);
        return;
    }
    enum { ORDER = 2 }; /* the stream of random numbers */
    int64_t count = data_count(data), plane = ct_tensor_count(data->pictures) / count, n = ct_tensor_size(batch, 0);
    const float *from = ct_tensor_data(data->pictures);
    float *to = ct_tensor_data_mutable(batch);
    for (int64_t i = 0; i < n; i++) {
        int64_t taken = drawn * n + i, epoch = taken / count;
        if (data->epoch != epoch) {
            ct_random random = { .seed = seed, .stream = ORDER, .epoch = (uint32_t)epoch };
            ct_permutation(data->order, count, &random);
            data->epoch = epoch;
        }
        memcpy(to + i * plane, from + data->order[taken % count] * plane, (size_t)plane * sizeof *to);
    }
}
