/* Pictures: grids of images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dcgan.h"

#define GAP 2 /* between images, before the zoom */

static uint8_t to_byte(double value)
{
    return (uint8_t)lround(fmax(0, fmin(255, (value + 1) * 127.5)));
}

uint8_t *picture_pixels(const ct_tensor *images, int columns, int zoom, int *width, int *height, ct_error *error)
{
    int64_t count = ct_tensor_size(images, 0);
    int channels = (int)ct_tensor_size(images, 1), size = (int)ct_tensor_size(images, 2), cell = size + GAP;
    columns = count < columns ? (int)count : columns;
    int rows = (int)((count + columns - 1) / columns);
    *width = (columns * cell + GAP) * zoom;
    *height = (rows * cell + GAP) * zoom;
    size_t bytes = (size_t)*width * (size_t)*height * (size_t)channels;
    uint8_t *pixels = malloc(bytes);
    if (pixels == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for a picture of %d × %d", *width, *height);
        return NULL;
    }
    memset(pixels, 48, bytes);
    for (int64_t image = 0; image < count; image++)
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < size * zoom; y++)
                for (int x = 0; x < size * zoom; x++) {
                    int64_t row = (image / columns * cell + GAP) * zoom + y, column = (image % columns * cell + GAP) * zoom + x;
                    int64_t source = ((image * channels + c) * size + y / zoom) * size + x / zoom;
                    pixels[(row * *width + column) * channels + c] = to_byte(ct_tensor_at(images, source));
                }
    return pixels;
}

ct_status picture_grid(const char *path, const ct_tensor *images, int columns, int zoom, ct_error *error)
{
    int width, height;
    uint8_t *pixels = picture_pixels(images, columns, zoom, &width, &height, error);
    if (pixels == NULL)
        return CT_NO_MEMORY;
    ct_status status = ct_png_write(path, width, height, (int)ct_tensor_size(images, 1), pixels, error);
    free(pixels);
    return status;
}

int picture_zoom(int size)
{
    return size <= 32 ? 3 : size <= 64 ? 2 : 1;
}

ct_status picture_check(const char *option, const char *path, ct_error *error)
{
    const size_t length = strlen(path);
    return length > 4 && strcasecmp(path + length - 4, ".png") == 0
               ? CT_OK
               : ct_error_set(error, CT_BAD_ARGUMENT, "--%s %.300s: pictures are written as PNG; needs a name that ends in .png",
                              option, path);
}
