/* Which way up a camera held a picture: the orientation in Exif, which is a TIFF file inside a JPEG. */
#include <string.h>

#include "pixels.h"

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big; /* endian */
};

/* 0 beyond the end. */
static uint32_t number(const struct tiff *tiff, size_t at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes && at + (size_t)bytes <= tiff->size; i++)
        value |= (uint32_t)tiff->bytes[at + (size_t)i] << 8 * (tiff->big ? bytes - 1 - i : i);
    return value;
}

int ct_exif_orientation(const uint8_t *bytes, size_t size)
{
    enum { ORIENTATION = 0x112, SHORT = 3, ENTRY = 12 };
    const bool big = size >= 4 && memcmp(bytes, "MM\0*", 4) == 0;
    if (!big && (size < 4 || memcmp(bytes, "II*\0", 4) != 0))
        return 1;
    const struct tiff tiff = { bytes, size, big };
    const size_t directory = number(&tiff, 4, 4), end = directory + 2 + ENTRY * (size_t)number(&tiff, directory, 2);
    for (size_t entry = directory + 2; entry < end && entry < size; entry += ENTRY)
        if (number(&tiff, entry, 2) == ORIENTATION && number(&tiff, entry + 2, 2) == SHORT) {
            const uint32_t value = number(&tiff, entry + 8, 2);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    return 1;
}

void ct_view_orient(struct ct_view *view, int orientation)
{
    enum { ROWS = 1, COLUMNS = 2, TRANSPOSED = 4 }; /* rows run from the bottom, columns from the right; a row is a column */
    static const int turned[] = {
        [1] = 0, COLUMNS, ROWS | COLUMNS, ROWS, TRANSPOSED, TRANSPOSED | ROWS, TRANSPOSED | ROWS | COLUMNS, TRANSPOSED | COLUMNS
    };
    const int how = turned[orientation];
    const struct ct_view stored = *view;
    int64_t first = 0;
    if (how & ROWS)
        first += (stored.height - 1) * stored.row_stride, view->row_stride = -stored.row_stride;
    if (how & COLUMNS)
        first += (stored.width - 1) * stored.column_stride, view->column_stride = -stored.column_stride;
    if (how & TRANSPOSED) {
        const int64_t stride = view->row_stride;
        view->row_stride = view->column_stride, view->column_stride = stride;
        view->height = stored.width, view->width = stored.height;
    }
    view->data = (const uint8_t *)stored.data + first;
}
