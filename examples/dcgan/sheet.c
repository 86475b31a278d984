/* dcgan data: what the network will see. */
#include <string.h>

#include "dcgan.h"

struct sheet_options {
    struct common common;
    struct data_options data;
    const char *out;
    int64_t count, columns;
};

/* Fills `sheet` from its beginning with every picture of the files once, as far as they go; *count of them. */
static ct_status take_each(struct data *data, ct_tensor *one, ct_tensor *sheet, int64_t *count, ct_error *error)
{
    const int64_t most = ct_tensor_size(sheet, 0), floats = ct_tensor_count(one);
    ct_status status = CT_OK;
    *count = 0;
    while (status == CT_OK && *count < most && data_tell(data).epoch == 0) {
        status = data_next(data, one, error);
        const ct_loader_position after = data_tell(data);
        if (status != CT_OK || (after.epoch > 0 && after.index > 0)) /* those that were left could not be read: this is the first again */
            break;
        memcpy((float *)ct_tensor_data_mutable(sheet) + *count * floats, ct_tensor_data(one), (size_t)floats * sizeof(float));
        ++*count;
    }
    return status;
}

/* The first `count` pictures, fewer if the files hold fewer; the caller's. */
static ct_tensor *take(struct data *data, const struct data_options *options, int64_t count, ct_error *error)
{
    const int64_t channels = data_channels(options), size = options->size;
    ct_tensor *sheet = ct_tensor_empty(CT_F32, CT_SHAPE(count, channels, size, size)), *part = NULL;
    ct_tensor *one = ct_tensor_empty(CT_F32, CT_SHAPE(1, channels, size, size));
    ct_status status;
    if (sheet == NULL || one == NULL)
        status = ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures of %lld", (long long)count, (long long)size);
    else if (data_count(data) == 0) /* letters: a batch is a function of its number and place */
        status = data_next(data, sheet, error);
    else
        status = take_each(data, one, sheet, &count, error);
    if (status == CT_OK && (part = ct_tensor_from(CT_F32, CT_SHAPE(count, channels, size, size), ct_tensor_data(sheet))) == NULL)
        ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures of %lld", (long long)count, (long long)size);
    ct_tensor_release(one);
    ct_tensor_release(sheet);
    return part;
}

static ct_status run(const void *given, ct_error *error)
{
    const struct sheet_options *options = given;
    struct data *data;
    ct_status status = data_check(&options->data, error);
    if (status == CT_OK)
        status = picture_check("out", options->out, error);
    if (status == CT_OK)
        status = data_open(&data, &options->data, 1, error);
    if (status != CT_OK)
        return status;
    ct_tensor *sheet = take(data, &options->data, options->count, error);
    status = sheet != NULL ? picture_grid(options->out, sheet, (int)options->columns, picture_zoom((int)options->data.size), error)
                           : error->status;
    if (status == CT_OK)
        printf("data: %s\n%s\n", data_description(data), options->out), data_note(data, sheet);
    if (status == CT_OK && data_unreadable(data) > 0)
        printf("pictures that could not be read and were left out: %lld\n", (long long)data_unreadable(data));
    ct_tensor_release(sheet);
    data_close(data);
    return status;
}

static const struct setting settings[] = {
    DATA_SETTINGS(struct sheet_options),
    TEXT(struct sheet_options, out, "out", "FILE.png", "sheet.png", "the picture"),
    WHOLE(struct sheet_options, count, "count", "64", 1, 4096, "how many; fewer if the files hold fewer"),
    WHOLE(struct sheet_options, columns, "columns", "8", 1, 256, "side by side"),
};

const struct verb verb_data = {
    "data", "show what the network will see",
    "The first pictures that training would take, cut and scaled as it would.\n\n"
    "Examples\n"
    "  dcgan data --characters ABC\n"
    "  dcgan data --data photos --channels 3 --size 64 --out sheet.png\n",
    SETTINGS_OF(settings), sizeof(struct sheet_options), run
};
