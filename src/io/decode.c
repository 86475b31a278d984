/* PNG by stb_image, JPEG by libjpeg-turbo (stb_image's JPEG is not safe on hostile files), both within 64 MiB. */
#include <stdlib.h>
#include <string.h>

#include <turbojpeg.h>

#include "pixels.h"

#define STBI_MALLOC(size) ct_heap_allocate(size)
#define STBI_REALLOC(memory, size) ct_heap_resize(memory, size)
#define STBI_FREE(memory) ct_heap_free(memory)
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS CT_LARGEST_SIDE
#define STBI_ASSERT(condition) ((void)0)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include <stb/stb_image.h>

#define BAD(...) ct_error_set(error, CT_BAD_FORMAT, __VA_ARGS__)

static void interleaved(struct ct_view *pixels, void *data, int channels, int width, int height)
{
    *pixels = (struct ct_view){ data, true, channels, height, width, 1, (int64_t)width * channels, channels };
}

/* stb_image adds 0 to NULL, which C leaves undefined, when the first IDAT chunk is empty. */
static bool data_begins(const uint8_t *bytes, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (memcmp(bytes + at + 4, "IDAT", 4) == 0)
            return length > 0;
        at += 12 + length;
    }
    return false;
}

/* Of the last failure, which may have no reason. */
static const char *png_reason(void)
{
    return stbi__g_failure_reason != NULL ? stbi__g_failure_reason : "damaged";
}

static ct_status decode_png(const uint8_t *bytes, size_t size, int channels, struct ct_view *pixels, ct_error *error)
{
    int width = 0, height = 0, stored = 0;
    uint8_t *data = NULL;
    ct_status status = CT_OK;
    ct_heap_budget(CT_DECODER_BUDGET);
    stbi__g_failure_reason = NULL;
    if (!stbi_info_from_memory(bytes, (int)size, &width, &height, &stored))
        status = BAD("png: %s", png_reason());
    else if (!data_begins(bytes, size))
        status = BAD("png: no image data");
    else if ((data = stbi_load_from_memory(bytes, (int)size, &width, &height, &stored, channels)) != NULL)
        interleaved(pixels, data, channels, width, height);
    else
        status = BAD("png: %s", png_reason());
    if (status != CT_OK && ct_heap_refusal() == CT_HEAP_OVER_BUDGET)
        status = BAD("png: %d × %d pixels take more than %zu bytes to decode", width, height, CT_DECODER_BUDGET);
    if (status != CT_OK && ct_heap_refusal() == CT_HEAP_NO_MEMORY)
        status = ct_error_set(error, CT_NO_MEMORY, "png: out of memory for %d × %d", width, height);
    ct_heap_budget(SIZE_MAX);
    return status;
}

/* ---- jpeg ---- */

/* Whether libjpeg has to hold all coefficients: a progressive file, or one whose first scan lacks a component. False as well for
 * markers that do not follow each other, which libjpeg would search for. */
static bool look_at_scans(const uint8_t *bytes, size_t size, bool *whole)
{
    int components = 0;
    for (size_t at = 2; at + 9 < size;) {
        if (bytes[at] != 0xff)
            return false;
        uint8_t marker = bytes[at + 1];
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (marker == 0xda) { /* a scan: how many components it has */
            *whole |= bytes[at + 4] != components;
            return components > 0;
        }
        if (marker >= 0xc0 && marker <= 0xc2) { /* a frame: baseline, extended, progressive */
            components = bytes[at + 9];
            *whole = marker == 0xc2;
        } else if (marker < 0xc3 || (marker >= 0xd0 && marker <= 0xd9) || length < 2) {
            return false;
        }
        at += 2 + length;
    }
    return false;
}

static size_t coefficient_bytes(int width, int height, int sampling)
{
    /* 16 bits each, in blocks of 8 × 8, up to four of them a unit. */
    size_t area = ((size_t)width + 32) * ((size_t)height + 32);
    return area * (sampling == TJSAMP_GRAY ? 2 : sampling == TJSAMP_444 ? 8 : sampling == TJSAMP_422 || sampling == TJSAMP_440 ? 4 : 3);
}

/* 1, 2, 4 or 8: as long as the shorter side stays twice what is enough, or until the sides are within bounds. */
static int reduction(int width, int height, int64_t enough)
{
    int by = 1, shorter = width < height ? width : height, longer = width < height ? height : width;
    while (by < 8 && ((enough > 0 && shorter / (by * 2) >= 2 * enough) || longer / by > CT_LARGEST_SIDE))
        by *= 2;
    return by;
}

static ct_status jpeg_failed(tjhandle handle, ct_error *error)
{
    const char *reason = tjGetErrorStr2(handle);
    bool memory = strstr(reason, "nsufficient memory") != NULL || strstr(reason, "llocation failure") != NULL;
    return ct_error_set(error, memory ? CT_NO_MEMORY : CT_BAD_FORMAT, "jpeg: %s", reason);
}

static ct_status decode_jpeg(tjhandle handle, const uint8_t *bytes, size_t size, int channels, int64_t enough,
                             struct ct_view *pixels, ct_error *error)
{
    int width = 0, height = 0, sampling = 0, space = 0;
    bool whole = false;
    if (!look_at_scans(bytes, size, &whole))
        return BAD("jpeg: its markers do not lead to a frame and a scan");
    if (tjDecompressHeader3(handle, bytes, size, &width, &height, &sampling, &space) != 0)
        return jpeg_failed(handle, error);
    tjscalingfactor scale = { 1, reduction(width, height, enough) };
    int scaled_width = TJSCALED(width, scale), scaled_height = TJSCALED(height, scale);
    if (scaled_width > CT_LARGEST_SIDE || scaled_height > CT_LARGEST_SIDE)
        return BAD("jpeg: %d × %d pixels; sides up to %d are read", width, height, 8 * CT_LARGEST_SIDE);
    size_t pixel_bytes = (size_t)scaled_width * (size_t)scaled_height * (size_t)channels;
    if (whole && coefficient_bytes(width, height, sampling) + pixel_bytes > CT_DECODER_BUDGET)
        return BAD("jpeg: %d × %d pixels in several scans take more than %zu bytes to decode", width, height, CT_DECODER_BUDGET);
    uint8_t *data = ct_heap_allocate(pixel_bytes);
    if (data == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "jpeg: out of memory for %d × %d", width, height);
    if (tjDecompress2(handle, bytes, size, data, scaled_width, 0, scaled_height, channels == 1 ? TJPF_GRAY : TJPF_RGB,
                      TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING) != 0) {
        ct_heap_free(data);
        return jpeg_failed(handle, error);
    }
    interleaved(pixels, data, channels, scaled_width, scaled_height);
    return CT_OK;
}

ct_status ct_pixels_decode(const void *bytes, size_t size, int channels, int64_t enough, struct ct_view *pixels, ct_error *error)
{
    static const uint8_t png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' }, jpeg[] = { 0xff, 0xd8, 0xff };

    if (size > CT_LARGEST_IMAGE_FILE)
        return BAD("image: %zu bytes; at most %zu are read", size, CT_LARGEST_IMAGE_FILE);
    if (size > sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return decode_png(bytes, size, channels, pixels, error);
    if (size <= sizeof jpeg || memcmp(bytes, jpeg, sizeof jpeg) != 0)
        return BAD("image: neither PNG nor JPEG");
    tjhandle handle = tjInitDecompress();
    if (handle == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "jpeg: out of memory");
    ct_status status = decode_jpeg(handle, bytes, size, channels, enough, pixels, error);
    tjDestroy(handle);
    return status;
}
