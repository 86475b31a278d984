/* Images as tensors. */
#include <string.h>

#include "pixels.h"

ct_tensor *ct_image_parse(const void *bytes, size_t size, int channels, ct_error *error)
{
    struct ct_view pixels;
    if (bytes == NULL || (channels != 1 && channels != 3)) {
        ct_error_set(error, CT_BAD_ARGUMENT, "image: %d channels; 1 or 3 can be read", channels);
        return NULL;
    }
    if (ct_pixels_decode(bytes, size, channels, 0, &pixels, error) != CT_OK)
        return NULL;
    ct_tensor *image = ct_tensor_empty(CT_F32, CT_SHAPE(channels, pixels.height, pixels.width));
    if (image == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "image: out of memory for %lld × %lld", (long long)pixels.width, (long long)pixels.height);
    } else {
        const uint8_t *first = pixels.data;
        float *value = ct_tensor_data_mutable(image);
        for (int c = 0; c < channels; c++)
            for (int64_t y = 0; y < pixels.height; y++)
                for (int64_t x = 0; x < pixels.width; x++)
                    *value++ = (float)first[c + y * pixels.row_stride + x * pixels.column_stride] / 127.5f - 1.0f;
    }
    ct_pixels_free(&pixels);
    return image;
}

ct_tensor *ct_image_read(const char *path, int channels, ct_error *error)
{
    void *bytes;
    size_t size;
    if (ct_file_read(path, CT_LARGEST_IMAGE_FILE, &bytes, &size, error) != CT_OK)
        return NULL;
    ct_tensor *image = ct_image_parse(bytes, size, channels, error);
    ct_release(bytes, size);
    return image != NULL ? image : ct_wrong_file(path, error);
}

static ct_tensor *resize(const ct_tensor *image, bool square, int64_t height, int64_t width, ct_filter filter, ct_error *error)
{
    if (image == NULL || ct_tensor_rank(image) != 3 || ct_tensor_dtype(image) != CT_F32 || ct_tensor_count(image) == 0 ||
        (ct_tensor_size(image, 0) != 1 && ct_tensor_size(image, 0) != 3) || (filter != CT_AREA && filter != CT_LANCZOS) || height < 1 ||
        width < 1 || height > CT_LARGEST_SIDE || width > CT_LARGEST_SIDE) {
        ct_error_set(error, CT_BAD_ARGUMENT, "image resize: needs a float32 image (1 or 3, h, w) and sides of 1 … %d", CT_LARGEST_SIDE);
        return NULL;
    }
    int channels = (int)ct_tensor_size(image, 0);
    int64_t h = ct_tensor_size(image, 1), w = ct_tensor_size(image, 2);
    struct ct_view view = { ct_tensor_data(image), false, channels, h, w, h * w, w, 1 };
    struct ct_rectangle from = square ? ct_view_square(&view) : (struct ct_rectangle){ 0, 0, h, w };
    ct_tensor *result = ct_tensor_empty(CT_F32, CT_SHAPE(channels, height, width));
    if (result == NULL)
        ct_error_set(error, CT_NO_MEMORY, "image resize: out of memory");
    else if (ct_view_resize(&view, from, filter, channels, height, width, ct_tensor_data_mutable(result), error) == CT_OK)
        return result;
    ct_tensor_release(result);
    return NULL;
}

ct_tensor *ct_image_resize(const ct_tensor *image, int64_t height, int64_t width, ct_filter filter, ct_error *error)
{
    return resize(image, false, height, width, filter, error);
}

ct_tensor *ct_image_square(const ct_tensor *image, int64_t size, ct_error *error)
{
    return resize(image, true, size, size, CT_AREA, error);
}
