/* Pictures the way up that a camera's orientation means. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <turbojpeg.h>

#include "../src/io/pixels.h"

enum { WIDTH = 32, HEIGHT = 16, SEGMENT = 2 + 2 + 6 + 8 + 2 + 2 * 12 };

/* A 32 × 16 JPEG whose quarters are A B over C D, of the levels 0, 85, 170, 255, with room for Exif behind its first two bytes. */
static uint8_t *quarters(size_t *size)
{
    uint8_t pixels[WIDTH * HEIGHT], *bytes = NULL;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = (uint8_t)(85 * (i / WIDTH / (HEIGHT / 2) * 2 + i % WIDTH / (WIDTH / 2)));
    unsigned long written = 0;
    tjhandle handle = tjInitCompress();
    cr_assert_eq(tjCompress2(handle, pixels, WIDTH, 0, HEIGHT, TJPF_GRAY, &bytes, &written, TJSAMP_GRAY, 100, 0), 0);
    uint8_t *with = calloc(1, written + SEGMENT);
    memcpy(with, bytes, 2), memcpy(with + 2 + SEGMENT, bytes + 2, written - 2);
    tjFree(bytes), tjDestroy(handle);
    *size = written + SEGMENT;
    return with;
}

static void put(uint8_t *to, uint32_t value, int bytes, bool big)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * (big ? bytes - 1 - i : i));
}

/* A directory of two entries, the image's width and its orientation. */
static void write_segment(uint8_t *at, uint32_t orientation, bool big)
{
    memcpy(at, (uint8_t[]){ 0xff, 0xe1, 0, SEGMENT - 2 }, 4);
    memcpy(at + 4, "Exif\0", 6);
    uint8_t *tiff = at + 10;
    memcpy(tiff, big ? "MM\0*" : "II*\0", 4);
    put(tiff + 4, 8, 4, big);
    put(tiff + 8, 2, 2, big);
    const uint32_t entries[2][2] = { { 0x100, WIDTH }, { 0x112, orientation } };
    for (int i = 0; i < 2; i++) {
        uint8_t *entry = tiff + 10 + 12 * i;
        put(entry, entries[i][0], 2, big), put(entry + 2, 3, 2, big), put(entry + 4, 1, 4, big),
            put(entry + 8, entries[i][1], 2, big);
    }
}

static int level(const ct_tensor *image, int64_t row, int64_t column)
{
    return (int)((ct_tensor_at(image, row * ct_tensor_size(image, 2) + column) + 1) * 127.5 / 85 + 0.5);
}

/* The file's picture has these quarters, of A B C D. */
static void expect_quarters(const uint8_t *bytes, size_t size, const char *seen, const char *what)
{
    ct_error error;
    for (int channels = 1; channels <= 3; channels += 2) {
        ct_tensor *image = ct_image_parse(bytes, size, channels, &error);
        cr_assert_not_null(image, "%s: %s", what, error.message);
        const int64_t height = ct_tensor_size(image, 1), width = ct_tensor_size(image, 2);
        int others = 0;
        cr_expect_eq(height * width, WIDTH * HEIGHT);
        for (int64_t row = 0; row < height; row++)
            for (int64_t column = 0; column < width; column++)
                others += "ABCD"[level(image, row, column)] != seen[row / (height / 2) * 2 + column / (width / 2)];
        cr_expect_eq(others, 0, "%s: %d of %d pixels are elsewhere", what, others, WIDTH * HEIGHT);
        const bool upright = abs(seen[0] - seen[1]) == 1; /* A and B side by side, or one over the other */
        cr_expect_eq(width == WIDTH, upright, "%s: %d wide", what, (int)width);
        ct_tensor_release(image);
    }
}

/* As the standard says where the stored rows and columns begin: 6, "the 0th row is the right-hand side, the 0th column the top". */
Test(exif, all_orientations)
{
    static const char *const seen[] = { [1] = "ABCD", "BADC", "DCBA", "CDAB", "ACBD", "CADB", "DBCA", "BDAC" };
    size_t size;
    uint8_t *bytes = quarters(&size);
    for (uint32_t orientation = 1; orientation <= 8; orientation++)
        for (int big = 0; big < 2; big++) {
            char what[60];
            snprintf(what, sizeof what, "orientation %u, %s", orientation, big ? "big-endian" : "little-endian");
            write_segment(bytes + 2, orientation, big);
            expect_quarters(bytes, size, seen[orientation], what);
        }
    free(bytes);
}

/* A folder's pictures are turned too, before the square is cut out of their middle. */
Test(exif, resized)
{
    size_t size;
    uint8_t *bytes = quarters(&size);
    struct ct_view pixels;
    ct_error error;
    float to[4];
    write_segment(bytes + 2, 6, true);
    cr_assert_eq(ct_pixels_decode(bytes, size, 1, 16, &pixels, &error), CT_OK, "%s", error.message);
    cr_expect(pixels.height == WIDTH && pixels.width == HEIGHT);
    cr_assert_eq(ct_view_resize(&pixels, ct_view_square(&pixels), CT_AREA, 1, 2, 2, to, &error), CT_OK, "%s", error.message);
    for (int i = 0; i < 4; i++)
        cr_expect_float_eq(to[i], (float)("CADB"[i] - 'A') * 2 / 3 - 1, 0.02, "%d: %g", i, to[i]);
    ct_pixels_free(&pixels);
    free(bytes);
}

/* What is damaged says nothing: the picture is as it is stored. */
Test(exif, damage)
{
    static const struct {
        const char *what;
        int at, byte; /* of the segment */
    } damages[] = {
        { "orientation 0", 41, 0 },
        { "orientation 9", 41, 9 },
        { "orientation 256 + 6", 40, 1 },
        { "another tag", 33, 0x13 },
        { "no short", 35, 4 },
        { "no entry", 19, 0 },
        { "one entry", 19, 1 },
        { "another name", 4, 'e' },
        { "no byte order", 10, 'X' },
        { "no 42", 13, '+' },
        { "a directory beyond the end", 14, 0xff },
        { "a directory at the end", 17, SEGMENT - 11 },
    };
    size_t size;
    uint8_t *bytes = quarters(&size);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        write_segment(bytes + 2, 6, true);
        bytes[2 + damages[i].at] = (uint8_t)damages[i].byte;
        expect_quarters(bytes, size, "ABCD", damages[i].what);
    }
    free(bytes);

    /* Cut anywhere, and with any byte another: from memory of just that size, nothing beyond is read. */
    uint8_t whole[SEGMENT];
    int beyond = 0;
    for (int big = 0; big < 2; big++) {
        write_segment(whole, 6, big);
        for (size_t length = 0; length <= SEGMENT - 10; length++) {
            uint8_t *cut = malloc(length + 1);
            memcpy(cut, whole + 10, length);
            cr_expect_eq(ct_exif_orientation(cut, length), length < 32 ? 1 : 6, "%zu bytes", length); /* up to the value */
            for (size_t at = 0; at < length; at++)
                for (int value = 0; value < 256; value++) {
                    cut[at] = (uint8_t)value;
                    const int found = ct_exif_orientation(cut, length);
                    beyond += found < 1 || found > 8;
                    cut[at] = whole[10 + at];
                }
            free(cut);
        }
    }
    cr_expect_eq(beyond, 0);
}

/* A segment that ends after the file's end, or is shorter than its name. */
Test(exif, segments)
{
    size_t size;
    uint8_t *bytes = quarters(&size);
    write_segment(bytes + 2, 6, true);
    for (size_t cut = 0; cut < 2 + SEGMENT; cut++)
        cr_expect_null(ct_image_parse(bytes, cut, 1, NULL));
    free(bytes);
    static const uint8_t before[] = { 0xff, 0xd8, 0xff, 0xe1, 0, 7, 'E', 'x', 'i', 'f', 0, 0xff, 0xda, 0, 8 };
    cr_expect_null(ct_image_parse(before, sizeof before, 1, NULL));
}
