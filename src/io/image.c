/* Images in: PNG by stb_image, JPEG by libjpeg-turbo (stb_image's JPEG is not safe on hostile files), both bounded. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <turbojpeg.h>

#include "internal.h"

#define LARGEST_SIDE 4096
#define LARGEST_FILE ((size_t)64 << 20)
#define DECODER_BUDGET ((size_t)64 << 20)

#define STBI_MALLOC(size) ct_heap_allocate(size)
#define STBI_REALLOC(memory, size) ct_heap_resize(memory, size)
#define STBI_FREE(memory) ct_heap_free(memory)
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS LARGEST_SIDE
#define STBI_ASSERT(condition) ((void)0)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include <stb/stb_image.h>

/* Interleaved bytes → a tensor (C, h, w) in −1 … 1. */
static ct_tensor *to_tensor(const uint8_t *pixels, int width, int height, int channels, ct_error *error)
{
    ct_tensor *image = ct_tensor_empty(CT_F32, CT_SHAPE(channels, height, width));
    if (image == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "image: out of memory for %d × %d", width, height);
        return NULL;
    }
    float *value = ct_tensor_data_mutable(image);
    int64_t plane = (int64_t)width * height;
    for (int64_t i = 0; i < plane; i++)
        for (int c = 0; c < channels; c++)
            value[c * plane + i] = (float)pixels[i * channels + c] / 127.5f - 1.0f;
    return image;
}

static bool side_good(int width, int height)
{
    return width > 0 && height > 0 && width <= LARGEST_SIDE && height <= LARGEST_SIDE;
}

static ct_tensor *parse_png(const uint8_t *bytes, size_t size, int channels, ct_error *error)
{
    int width = 0, height = 0, stored = 0;
    uint8_t *pixels = NULL;
    ct_tensor *image = NULL;
    ct_heap_budget(DECODER_BUDGET);
    if (!stbi_info_from_memory(bytes, (int)size, &width, &height, &stored))
        ct_error_set(error, CT_BAD_FORMAT, "png: %s", stbi_failure_reason());
    else if (!side_good(width, height))
        ct_error_set(error, CT_BAD_FORMAT, "png: %d × %d pixels; sides up to %d are read", width, height, LARGEST_SIDE);
    else if ((pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, &stored, channels)) == NULL)
        ct_error_set(error, CT_BAD_FORMAT, "png: %s", stbi_failure_reason());
    else
        image = to_tensor(pixels, width, height, channels, error);
    ct_heap_free(pixels);
    ct_heap_budget(SIZE_MAX);
    return image;
}

static ct_tensor *parse_jpeg(const uint8_t *bytes, size_t size, int channels, ct_error *error)
{
    tjhandle handle = tjInitDecompress();
    if (handle == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "jpeg: out of memory");
        return NULL;
    }
    int width = 0, height = 0, sampling = 0, space = 0;
    ct_tensor *image = NULL;
    uint8_t *pixels = NULL;
    if (tjDecompressHeader3(handle, bytes, size, &width, &height, &sampling, &space) != 0)
        ct_error_set(error, CT_BAD_FORMAT, "jpeg: %s", tjGetErrorStr2(handle));
    else if (!side_good(width, height))
        ct_error_set(error, CT_BAD_FORMAT, "jpeg: %d × %d pixels; sides up to %d are read", width, height, LARGEST_SIDE);
    else if ((pixels = ct_heap_allocate((size_t)width * (size_t)height * (size_t)channels)) == NULL)
        ct_error_set(error, CT_NO_MEMORY, "jpeg: out of memory for %d × %d", width, height);
    else if (tjDecompress2(handle, bytes, size, pixels, width, 0, height, channels == 1 ? TJPF_GRAY : TJPF_RGB,
                           TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING) != 0)
        ct_error_set(error, CT_BAD_FORMAT, "jpeg: %s", tjGetErrorStr2(handle));
    else
        image = to_tensor(pixels, width, height, channels, error);
    ct_heap_free(pixels);
    tjDestroy(handle);
    return image;
}

ct_tensor *ct_image_parse(const void *bytes, size_t size, int channels, ct_error *error)
{
    static const uint8_t png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' }, jpeg[] = { 0xff, 0xd8, 0xff };

    if (bytes == NULL || (channels != 1 && channels != 3)) {
        ct_error_set(error, CT_BAD_ARGUMENT, "image: %d channels; 1 or 3 can be read", channels);
        return NULL;
    }
    if (size > LARGEST_FILE)
        ct_error_set(error, CT_BAD_FORMAT, "image: %zu bytes; at most %zu are read", size, LARGEST_FILE);
    else if (size > sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return parse_png(bytes, size, channels, error);
    else if (size > sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return parse_jpeg(bytes, size, channels, error);
    else
        ct_error_set(error, CT_BAD_FORMAT, "image: neither PNG nor JPEG");
    return NULL;
}

ct_tensor *ct_image_read(const char *path, int channels, ct_error *error)
{
    void *bytes;
    size_t size;
    if (ct_file_read(path, LARGEST_FILE, &bytes, &size, error) != CT_OK)
        return NULL;
    ct_tensor *image = ct_image_parse(bytes, size, channels, error);
    ct_release(bytes, size > 0 ? size : 1);
    return image;
}

/* How much of source cell i the span [low, high) covers. */
static double overlap(double low, double high, int64_t i)
{
    double from = low > (double)i ? low : (double)i, to = high < (double)(i + 1) ? high : (double)(i + 1);
    return to > from ? to - from : 0;
}

ct_tensor *ct_image_square(const ct_tensor *image, int64_t size, ct_error *error)
{
    if (image == NULL || ct_tensor_rank(image) != 3 || ct_tensor_dtype(image) != CT_F32 || ct_tensor_count(image) == 0 ||
        size < 1 || size > LARGEST_SIDE) {
        ct_error_set(error, CT_BAD_ARGUMENT, "image_square: needs a float32 image (C, h, w) and a size 1 … %d", LARGEST_SIDE);
        return NULL;
    }
    int64_t channels = ct_tensor_size(image, 0), height = ct_tensor_size(image, 1), width = ct_tensor_size(image, 2);
    int64_t side = height < width ? height : width, top = (height - side) / 2, left = (width - side) / 2;
    ct_tensor *square = ct_tensor_empty(CT_F32, CT_SHAPE(channels, size, size));
    if (square == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "image_square: out of memory");
        return NULL;
    }
    const float *from = ct_tensor_data(image);
    float *to = ct_tensor_data_mutable(square);
    double step = (double)side / (double)size;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t row = 0; row < size; row++)
            for (int64_t column = 0; column < size; column++) {
                double y0 = (double)row * step, x0 = (double)column * step, sum = 0;
                for (int64_t y = (int64_t)y0; y < side && (double)y < y0 + step; y++)
                    for (int64_t x = (int64_t)x0; x < side && (double)x < x0 + step; x++)
                        sum += overlap(y0, y0 + step, y) * overlap(x0, x0 + step, x) *
                               (double)from[(c * height + top + y) * width + left + x];
                *to++ = (float)(sum / (step * step));
            }
    return square;
}

static int is_image(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && dot != entry->d_name &&
           (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* One file of the folder as a square; what is wrong with it goes to `why`, of which a folder keeps the last. */
static ct_tensor *read_square(const char *folder, const char *name, int channels, int64_t size, ct_error *why)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        ct_error_set(why, CT_IO_ERROR, "%s: the path is too long", name);
        return NULL;
    }
    ct_tensor *image = ct_image_read(path, channels, why);
    ct_tensor *square = image != NULL ? ct_image_square(image, size, why) : NULL;
    ct_tensor_release(image);
    return square;
}

ct_tensor *ct_image_folder(const char *path, int channels, int64_t size, int64_t limit, int64_t *skipped, ct_error *error)
{
    struct dirent **entry = NULL;
    int found = scandir(path, &entry, is_image, by_name);
    if (found < 0) {
        ct_error_set(error, CT_IO_ERROR, "cannot list %s: %s", path, strerror(errno));
        return NULL;
    }
    int64_t count = limit > 0 && limit < found ? limit : found, good = 0;
    ct_error why = { CT_OK, "" };
    ct_tensor *all = ct_tensor_empty(CT_F32, CT_SHAPE(count, channels, size, size)), *result = NULL;
    float *to = all != NULL ? ct_tensor_data_mutable(all) : NULL;
    for (int64_t i = 0; i < count && all != NULL; i++) {
        ct_tensor *square = read_square(path, entry[i]->d_name, channels, size, &why);
        if (square == NULL)
            continue;
        size_t bytes = (size_t)ct_tensor_count(square) * sizeof(float);
        memcpy((char *)to + (size_t)good++ * bytes, ct_tensor_data(square), bytes);
        ct_tensor_release(square);
    }
    if (all == NULL)
        ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld images of %lld × %lld", (long long)count, (long long)size,
                     (long long)size);
    else if (good == 0)
        ct_error_set(error, CT_BAD_FORMAT, "%s holds no PNG or JPEG that can be read%s%s", path, count > 0 ? "; the last: " : "",
                     why.message);
    else if ((result = ct_tensor_from(CT_F32, CT_SHAPE(good, channels, size, size), to)) == NULL)
        ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld images", (long long)good);
    if (skipped != NULL)
        *skipped = count - good;
    ct_tensor_release(all);
    for (int i = 0; i < found; i++)
        free(entry[i]);
    free(entry);
    return result;
}
