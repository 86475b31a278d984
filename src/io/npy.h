/* What a .npy file holds, before it is converted. Not installed. */
#ifndef CT_IO_NPY_H
#define CT_IO_NPY_H

#include "element.h"

struct ct_npy {
    const struct ct_element *element;
    bool big_endian, fortran;
    ct_shape shape;
    const char *data; /* inside the bytes that were parsed */
};

ct_status ct_npy_look(const void *bytes, size_t size, struct ct_npy *npy, ct_error *error);

#endif
