/* The real pictures: letters drawn as they are needed, or what is in files, decoded ahead of time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dcgan.h"

enum { ORDER = 2 }; /* the stream of random numbers */

struct data {
    struct data_options options;
    ct_glyphs *glyphs;
    int64_t drawn; /* batches of glyphs so far */
    ct_source *source;
    ct_loader *loader;
    char **bad; /* the names of those that could not be read, each once though every epoch meets it */
    int64_t bad_count;
    char description[4200];
};

static void skipped(void *context, const char *name, const ct_error *why)
{
    struct data *data = context;
    for (int64_t i = 0; i < data->bad_count; i++)
        if (strcmp(data->bad[i], name) == 0)
            return;
    char **longer = realloc(data->bad, (size_t)(data->bad_count + 1) * sizeof *longer);
    if (longer != NULL)
        data->bad = longer;
    if (longer != NULL && (longer[data->bad_count] = strdup(name)) != NULL)
        data->bad_count++;
    /* On a terminal, in the place of the progress, which comes again. */
    fprintf(stderr, "%sdcgan: left out %s: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", name, why->message);
}

static bool filter_named(const char *name, ct_filter *filter)
{
    static const char *const names[] = { [CT_AREA] = "area", [CT_LANCZOS] = "lanczos" };
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(name, names[i]) == 0) {
            *filter = (ct_filter)i;
            return true;
        }
    return false;
}

static ct_status open_files(struct data *data, int64_t batch, ct_error *error)
{
    const struct data_options *options = &data->options;
    ct_source_options how = { .channels = (int)options->channels, .size = options->size };
    filter_named(options->resize, &how.filter);
    data->source = ct_source_open(options->source, &how, error);
    if (data->source == NULL)
        return error->status;
    const long long count = ct_source_count(data->source);
    snprintf(data->description, sizeof data->description, "%lld pictures of %.4000s", count, options->source);
    if (count < batch)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%.300s holds %lld pictures, fewer than the %lld of a batch", options->source,
                            count, (long long)batch);
    data->loader = ct_loader_new(data->source,
                                 &(ct_loader_options){ .batch = batch,
                                                       .seed = (uint64_t)options->seed,
                                                       .stream = ORDER,
                                                       .flip = options->flip,
                                                       .drop_last = true,
                                                       .skipped = skipped,
                                                       .context = data },
                                 error);
    return data->loader != NULL ? CT_OK : error->status;
}

static ct_status open_glyphs(struct data *data, ct_error *error)
{
    const struct data_options *options = &data->options;
    data->glyphs = ct_glyphs_open(options->fonts, options->characters, error);
    if (data->glyphs == NULL && error->status == CT_BAD_FORMAT)
        strncat(error->message, "; on Debian: apt install fonts-dejavu-core", sizeof error->message - strlen(error->message) - 1);
    if (data->glyphs == NULL)
        return error->status;
    snprintf(data->description, sizeof data->description, "%zu characters of %d fonts under %.4000s", strlen(options->characters),
             ct_glyphs_fonts(data->glyphs), options->fonts);
    return CT_OK;
}

static bool from_fonts(const struct data_options *options)
{
    return strcmp(options->source, "glyphs") == 0;
}

ct_status data_check(const struct data_options *options, ct_error *error)
{
    if (options->channels == 2)
        return ct_error_set(error, CT_BAD_ARGUMENT, "--channels 2: needs 1, grey, or 3, colour");
    ct_filter filter;
    if (!filter_named(options->resize, &filter))
        return ct_error_set(error, CT_BAD_ARGUMENT, "--resize %.80s: needs area or lanczos", options->resize);
    for (int64_t size = 16; size <= 128; size *= 2)
        if (options->size == size)
            return CT_OK;
    return ct_error_set(error, CT_BAD_ARGUMENT, "--size %lld: needs 16, 32, 64 or 128, as the networks double a side of 4",
                        (long long)options->size);
}

ct_status data_open(struct data **opened, const struct data_options *options, int64_t batch, ct_error *error)
{
    struct data *data = *opened = calloc(1, sizeof *data);
    if (data == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for the data");
    data->options = *options;
    ct_status status = from_fonts(options) ? open_glyphs(data, error) : open_files(data, batch, error);
    if (status != CT_OK) {
        data_close(data);
        *opened = NULL;
    }
    return status;
}

void data_close(struct data *data)
{
    if (data == NULL)
        return;
    ct_glyphs_close(data->glyphs);
    ct_loader_free(data->loader);
    ct_source_free(data->source);
    for (int64_t i = 0; i < data->bad_count; i++)
        free(data->bad[i]);
    free(data->bad);
    free(data);
}

int data_channels(const struct data_options *options)
{
    return from_fonts(options) ? 1 : (int)options->channels;
}

int64_t data_count(const struct data *data)
{
    return data->glyphs != NULL ? 0 : ct_source_count(data->source);
}

int64_t data_unreadable(const struct data *data)
{
    return data->bad_count;
}

const char *data_description(const struct data *data)
{
    return data->description;
}

void data_note(const struct data *data, const ct_tensor *pictures)
{
    const float *value = ct_tensor_data(pictures);
    float least = 1;
    for (int64_t i = 0; i < ct_tensor_count(pictures); i++)
        least = fminf(least, value[i]);
    if (data->source != NULL && least >= 0)
        printf("note: no value of the first pictures is below 0, which is middle grey (-1 is black, 1 white);\n"
               "      if they were stored as 0 ... 1, store 2 x - 1, or bytes\n");
}

ct_status data_next(struct data *data, ct_tensor *batch, ct_error *error)
{
    if (data->glyphs == NULL)
        return ct_loader_fill(data->loader, batch, error);
    ct_status status = ct_glyphs_draw(data->glyphs, batch, (uint64_t)data->options.seed, (uint32_t)data->drawn, error);
    data->drawn += status == CT_OK;
    return status;
}

ct_loader_position data_tell(const struct data *data)
{
    return data->glyphs != NULL ? (ct_loader_position){ .index = data->drawn } : ct_loader_tell(data->loader);
}

ct_status data_seek(struct data *data, ct_loader_position position, ct_error *error)
{
    if (data->glyphs == NULL)
        return ct_loader_seek(data->loader, position, error);
    data->drawn = position.index;
    return CT_OK;
}
