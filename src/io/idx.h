/* What an IDX file holds, before it is converted: the data loader reads from it one image at a time. Not installed. */
#ifndef CT_IO_IDX_H
#define CT_IO_IDX_H

#include "element.h"

#define CT_LARGEST_DATASET ((size_t)1 << 31)

struct ct_idx {
    const struct ct_element *element;
    ct_shape shape;
    const char *data; /* inside the bytes that were parsed */
};

ct_status ct_idx_look(const void *bytes, size_t size, struct ct_idx *idx, ct_error *error);

/* The number of records, each a label and 3 × 32 × 32 bytes; checks the labels. */
#define CT_CIFAR10_RECORD ((size_t)3073)
ct_status ct_cifar10_look(const void *bytes, size_t size, int64_t *count, ct_error *error);

#endif
