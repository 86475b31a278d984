/* NumPy's .npy: magic, version, the length of a Python dictionary, the dictionary, the data.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#include <string.h>

#include "npy.h"

#define LARGEST_FILE ((size_t)1 << 40)
#define BAD(...) ct_error_set(error, CT_BAD_FORMAT, "npy: " __VA_ARGS__)

/* ---- the dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ---- */

struct text {
    const char *at, *end;
};

static void skip_spaces(struct text *text)
{
    while (text->at < text->end && strchr(" \t\r\n", *text->at) != NULL && *text->at != '\0')
        text->at++;
}

static bool accept(struct text *text, const char *word)
{
    skip_spaces(text);
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

/* 'text' or "text", without escapes. */
static bool read_string(struct text *text, char result[32])
{
    char quote = accept(text, "'") ? '\'' : accept(text, "\"") ? '"' : '\0';
    size_t length = 0;
    while (quote != '\0' && text->at < text->end && *text->at != quote && *text->at != '\\' && length < 31)
        result[length++] = *text->at++;
    result[length] = '\0';
    return quote != '\0' && text->at < text->end && *text->at++ == quote && strlen(result) == length;
}

static bool read_number(struct text *text, int64_t *number)
{
    skip_spaces(text);
    const char *start = text->at;
    for (*number = 0; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, *text->at - '0', number))
            return false;
    return text->at > start && (text->at == start + 1 || *start != '0');
}

/* (), (3,), (3, 4) or (3, 4,) */
static bool read_shape(struct text *text, ct_shape *shape)
{
    *shape = (ct_shape){ .rank = 0 };
    if (!accept(text, "("))
        return false;
    bool comma = true;
    while (!accept(text, ")")) {
        if (!comma || shape->rank == CT_MAX_RANK || !read_number(text, &shape->extent[shape->rank++]))
            return false;
        comma = accept(text, ",");
    }
    return shape->rank != 1 || comma; /* (3) is a number */
}

static ct_status read_descr(const char *descr, struct ct_npy *header, ct_error *error)
{
    header->big_endian = descr[0] == '>';
    header->element = descr[0] != '\0' && strchr("<>|", descr[0]) != NULL ? ct_element_npy(descr + 1) : NULL;
    if (header->element == NULL || (descr[0] == '|' && header->element->size > 1))
        return ct_error_set(error, CT_BAD_DTYPE, "npy: the element type '%s' is not read", descr);
    return CT_OK;
}

static ct_status read_header(struct text text, struct ct_npy *header, ct_error *error)
{
    bool descr = false, order = false, shape = false, comma = true;
    if (!accept(&text, "{"))
        return BAD("the header is not a dictionary");
    while (!accept(&text, "}")) {
        char key[32], type[32];
        if (!comma || !read_string(&text, key) || !accept(&text, ":"))
            return BAD("the header is not a dictionary of descr, fortran_order and shape");
        if (strcmp(key, "descr") == 0 && !descr) {
            if (!(descr = read_string(&text, type)))
                return ct_error_set(error, CT_BAD_DTYPE, "npy: descr is not the name of one element type");
            ct_status status = read_descr(type, header, error);
            if (status != CT_OK)
                return status;
        } else if (strcmp(key, "fortran_order") == 0 && !order) {
            header->fortran = accept(&text, "True");
            if (!(order = header->fortran || accept(&text, "False")))
                return BAD("fortran_order is neither True nor False");
        } else if (strcmp(key, "shape") == 0 && !shape) {
            if (!(shape = read_shape(&text, &header->shape)))
                return BAD("shape is not a tuple of at most %d whole numbers", CT_MAX_RANK);
        } else {
            return BAD("'%s' in the header is unknown or there twice", key);
        }
        comma = accept(&text, ",");
    }
    skip_spaces(&text);
    if (!descr || !order || !shape || text.at != text.end)
        return BAD("the header lacks descr, fortran_order or shape, or goes on after its dictionary");
    return CT_OK;
}

/* ---- reading ---- */

/* Row-major ← column-major. */
static void reorder(ct_tensor *to, const ct_tensor *from)
{
    ct_shape shape = ct_tensor_shape(to);
    size_t size = ct_dtype_size(ct_tensor_dtype(to));
    int64_t index[CT_MAX_RANK] = { 0 }, stride[CT_MAX_RANK] = { 0 }, count = ct_tensor_count(to), at = 0;
    for (int axis = 0; axis < shape.rank; axis++)
        stride[axis] = ct_shape_product(shape, 0, axis);
    char *data = ct_tensor_data_mutable(to);
    for (int64_t i = 0; i < count; i++) {
        memcpy(data + (size_t)i * size, (const char *)ct_tensor_data(from) + (size_t)at * size, size);
        for (int axis = shape.rank - 1; axis >= 0; axis--) {
            at += stride[axis];
            if (++index[axis] < shape.extent[axis])
                break;
            at -= shape.extent[axis] * stride[axis];
            index[axis] = 0;
        }
    }
}

ct_status ct_npy_look(const void *bytes, size_t size, struct ct_npy *npy, ct_error *error)
{
    const uint8_t *byte = bytes;
    if (bytes == NULL || size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0 || byte[6] < 1 || byte[6] > 3 || byte[7] != 0)
        return BAD("not a file of version 1.0, 2.0 or 3.0");
    size_t length = byte[8] | (size_t)byte[9] << 8, start = 10;
    if (byte[6] > 1)
        length |= (size_t)byte[10] << 16 | (size_t)byte[11] << 24, start = 12;
    if (length > size - start)
        return BAD("a header of %zu bytes in a file of %zu", length, size);
    const char *text = (const char *)bytes + start;
    *npy = (struct ct_npy){ .data = text + length };
    ct_status status = read_header((struct text){ text, npy->data }, npy, error);
    if (status != CT_OK)
        return status;

    size_t have = size - start - length;
    if (!ct_element_fills(npy->element, npy->shape, have)) {
        char shape[256];
        return BAD("shape %s of '%s' does not fill %zu bytes of data", ct_shape_text(npy->shape, shape, sizeof shape),
                   npy->element->npy, have);
    }
    return CT_OK;
}

ct_tensor *ct_npy_parse(const void *bytes, size_t size, ct_error *error)
{
    struct ct_npy npy;
    if (ct_npy_look(bytes, size, &npy, error) != CT_OK)
        return NULL;
    bool turn = npy.fortran && npy.shape.rank > 1;
    ct_tensor *tensor = ct_tensor_empty(npy.element->dtype, npy.shape);
    ct_tensor *stored = turn ? ct_tensor_empty(npy.element->dtype, npy.shape) : ct_tensor_retain(tensor);
    if (tensor == NULL || stored == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "npy: out of memory for a file of %zu bytes", size);
        ct_tensor_release(stored);
        ct_tensor_release(tensor);
        return NULL;
    }
    ct_element_read(npy.element, npy.big_endian, ct_tensor_data_mutable(stored), npy.data, ct_tensor_count(stored));
    if (turn)
        reorder(tensor, stored);
    ct_tensor_release(stored);
    return tensor;
}

ct_tensor *ct_npy_read(const char *path, ct_error *error)
{
    void *bytes;
    size_t size;
    if (ct_file_read(path, LARGEST_FILE, &bytes, &size, error) != CT_OK)
        return NULL;
    ct_tensor *tensor = ct_npy_parse(bytes, size, error);
    ct_release(bytes, size);
    return tensor != NULL ? tensor : ct_wrong_file(path, error);
}

ct_status ct_npy_write(const char *path, const ct_tensor *tensor, ct_error *error)
{
    if (path == NULL || tensor == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "npy: NULL instead of a path or a tensor");
    char shape[256], header[512] = "\x93NUMPY\x01";
    size_t size = ct_dtype_size(ct_tensor_dtype(tensor));
    int length = snprintf(header + 10, sizeof header - 10, "{'descr': '<f%zu', 'fortran_order': False, 'shape': %s, }", size,
                          ct_shape_text(ct_tensor_shape(tensor), shape, sizeof shape));
    size_t whole = (10 + (size_t)length + 1 + 63) / 64 * 64; /* the data begins at a multiple of 64 */
    memset(header + 10 + length, ' ', whole - 11 - (size_t)length);
    header[whole - 1] = '\n';
    header[8] = (char)((whole - 10) & 255), header[9] = (char)((whole - 10) >> 8);
    struct ct_piece pieces[] = { { header, whole }, { ct_tensor_data(tensor), (size_t)ct_tensor_count(tensor) * size } };
    return ct_file_replace(path, 2, pieces, error);
}
