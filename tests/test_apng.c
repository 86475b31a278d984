/* Animated PNG: the first frame is a plain picture; the others, put into plain pictures of their own, are theirs. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include <cotangent/cotangent.h>

enum { WIDTH = 5, HEIGHT = 4, FRAMES = 3, BYTES = WIDTH * HEIGHT * 3 };

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static size_t append(uint8_t *to, const char *type, const uint8_t *data, uint32_t size)
{
    uint8_t length[4] = { (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
    memcpy(to, length, 4);
    memcpy(to + 4, type, 4);
    memcpy(to + 8, data, size);
    uint32_t crc = (uint32_t)crc32(0, to + 4, size + 4);
    uint8_t check[4] = { (uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc };
    memcpy(to + 8 + size, check, 4);
    return size + 12;
}

static void expect_picture(const void *file, size_t size, const uint8_t *pixels, int frame)
{
    ct_error error = { CT_OK, "" };
    ct_tensor *image = ct_image_parse(file, size, 3, &error);
    cr_assert_not_null(image, "frame %d: %s", frame, error.message);
    for (int i = 0; i < BYTES; i++) {
        double value = ct_tensor_at(image, i % 3 * WIDTH * HEIGHT + i / 3);
        cr_assert_float_eq((value + 1) * 127.5, pixels[i], 1e-3, "frame %d, byte %d", frame, i);
    }
    ct_tensor_release(image);
}

Test(apng, frames_are_pictures)
{
    uint8_t frame[FRAMES][BYTES], file[4096], one[4096];
    const uint8_t *frames[FRAMES];
    char path[] = "/tmp/cotangent-apng-XXXXXX";
    ct_error error = { CT_OK, "" };
    for (int f = 0; f < FRAMES; f++) {
        for (int i = 0; i < BYTES; i++)
            frame[f][i] = (uint8_t)(i * 37 + f * 101 + i * i);
        frames[f] = frame[f];
    }
    cr_assert(close(mkstemp(path)) == 0);
    cr_assert_eq(ct_apng_write(path, WIDTH, HEIGHT, 3, FRAMES, frames, 80, &error), CT_OK, "%s", error.message);
    FILE *in = fopen(path, "rb");
    size_t size = fread(file, 1, sizeof file, in);
    fclose(in);
    unlink(path);
    expect_picture(file, size, frame[0], 0);

    char order[200] = "";
    uint32_t sequence = 0;
    int shown = 0;
    for (const uint8_t *at = file + 8; at < file + size; at += number(at) + 12) {
        const uint32_t length = number(at);
        const uint8_t *data = at + 8;
        strncat(order, (const char *)at + 4, 4);
        cr_expect_eq(number(data + length), crc32(0, at + 4, length + 4));
        if (memcmp(at + 4, "acTL", 4) == 0)
            cr_expect(number(data) == FRAMES && number(data + 4) == 0);
        if (memcmp(at + 4, "fcTL", 4) == 0) {
            cr_expect(length == 26 && number(data) == sequence++ && number(data + 4) == WIDTH && number(data + 8) == HEIGHT);
            cr_expect(number(data + 12) == 0 && number(data + 16) == 0 && data[21] == 80 && data[22] * 256 + data[23] == 1000);
            shown++;
        }
        if (memcmp(at + 4, "fdAT", 4) == 0) {
            cr_expect_eq(number(data), sequence++);
            memcpy(one, file, 8 + 25); /* signature and header */
            size_t end = 33 + append(one + 33, "IDAT", data + 4, length - 4);
            end += append(one + end, "IEND", data, 0);
            expect_picture(one, end, frame[shown - 1], shown - 1);
        }
    }
    cr_expect_str_eq(order, "IHDRacTLfcTLIDATfcTLfdATfcTLfdATIEND");
    cr_expect_eq(shown, FRAMES);
}

Test(apng, wrong_numbers_are_refused)
{
    const uint8_t pixel = 0, *const pixels[] = { &pixel };
    ct_error error = { CT_OK, "" };
    cr_expect_eq(ct_apng_write("/tmp/x.png", 1, 1, 1, 0, pixels, 80, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "0 frames of 80 ms"), "%s", error.message);
    cr_expect_eq(ct_apng_write("/tmp/x.png", 1, 1, 1, 1, pixels, 65536, &error), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_apng_write("/tmp/x.png", 1, 1, 2, 1, pixels, 80, &error), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_apng_write("/tmp/x.png", 1, 1, 1, 1, NULL, 80, &error), CT_BAD_ARGUMENT);
}

Test(apng, wrong_pictures_are_refused)
{
    const uint8_t pixel = 0, *const pixels[] = { &pixel };
    static const int sides[][2] = { { 0, 1 }, { 1, 0 }, { 16385, 1 }, { 1, 16385 } };
    for (int i = 0; i < 4; i++)
        cr_expect_eq(ct_png_write("/tmp/x.png", sides[i][0], sides[i][1], 1, &pixel, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_png_write("/tmp/x.png", 1, 1, 1, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_png_write(NULL, 1, 1, 1, &pixel, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_apng_write("/tmp/x.png", 1, 1, 1, 10001, pixels, 80, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_apng_write("/tmp/x.png", 1, 1, 1, 1, pixels, -1, NULL), CT_BAD_ARGUMENT);
}
