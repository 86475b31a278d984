/* dcgan data: what the network will see. */
#include "dcgan.h"

struct sheet_options {
    struct common common;
    struct data_options data;
    const char *out;
    int64_t count, columns;
};

static ct_status run(const void *given, ct_error *error)
{
    const struct sheet_options *options = given;
    struct data *data;
    ct_status status = data_open(&data, &options->data, options->count, error);
    if (status != CT_OK)
        return status;
    const int64_t size = options->data.size;
    ct_tensor *batch = ct_tensor_empty(CT_F32, CT_SHAPE(options->count, data_channels(&options->data), size, size));
    if (batch == NULL)
        status = ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures of %lld", (long long)options->count,
                              (long long)size);
    if (status == CT_OK)
        status = data_next(data, batch, error);
    if (status == CT_OK)
        status = picture_grid(options->out, batch, (int)options->columns, picture_zoom((int)size), error);
    if (status == CT_OK)
        printf("%s\n", data_description(data));
    ct_tensor_release(batch);
    data_close(data);
    return status;
}

static const struct setting settings[] = {
    DATA_SETTINGS(struct sheet_options),
    TEXT(struct sheet_options, out, "out", "FILE.png", "sheet.png", "the picture"),
    WHOLE(struct sheet_options, count, "count", "64", 1, 4096, "how many"),
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
