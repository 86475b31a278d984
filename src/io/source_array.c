/* Images in arrays: IDX, CIFAR-10 and .npy files as they are stored, and tensors. */
#include <math.h>
#include <string.h>

#include "idx.h"
#include "npy.h"
#include "source.h"

#define MOST_FILES 8

/* `count` images of one file, or of a tensor: `first` is the first image's view, the next lies `stride` elements further. */
struct array {
    int64_t count, stride;
    struct ct_view first;
    void *bytes; /* of the file, or NULL */
    size_t size;
    ct_tensor *tensor; /* or NULL */
    char name[128];
};

struct arrays {
    int count;
    struct array array[MOST_FILES];
};

static const struct array *find(const struct ct_source *source, int64_t *index)
{
    const struct arrays *arrays = source->content;
    const struct array *array = arrays->array;
    for (; *index >= array->count; array++)
        *index -= array->count;
    return array;
}

static ct_status array_read(const struct ct_source *source, int64_t index, float *to, ct_error *error)
{
    const struct array *array = find(source, &index);
    struct ct_view view = array->first;
    view.data = (const char *)view.data + index * array->stride * (view.bytes ? 1 : (int64_t)sizeof(float));
    return ct_view_resize(&view, ct_view_square(&view), source->filter, source->channels, source->size, source->size, to, error);
}

static char *array_name(const struct ct_source *source, int64_t index, char *text, size_t size)
{
    const struct array *array = find(source, &index);
    snprintf(text, size, "%s, image %lld", array->name, (long long)index);
    return text;
}

static void array_close(struct ct_source *source)
{
    struct arrays *arrays = source->content;
    for (int i = 0; i < arrays->count; i++) {
        ct_release(arrays->array[i].bytes, arrays->array[i].size);
        ct_tensor_release(arrays->array[i].tensor);
    }
    ct_source_drop(source, sizeof *arrays);
}

/* Images (n, h, w), (n, c, h, w) or (n, h, w, c). */
static ct_status lay_out(struct array *array, const char *format, ct_shape shape, bool bytes, const void *data, ct_error *error)
{
    const int64_t *n = shape.extent;
    bool grey = shape.rank == 3, planes = shape.rank == 4 && (n[1] == 1 || n[1] == 3);
    bool pixels = shape.rank == 4 && !planes && (n[3] == 1 || n[3] == 3);
    int64_t h = planes ? n[2] : n[1], w = planes ? n[3] : n[2], c = grey ? 1 : planes ? n[1] : n[3];
    char text[256];
    if (!(grey || planes || pixels) || ct_shape_count(shape) == 0)
        return ct_error_set(error, CT_BAD_FORMAT, "%s: an array %s is not images (n, h, w), (n, c, h, w) or (n, h, w, c) of 1 or 3 channels",
                            format, ct_shape_text(shape, text, sizeof text));
    if (h > CT_LARGEST_SIDE || w > CT_LARGEST_SIDE)
        return ct_error_set(error, CT_BAD_FORMAT, "%s: images of %lld × %lld; sides up to %d are read", format, (long long)w, (long long)h,
                            CT_LARGEST_SIDE);
    array->count = n[0];
    array->stride = ct_shape_product(shape, 1, shape.rank);
    array->first = pixels ? (struct ct_view){ data, bytes, (int)c, h, w, 1, w * c, c } : (struct ct_view){ data, bytes, (int)c, h, w, h * w, w, 1 };
    return CT_OK;
}

/* ---- the formats: array->bytes was read; they lay it out ---- */

static ct_status open_idx(struct array *array, ct_error *error)
{
    struct ct_idx idx;
    ct_status status = ct_idx_look(array->bytes, array->size, &idx, error);
    if (status == CT_OK && idx.element->idx != 8)
        status = ct_error_set(error, CT_BAD_FORMAT, "idx: images are bytes; these are elements of type 0x%02x", idx.element->idx);
    return status == CT_OK ? lay_out(array, "idx", idx.shape, true, idx.data, error) : status;
}

static ct_status open_cifar10(struct array *array, ct_error *error)
{
    ct_status status = ct_cifar10_look(array->bytes, array->size, &array->count, error);
    array->stride = CT_CIFAR10_RECORD;
    array->first = (struct ct_view){ (char *)array->bytes + 1, true, 3, 32, 32, 1024, 32, 1 };
    return status;
}

/* What no picture has, as 0 … 255 in a type that is no byte; a NaN is the network's to find. */
static ct_status check_range(const ct_tensor *tensor, ct_error *error)
{
    const float *value = ct_tensor_data(tensor);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        if (fabsf(value[i]) > 1)
            return ct_error_set(error, CT_BAD_FORMAT,
                                "npy: a value of %g; images are bytes (uint8) of 0 … 255, or other numbers of -1 … 1",
                                (double)value[i]);
    return CT_OK;
}

static ct_status open_npy(struct array *array, ct_error *error)
{
    struct ct_npy npy;
    ct_status status = ct_npy_look(array->bytes, array->size, &npy, error);
    if (status != CT_OK)
        return status;
    if (strcmp(npy.element->npy, "u1") == 0 && !npy.fortran)
        return lay_out(array, "npy", npy.shape, true, npy.data, error);
    if (strcmp(npy.element->npy, "u1") == 0)
        return ct_error_set(error, CT_BAD_FORMAT, "npy: images of bytes in Fortran order are not read");
    ct_tensor *tensor = ct_npy_parse(array->bytes, array->size, error);
    if (tensor == NULL)
        return CT_NO_MEMORY;
    array->tensor = ct_tensor_cast(tensor, CT_F32);
    ct_tensor_release(tensor);
    if (array->tensor == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "npy: out of memory for a file of %zu bytes", array->size);
    status = check_range(array->tensor, error);
    return status != CT_OK ? status : lay_out(array, "npy", npy.shape, false, ct_tensor_data(array->tensor), error);
}

static ct_source *open_files(int count, const char *const paths[], const ct_source_options *options,
                             ct_status (*open)(struct array *array, ct_error *error), ct_error *error)
{
    if (count < 1 || count > MOST_FILES || paths == NULL) {
        ct_error_set(error, CT_BAD_ARGUMENT, "source: %d files; 1 … %d are read", count, MOST_FILES);
        return NULL;
    }
    struct ct_source *source = ct_source_new(options, sizeof(struct arrays), error);
    if (source == NULL)
        return NULL;
    source->read = array_read, source->name = array_name, source->close = array_close;
    struct arrays *arrays = source->content;
    ct_status status = CT_OK;
    for (int i = 0; i < count && status == CT_OK; i++) {
        struct array *array = &arrays->array[i];
        ct_error why = { CT_OK, "" };
        status = ct_file_read_inflated(paths[i], CT_LARGEST_DATASET, &array->bytes, &array->size, error);
        if (status != CT_OK)
            break;
        arrays->count = i + 1;
        snprintf(array->name, sizeof array->name, "%s", strrchr(paths[i], '/') != NULL ? strrchr(paths[i], '/') + 1 : paths[i]);
        if ((status = open(array, &why)) != CT_OK)
            ct_error_set(error, status, "%s: %s", paths[i], why.message);
        source->count += array->count;
    }
    if (status == CT_OK)
        return source;
    array_close(source);
    return NULL;
}

ct_source *ct_source_idx(const char *path, const ct_source_options *options, ct_error *error)
{
    return open_files(path != NULL, &path, options, open_idx, error);
}

ct_source *ct_source_cifar10(int count, const char *const paths[], const ct_source_options *options, ct_error *error)
{
    return open_files(count, paths, options, open_cifar10, error);
}

ct_source *ct_source_npy(const char *path, const ct_source_options *options, ct_error *error)
{
    return open_files(path != NULL, &path, options, open_npy, error);
}

ct_source *ct_source_tensor(ct_tensor *images, const ct_source_options *options, ct_error *error)
{
    if (images == NULL || ct_tensor_dtype(images) != CT_F32 || ct_tensor_rank(images) != 4) {
        ct_error_set(error, CT_BAD_ARGUMENT, "source: needs a float32 tensor (n, 1 or 3, h, w)");
        return NULL;
    }
    struct ct_source *source = ct_source_new(options, sizeof(struct arrays), error);
    if (source == NULL)
        return NULL;
    source->read = array_read, source->name = array_name, source->close = array_close;
    struct arrays *arrays = source->content;
    struct array *array = &arrays->array[0];
    arrays->count = 1;
    strcpy(array->name, "tensor");
    array->tensor = ct_tensor_retain(images);
    if (lay_out(array, "tensor", ct_tensor_shape(images), false, ct_tensor_data(images), error) != CT_OK) {
        array_close(source);
        return NULL;
    }
    source->count = array->count;
    return source;
}
