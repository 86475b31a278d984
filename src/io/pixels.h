/* Images on their way in: decoded bytes, views of arrays that hold images, and resampling. Not installed. */
#ifndef CT_IO_PIXELS_H
#define CT_IO_PIXELS_H

#include <cotangent/data.h>

#include "internal.h"

#define CT_LARGEST_SIDE 4096
#define CT_LARGEST_IMAGE_FILE ((size_t)64 << 20)
#define CT_DECODER_BUDGET ((size_t)64 << 20)

/* One image inside an array: bytes 0 … 255, which mean −1 … 1, or floats. Strides count elements; those of decoded pixels may be negative. */
struct ct_view {
    const void *data;
    bool bytes;
    int channels; /* 1 or 3 */
    int64_t height, width, channel_stride, row_stride, column_stride;
};

/* A PNG or JPEG file's pixels, the way up that Exif says. A JPEG much larger than `enough` on its shorter side may come at a half,
 * quarter or eighth of its size; 0: only if it has to. */
ct_status ct_pixels_decode(const void *bytes, size_t size, int channels, int64_t enough, struct ct_view *pixels, ct_error *error);
void ct_pixels_free(const struct ct_view *pixels);

/* 1 … 8, as Exif has it, of a segment's TIFF; 1, as stored, where it says nothing. */
int ct_exif_orientation(const uint8_t *bytes, size_t size);

/* Bytes as they are stored are seen the way up that the orientation means: nothing moves. */
void ct_view_orient(struct ct_view *view, int orientation);

/* to (channels, height, width) ← the view's rectangle, resampled. Grey spreads over three channels; three become luminance. */
struct ct_rectangle {
    int64_t top, left, height, width;
};
ct_status ct_view_resize(const struct ct_view *view, struct ct_rectangle from, ct_filter filter, int channels, int64_t height,
                         int64_t width, float *to, ct_error *error);

/* The largest centred square. */
struct ct_rectangle ct_view_square(const struct ct_view *view);

#endif
