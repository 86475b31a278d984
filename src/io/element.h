/* The element types that files hold, under each format's name for them. Not installed. */
#ifndef CT_IO_ELEMENT_H
#define CT_IO_ELEMENT_H

#include "internal.h"

struct ct_element {
    const char *safetensors, *npy; /* "F32", "f4" */
    int idx;                       /* 0x0d; 0: the format has none */
    size_t size;                   /* in the file */
    ct_dtype dtype;                /* that it becomes: the narrower one that holds all its values; I64 and U64 are rounded */
    void (*convert)(void *to, const char *from, int64_t count);
};

/* NULL if there is none. */
const struct ct_element *ct_element_safetensors(const char *name);
const struct ct_element *ct_element_npy(const char *name);
const struct ct_element *ct_element_idx(int code);

/* Whether an array of that shape takes just so many bytes. */
bool ct_element_fills(const struct ct_element *element, ct_shape shape, size_t bytes);

/* to (of the element's dtype) ← count elements at `from`, which need not be aligned. */
void ct_element_read(const struct ct_element *element, bool big_endian, void *to, const char *from, int64_t count);

#endif
