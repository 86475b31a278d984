/* Names of a tensor's elements: "02", and "10.02" with channels. */
#include <inttypes.h>

#include "matrix.h"

#define D "%" PRId64

/* The index of a flat position, digits side by side where each is one digit. */
static int write_index(char *text, size_t size, const int64_t extent[], int rank, int64_t position)
{
    int64_t index[CT_MAX_RANK];
    bool digits = true;
    int length = 0;
    for (int a = rank - 1; a >= 0; a--) {
        index[a] = position % extent[a];
        position /= extent[a];
        digits &= extent[a] <= 10;
    }
    text[0] = '\0';
    for (int a = 0; a < rank && (size_t)length < size; a++)
        length += snprintf(text + length, size - (size_t)length, "%s" D, a && !digits ? "," : "", index[a]);
    return length;
}

/* (a, b, extents…) as "ab.xyz", or "xyz" where a and b are always 0. */
void write_element_name(char *text, size_t size, const ct_shape *shape, int64_t position)
{
    int64_t spatial = 1;
    int length = 0;
    for (int a = 2; a < shape->rank; a++)
        spatial *= shape->extent[a];
    if (shape->extent[0] * shape->extent[1] > 1) {
        bool first = shape->extent[0] == 1; /* a batch of one is not worth a digit */
        length = write_index(text, size, shape->extent + first, 2 - first, position / spatial);
        length += snprintf(text + length, size - (size_t)length, "%s", ".");
    }
    write_index(text + length, size - (size_t)length, shape->extent + 2, shape->rank - 2, position % spatial);
}
