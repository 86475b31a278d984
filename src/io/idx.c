/* IDX (MNIST): 0, 0, the element type, the rank, big-endian u32 extents, big-endian data. http://yann.lecun.com/exdb/mnist/ */
#include "idx.h"

ct_status ct_idx_look(const void *bytes, size_t size, struct ct_idx *idx, ct_error *error)
{
    const uint8_t *byte = bytes;
    if (bytes == NULL || size < 4 || byte[0] != 0 || byte[1] != 0)
        return ct_error_set(error, CT_BAD_FORMAT, "idx: the file does not begin with two zero bytes");
    idx->element = ct_element_idx(byte[2]);
    if (idx->element == NULL)
        return ct_error_set(error, CT_BAD_DTYPE, "idx: the element type 0x%02x is unknown", byte[2]);
    idx->shape = (ct_shape){ .rank = byte[3] };
    if (byte[3] < 1 || byte[3] > CT_MAX_RANK || size < 4 + 4 * (size_t)byte[3])
        return ct_error_set(error, CT_BAD_FORMAT, "idx: rank %d in a file of %zu bytes; 1 … %d are read", byte[3], size, CT_MAX_RANK);
    for (int axis = 0; axis < byte[3]; axis++)
        idx->shape.extent[axis] = ct_big_endian(byte + 4 + 4 * axis);
    idx->data = (const char *)bytes + 4 + 4 * byte[3];

    size_t have = size - 4 - 4 * (size_t)byte[3];
    if (!ct_element_fills(idx->element, idx->shape, have)) {
        char text[256];
        return ct_error_set(error, CT_BAD_FORMAT, "idx: shape %s of elements of %zu bytes does not fill %zu bytes of data",
                            ct_shape_text(idx->shape, text, sizeof text), idx->element->size, have);
    }
    return CT_OK;
}

ct_tensor *ct_idx_parse(const void *bytes, size_t size, ct_error *error)
{
    struct ct_idx idx = { 0 };
    if (ct_idx_look(bytes, size, &idx, error) != CT_OK)
        return NULL;
    ct_tensor *tensor = ct_tensor_empty(idx.element->dtype, idx.shape);
    if (tensor == NULL)
        ct_error_set(error, CT_NO_MEMORY, "idx: out of memory for a file of %zu bytes", size);
    else
        ct_element_read(idx.element, true, ct_tensor_data_mutable(tensor), idx.data, ct_tensor_count(tensor));
    return tensor;
}

ct_tensor *ct_idx_read(const char *path, ct_error *error)
{
    void *bytes;
    size_t size;
    if (ct_file_read_inflated(path, CT_LARGEST_DATASET, &bytes, &size, error) != CT_OK)
        return NULL;
    ct_tensor *tensor = ct_idx_parse(bytes, size, error);
    ct_release(bytes, size);
    return tensor != NULL ? tensor : ct_wrong_file(path, error);
}
