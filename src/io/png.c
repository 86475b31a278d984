/* PNG output: the rows, each byte as its difference from Paeth's prediction, deflated by zlib into one IDAT chunk (PNG specification,
 * sections 5, 9 and 10). */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "internal.h"

#define LARGEST_SIDE 16384
#define PAETH 4

static uint8_t predict(int left, int above, int corner)
{
    const int to_left = abs(above - corner), to_above = abs(left - corner), to_corner = abs(left + above - 2 * corner);
    return (uint8_t)(to_left <= to_above && to_left <= to_corner ? left : to_above <= to_corner ? above : corner);
}

/* Rows of a filter type and `row` bytes; what lies left of and above the picture is 0. */
static void filter(const uint8_t *pixels, size_t row, size_t height, size_t channels, uint8_t *to)
{
    for (size_t y = 0; y < height; y++) {
        const uint8_t *here = pixels + y * row, *above = y > 0 ? here - row : NULL;
        *to++ = PAETH;
        for (size_t i = 0; i < row; i++)
            *to++ = (uint8_t)(here[i] - predict(i < channels ? 0 : here[i - channels], above ? above[i] : 0,
                                                above && i >= channels ? above[i - channels] : 0));
    }
}

static uint8_t *put_number(uint8_t *at, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(number >> shift);
    return at;
}

/* Length, type, data and the CRC of both; data of size 0, or already in place. */
static uint8_t *put_chunk(uint8_t *at, const char type[4], size_t size)
{
    uint8_t *start = put_number(at, (uint32_t)size);
    memcpy(start, type, 4);
    return put_number(start + 4 + size, (uint32_t)crc32(0, start, (uInt)size + 4));
}

enum { SIGNATURE = 8, CHUNK = 12, HEADER = 13 };

/* The file's bytes; 0 when memory is out. */
static size_t encode(const uint8_t *rows, size_t size, int width, int height, int channels, uint8_t *file, size_t room)
{
    uint8_t *at = file + SIGNATURE;
    memcpy(file, "\x89PNG\r\n\x1a\n", SIGNATURE);
    uint8_t *header = put_number(put_number(at + 8, (uint32_t)width), (uint32_t)height);
    memcpy(header, (uint8_t[]){ 8, channels == 3 ? 2 : 0, 0, 0, 0 }, 5); /* bits, RGB or grey, deflate, filters, not interlaced */
    at = put_chunk(at, "IHDR", HEADER);

    z_stream stream;
    ct_zlib_memory(&stream);
    if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK)
        return 0;
    stream.next_in = (uint8_t *)(uintptr_t)rows, stream.avail_in = (uInt)size;
    stream.next_out = at + 8, stream.avail_out = (uInt)(room - (size_t)(at + 8 - file) - 4 - CHUNK);
    deflate(&stream, Z_FINISH);
    const size_t packed = stream.total_out;
    deflateEnd(&stream);
    return (size_t)(put_chunk(put_chunk(at, "IDAT", packed), "IEND", 0) - file);
}

ct_status ct_png_encode(struct ct_png *png, const char *where, int width, int height, int channels, const uint8_t *pixels, ct_error *error)
{
    if (where == NULL || pixels == NULL || (channels != 1 && channels != 3) || width < 1 || height < 1 || width > LARGEST_SIDE ||
        height > LARGEST_SIDE)
        return ct_error_set(error, CT_BAD_ARGUMENT, "png: %d × %d pixels of %d channels; sides are 1 … %d, channels 1 or 3", width,
                            height, channels, LARGEST_SIDE);
    const size_t row = (size_t)width * (size_t)channels, size = (row + 1) * (size_t)height; /* below 2^30 */
    const size_t room = SIGNATURE + 3 * CHUNK + HEADER + compressBound(size);
    uint8_t *rows = ct_allocate(size), *file = rows ? ct_allocate(room) : NULL;
    *png = (struct ct_png){ file, 0, room };
    if (file != NULL) {
        filter(pixels, row, (size_t)height, (size_t)channels, rows);
        png->size = encode(rows, size, width, height, channels, file, room);
    }
    ct_release(rows, size);
    if (png->size > 0)
        return CT_OK;
    ct_release(file, room);
    return ct_error_set(error, CT_NO_MEMORY, "png: out of memory for %s", where);
}

ct_status ct_png_write(const char *path, int width, int height, int channels, const uint8_t *pixels, ct_error *error)
{
    struct ct_png png;
    ct_status status = ct_png_encode(&png, path, width, height, channels, pixels, error);
    if (status != CT_OK)
        return status;
    status = ct_file_replace(path, 1, &(struct ct_piece){ png.data, png.size }, error);
    ct_release(png.data, png.room);
    return status;
}
