/* A matrix of an op, for matrix.c and picture.c. */
#ifndef MATRIX_H
#define MATRIX_H

#include "tool.h"

struct matrix {
    const char *op, *name; /* "conv2d", "C" */
    bool transposed;
    int64_t rows, columns;
    ct_tensor *value; /* (rows, columns), float64 */
    char **symbol;    /* rows × columns, NULL where nothing; NULL: too many to be named */
};

/* What to write at an entry of the matrix or of its transpose: symbol or number; NULL for zero. */
const char *matrix_entry(const struct matrix *matrix, bool transpose, int64_t row, int64_t column, char text[32]);

/* names.c: the element at a flat position of (a, b, extents…), as "ab.xyz", or "xyz" where a and b are always 0. */
void write_element_name(char *text, size_t size, const ct_shape *shape, int64_t position);

/* picture.c: `there`, its transpose, `back`, and the colour scale. */
ct_status matrix_draw(const char *path, const struct matrix *there, const struct matrix *back, bool equal, ct_error *error);

#endif
