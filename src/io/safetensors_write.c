/* safetensors out: entries by element size, then name, so that every tensor starts aligned. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "internal.h"

struct item {
    const char *name;
    const ct_tensor *tensor;
    size_t bytes;
    bool counts;    /* written as `count`, an I64 */
    int64_t count;
};

/* PyTorch keeps this one in int64. Our tensors hold floating point alone, whose whole numbers are exact up to 2^53. */
static bool counts(const char *name, const ct_tensor *tensor)
{
    static const char counter[] = "num_batches_tracked";
    size_t length = strlen(name);
    if (length < sizeof counter - 1 || strcmp(name + length - (sizeof counter - 1), counter) != 0 ||
        ct_tensor_dtype(tensor) != CT_F64 || ct_tensor_rank(tensor) != 0)
        return false;
    double value = ct_tensor_at(tensor, 0);
    return fabs(value) <= 0x1p53 && value == trunc(value);
}

static struct item item_of(const char *name, const ct_tensor *tensor)
{
    struct item item = { name, tensor, (size_t)ct_tensor_count(tensor) * ct_dtype_size(ct_tensor_dtype(tensor)), counts(name, tensor), 0 };
    if (item.counts)
        item.count = (int64_t)ct_tensor_at(tensor, 0);
    return item;
}

static int by_size_and_name(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    size_t size = ct_dtype_size(ct_tensor_dtype(x->tensor)), other = ct_dtype_size(ct_tensor_dtype(y->tensor));
    if (size != other)
        return size > other ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Texts are UTF-8, which JSON demands. */
static ct_status check_text(const char *text, ct_error *error)
{
    json_error_t reason = { .text = "" }; /* Jansson leaves the code as it finds it where memory is out */
    json_t *string = json_pack_ex(&reason, 0, "s", text);
    json_decref(string);
    if (string != NULL)
        return CT_OK;
    if (json_error_code(&reason) == json_error_invalid_utf8)
        return ct_error_set(error, CT_BAD_ARGUMENT, "safetensors: a name or a text of the metadata is not UTF-8");
    return ct_error_set(error, CT_NO_MEMORY, "safetensors: out of memory for the header");
}

/* Adds __metadata__, in the order given. */
static bool add_metadata(json_t *header, int pairs, const char *const metadata[])
{
    json_t *object = pairs == 0 ? NULL : json_object();
    bool good = pairs == 0 || json_object_set_new(header, "__metadata__", object) == 0;
    for (int i = 0; i < pairs && good; i++)
        good = json_object_set_new(object, metadata[2 * i], json_string(metadata[2 * i + 1])) == 0;
    return good;
}

/* The JSON header; NULL when memory is out. */
static json_t *header_new(int count, const struct item item[], int pairs, const char *const metadata[])
{
    json_t *header = json_object();
    size_t begin = 0;
    if (header == NULL || !add_metadata(header, pairs, metadata)) {
        json_decref(header);
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        json_t *shape = json_array();
        ct_shape extents = ct_tensor_shape(item[i].tensor);
        bool good = true;
        for (int axis = 0; axis < extents.rank; axis++)
            good &= json_array_append_new(shape, json_integer(extents.extent[axis])) == 0;
        const char *dtype = item[i].counts ? "I64" : ct_tensor_dtype(item[i].tensor) == CT_F64 ? "F64" : "F32";
        json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape, "data_offsets", (json_int_t)begin,
                                  (json_int_t)(begin + item[i].bytes));
        if (json_object_set_new(header, item[i].name, entry) != 0 || !good) {
            json_decref(header);
            return NULL;
        }
        begin += item[i].bytes;
    }
    return header;
}

static ct_status write_items(const char *path, int count, const struct item item[], int pairs, const char *const metadata[],
                             ct_error *error)
{
    static const char spaces[8] = "        ";
    json_t *header = header_new(count, item, pairs, metadata);
    size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT); /* 0 when memory is out */
    char *text = length > 0 ? ct_allocate(length) : NULL;
    size_t pieces_size = ((size_t)count + 3) * sizeof(struct ct_piece);
    struct ct_piece *piece = ct_allocate(pieces_size);
    ct_status status;
    if (text == NULL || piece == NULL || json_dumpb(header, text, length, JSON_COMPACT) != length) {
        status = ct_error_set(error, CT_NO_MEMORY, "safetensors: out of memory for the header of %s", path);
    } else {
        size_t padding = (8 - length % 8) % 8;
        uint64_t whole = length + padding;
        piece[0] = (struct ct_piece){ &whole, sizeof whole };
        piece[1] = (struct ct_piece){ text, length };
        piece[2] = (struct ct_piece){ spaces, padding };
        for (int i = 0; i < count; i++)
            piece[i + 3] = (struct ct_piece){ item[i].counts ? (const void *)&item[i].count : ct_tensor_data(item[i].tensor),
                                              item[i].bytes };
        status = ct_file_replace(path, count + 3, piece, error);
    }
    ct_release(piece, pieces_size);
    ct_release(text, length);
    json_decref(header);
    return status;
}

ct_status ct_safetensors_write(const char *path, int count, const char *const names[], ct_tensor *const tensors[], ct_error *error)
{
    return ct_safetensors_write_with(path, count, names, tensors, 0, NULL, error);
}

ct_status ct_safetensors_write_with(const char *path, int count, const char *const names[], ct_tensor *const tensors[], int pairs,
                                    const char *const metadata[], ct_error *error)
{
    if (path == NULL || count < 0 || (count > 0 && (names == NULL || tensors == NULL)) || pairs < 0 ||
        (pairs > 0 && metadata == NULL))
        return ct_error_set(error, CT_BAD_ARGUMENT, "safetensors: NULL, or counts of %d tensors and %d pairs", count, pairs);
    ct_status status = CT_OK;
    for (int i = 0; i < 2 * pairs && status == CT_OK; i++) {
        if (metadata[i] == NULL)
            return ct_error_set(error, CT_BAD_ARGUMENT, "safetensors: pair %d of the metadata has a NULL", i / 2);
        for (int j = i % 2; j < i; j += 2)
            if (i % 2 == 0 && strcmp(metadata[i], metadata[j]) == 0)
                return ct_error_set(error, CT_BAD_ARGUMENT, "safetensors: two texts of the metadata under \"%.80s\"", metadata[i]);
        status = check_text(metadata[i], error);
    }
    if (status != CT_OK)
        return status;
    size_t size = ((size_t)count + 1) * sizeof(struct item);
    struct item *item = ct_allocate(size);
    if (item == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "safetensors: out of memory for %d names", count);
    for (int i = 0; i < count && status == CT_OK; i++) {
        if (names[i] == NULL || names[i][0] == '\0' || strcmp(names[i], "__metadata__") == 0 || tensors[i] == NULL)
            status = ct_error_set(error, CT_BAD_ARGUMENT, "safetensors: tensor %d is NULL or has no name of its own", i);
        else
            item[i] = item_of(names[i], tensors[i]);
        if (status == CT_OK)
            status = check_text(names[i], error);
    }
    if (status == CT_OK)
        qsort(item, (size_t)count, sizeof *item, by_size_and_name);
    /* Equal names of different element sizes are not neighbours; JSON objects would swallow one. */
    for (int i = 0; i < count && status == CT_OK; i++)
        for (int j = 0; j < i && status == CT_OK; j++)
            if (strcmp(item[i].name, item[j].name) == 0)
                status = ct_error_set(error, CT_BAD_ARGUMENT, "safetensors: two tensors named \"%.80s\"", item[i].name);
    if (status == CT_OK)
        status = write_items(path, count, item, pairs, metadata, error);
    ct_release(item, size);
    return status;
}
