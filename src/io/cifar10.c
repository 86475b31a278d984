/* CIFAR-10, binary version: records of a label and 32 × 32 red, green, blue bytes. https://www.cs.toronto.edu/~kriz/cifar.html */
#include "idx.h"

ct_status ct_cifar10_look(const void *bytes, size_t size, int64_t *count, ct_error *error)
{
    if (bytes == NULL || size == 0 || size % CT_CIFAR10_RECORD != 0)
        return ct_error_set(error, CT_BAD_FORMAT, "cifar10: %zu bytes are not records of %zu", size, CT_CIFAR10_RECORD);
    *count = (int64_t)(size / CT_CIFAR10_RECORD);
    const uint8_t *record = bytes;
    for (int64_t i = 0; i < *count; i++, record += CT_CIFAR10_RECORD)
        if (record[0] > 9)
            return ct_error_set(error, CT_BAD_FORMAT, "cifar10: the label of record %lld is %d; labels are 0 … 9", (long long)i,
                                record[0]);
    return CT_OK;
}

ct_tensor *ct_cifar10_parse(const void *bytes, size_t size, ct_tensor **labels, ct_error *error)
{
    int64_t count;
    if (ct_cifar10_look(bytes, size, &count, error) != CT_OK)
        return NULL;
    ct_tensor *images = ct_tensor_empty(CT_F32, CT_SHAPE(count, 3, 32, 32)), *label = ct_tensor_empty(CT_F32, CT_SHAPE(count));
    if (images == NULL || label == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "cifar10: out of memory for %lld images", (long long)count);
        ct_tensor_release(images);
        ct_tensor_release(label);
        return NULL;
    }
    const uint8_t *byte = bytes;
    float *value = ct_tensor_data_mutable(images), *number = ct_tensor_data_mutable(label);
    for (int64_t i = 0; i < count; i++) {
        *number++ = *byte++;
        for (size_t k = 1; k < CT_CIFAR10_RECORD; k++)
            *value++ = (float)*byte++ / 127.5f - 1.0f;
    }
    if (labels != NULL)
        *labels = label;
    else
        ct_tensor_release(label);
    return images;
}

ct_tensor *ct_cifar10_read(const char *path, ct_tensor **labels, ct_error *error)
{
    void *bytes;
    size_t size;
    if (ct_file_read_inflated(path, CT_LARGEST_DATASET, &bytes, &size, error) != CT_OK)
        return NULL;
    ct_tensor *images = ct_cifar10_parse(bytes, size, labels, error);
    ct_release(bytes, size);
    return images != NULL ? images : ct_wrong_file(path, error);
}
