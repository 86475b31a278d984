/* PNG output: the rows, each byte as its difference from Paeth's prediction, deflated by zlib (PNG specification, sections 5, 9 and
 * 10). An animation's first frame is the picture itself; the others come in chunks that older readers pass over (third edition, 11.3). */
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

enum { SIGNATURE = 8, CHUNK = 12, HEADER = 13, CONTROL = 8, FRAME = 26, SEQUENCE = 4, MOST_FRAMES = 10000 };

/* Signature and header; of an animation the number of frames too, which play for ever. Returns where it ends. */
static uint8_t *put_head(uint8_t *file, int width, int height, int channels, int frames)
{
    memcpy(file, "\x89PNG\r\n\x1a\n", SIGNATURE);
    uint8_t *at = file + SIGNATURE, *rest = put_number(put_number(at + 8, (uint32_t)width), (uint32_t)height);
    memcpy(rest, (uint8_t[]){ 8, channels == 3 ? 2 : 0, 0, 0, 0 }, 5); /* bits, RGB or grey, deflate, filters, not interlaced */
    at = put_chunk(at, "IHDR", HEADER);
    if (frames > 1) {
        put_number(put_number(at + 8, (uint32_t)frames), 0);
        at = put_chunk(at, "acTL", CONTROL);
    }
    return at;
}

/* A frame's control chunk: its place in the sequence of chunks, the whole picture, its time, nothing kept of the frame before. */
static uint8_t *put_control(uint8_t *at, int width, int height, uint32_t sequence, int milliseconds)
{
    uint8_t *to = put_number(put_number(put_number(at + 8, sequence), (uint32_t)width), (uint32_t)height);
    to = put_number(put_number(to, 0), 0);
    memcpy(to, (uint8_t[]){ (uint8_t)(milliseconds >> 8), (uint8_t)milliseconds, 1000 >> 8, 1000 & 255, 0, 0 }, 6);
    return put_chunk(at, "fcTL", FRAME);
}

/* The rows of one frame in a chunk of data; returns where it ends, NULL when memory is out. */
static uint8_t *put_rows(uint8_t *at, const uint8_t *rows, size_t size, bool first, uint32_t sequence)
{
    const size_t before = first ? 0 : SEQUENCE;
    z_stream stream;
    ct_zlib_memory(&stream);
    if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK)
        return NULL;
    if (!first)
        put_number(at + 8, sequence);
    stream.next_in = (uint8_t *)(uintptr_t)rows, stream.avail_in = (uInt)size;
    stream.next_out = at + 8 + before, stream.avail_out = (uInt)compressBound(size);
    deflate(&stream, Z_FINISH);
    const size_t packed = stream.total_out;
    deflateEnd(&stream);
    return put_chunk(at, first ? "IDAT" : "fdAT", before + packed);
}

ct_status ct_png_encode(struct ct_png *png, const char *where, int width, int height, int channels, int frames,
                        const uint8_t *const pixels[], int milliseconds, ct_error *error)
{
    if (where == NULL || pixels == NULL || (channels != 1 && channels != 3) || width < 1 || height < 1 || width > LARGEST_SIDE ||
        height > LARGEST_SIDE)
        return ct_error_set(error, CT_BAD_ARGUMENT, "png: %d × %d pixels of %d channels; sides are 1 … %d, channels 1 or 3",
                            width, height, channels, LARGEST_SIDE);
    if (frames < 1 || frames > MOST_FRAMES || milliseconds < 0 || milliseconds > 65535)
        return ct_error_set(error, CT_BAD_ARGUMENT, "png: %d frames of %d ms; frames are 1 … %d, times 0 … 65535", frames,
                            milliseconds, MOST_FRAMES);
    const size_t row = (size_t)width * (size_t)channels, size = (row + 1) * (size_t)height; /* below 2^30 */
    const size_t each = CHUNK + FRAME + CHUNK + SEQUENCE + compressBound(size);
    const size_t room = SIGNATURE + CHUNK + HEADER + CHUNK + CONTROL + (size_t)frames * each + CHUNK;
    uint8_t *rows = ct_allocate(size), *file = rows ? ct_allocate(room) : NULL;
    uint8_t *at = file != NULL ? put_head(file, width, height, channels, frames) : NULL;
    for (int frame = 0; frame < frames && at != NULL; frame++) {
        const uint32_t sequence = frame == 0 ? 0 : 2 * (uint32_t)frame - 1; /* each later frame takes two */
        filter(pixels[frame], row, (size_t)height, (size_t)channels, rows);
        at = frames > 1 ? put_control(at, width, height, sequence, milliseconds) : at;
        at = put_rows(at, rows, size, frame == 0, sequence + 1);
    }
    ct_release(rows, size);
    *png = (struct ct_png){ file, at != NULL ? (size_t)(put_chunk(at, "IEND", 0) - file) : 0, room };
    if (at != NULL)
        return CT_OK;
    ct_release(file, room);
    return ct_error_set(error, CT_NO_MEMORY, "png: out of memory for %s", where);
}

ct_status ct_apng_write(const char *path, int width, int height, int channels, int frames, const uint8_t *const pixels[],
                        int milliseconds, ct_error *error)
{
    struct ct_png png;
    ct_status status = ct_png_encode(&png, path, width, height, channels, frames, pixels, milliseconds, error);
    if (status != CT_OK)
        return status;
    status = ct_file_replace(path, 1, &(struct ct_piece){ png.data, png.size }, error);
    ct_release(png.data, png.room);
    return status;
}

ct_status ct_png_write(const char *path, int width, int height, int channels, const uint8_t *pixels, ct_error *error)
{
    return ct_apng_write(path, width, height, channels, 1, pixels == NULL ? NULL : &pixels, 0, error);
}
