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
        size_t length = ct_big_endian(bytes + at);
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
    if (size >= 24 && memcmp(bytes + 12, "IHDR", 4) == 0) { /* for stb_image it would be of an unknown type */
        const size_t wide = ct_big_endian(bytes + 16), high = ct_big_endian(bytes + 20);
        if (wide > CT_LARGEST_SIDE || high > CT_LARGEST_SIDE)
            return BAD("png: %zu × %zu pixels; sides up to %d are read", wide, high, CT_LARGEST_SIDE);
    }
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

struct jpeg {
    int width, height, components, sampling, orientation;
    bool whole; /* libjpeg has to hold all coefficients: a progressive file, or one whose first scan lacks a component */
};

/* What the segments before the first scan say. False where markers do not follow each other, which libjpeg would search for. */
static bool look_at_segments(const uint8_t *bytes, size_t size, struct jpeg *jpeg)
{
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
            jpeg->whole |= bytes[at + 4] != jpeg->components;
            return jpeg->components > 0;
        }
        if (marker >= 0xc0 && marker <= 0xc2) { /* a frame: baseline, extended, progressive */
            jpeg->components = bytes[at + 9];
            jpeg->whole = marker == 0xc2;
        } else if (marker == 0xe1 && length >= 8 && length <= size - at - 2 && memcmp(bytes + at + 4, "Exif\0", 6) == 0) {
            jpeg->orientation = ct_exif_orientation(bytes + at + 10, length - 8);
        } else if (marker < 0xc3 || (marker >= 0xd0 && marker <= 0xd9) || length < 2) {
            return false;
        }
        at += 2 + length;
    }
    return false;
}

static size_t coefficient_bytes(const struct jpeg *jpeg)
{
    /* 16 bits each, in blocks of 8 × 8, up to four of them a unit. */
    const size_t area = ((size_t)jpeg->width + 32) * ((size_t)jpeg->height + 32);
    const int sampling = jpeg->components == 4 ? TJSAMP_444 : jpeg->sampling;
    return area * (sampling == TJSAMP_GRAY ? 2 : sampling == TJSAMP_444 ? 8 : sampling == TJSAMP_422 || sampling == TJSAMP_440 ? 4 : 3);
}

/* In place. Ink is stored as the light that it lets through, by whoever writes such files. */
static void from_cmyk(uint8_t *pixels, size_t count, int channels)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *ink = pixels + 4 * i;
        const int black = ink[3], r = ink[0] * black / 255, g = ink[1] * black / 255, b = ink[2] * black / 255;
        const int grey = (299 * r + 587 * g + 114 * b + 500) / 1000;
        for (int c = 0; c < channels; c++)
            pixels[i * (size_t)channels + (size_t)c] = (uint8_t)(channels == 1 ? grey : c == 0 ? r : c == 1 ? g : b);
    }
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
    struct jpeg jpeg = { .orientation = 1 };
    int space = 0;
    if (!look_at_segments(bytes, size, &jpeg))
        return BAD("jpeg: its markers do not lead to a frame and a scan");
    if (tjDecompressHeader3(handle, bytes, size, &jpeg.width, &jpeg.height, &jpeg.sampling, &space) != 0)
        return jpeg_failed(handle, error);
    const tjscalingfactor scale = { 1, reduction(jpeg.width, jpeg.height, enough) };
    const int width = TJSCALED(jpeg.width, scale), height = TJSCALED(jpeg.height, scale);
    if (width > CT_LARGEST_SIDE || height > CT_LARGEST_SIDE)
        return BAD("jpeg: %d × %d pixels; sides up to %d are read", jpeg.width, jpeg.height, 8 * CT_LARGEST_SIDE);
    const bool cmyk = space == TJCS_CMYK || space == TJCS_YCCK;
    const size_t count = (size_t)width * (size_t)height, pixel_bytes = count * (size_t)(cmyk ? 4 : channels);
    if ((jpeg.whole ? coefficient_bytes(&jpeg) : 0) + pixel_bytes >= CT_DECODER_BUDGET)
        return BAD("jpeg: %d × %d pixels%s take more than %zu bytes to decode", jpeg.width, jpeg.height,
                   jpeg.whole ? " in several scans" : "", CT_DECODER_BUDGET);
    uint8_t *data = ct_heap_allocate(pixel_bytes);
    if (data == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "jpeg: out of memory for %d × %d", jpeg.width, jpeg.height);
    if (tjDecompress2(handle, bytes, size, data, width, 0, height,
                      cmyk            ? TJPF_CMYK
                      : channels == 1 ? TJPF_GRAY
                                      : TJPF_RGB,
                      TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING) != 0) {
        ct_heap_free(data);
        return jpeg_failed(handle, error);
    }
    if (cmyk)
        from_cmyk(data, count, channels);
    interleaved(pixels, data, channels, width, height);
    ct_view_orient(pixels, jpeg.orientation);
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

void ct_pixels_free(const struct ct_view *pixels)
{
    const int64_t up = pixels->row_stride < 0 ? (pixels->height - 1) * pixels->row_stride : 0;
    const int64_t left = pixels->column_stride < 0 ? (pixels->width - 1) * pixels->column_stride : 0;
    ct_heap_free((uint8_t *)(uintptr_t)pixels->data + up + left);
}
