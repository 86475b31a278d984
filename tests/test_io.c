/* Images: what is written comes back bit for bit; resampling by area. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cotangent/io.h>

#include "../src/io/internal.h"

#include "files.h"

TestSuite(io, .init = into_a_folder, .fini = remove_the_folder);

Test(io, png_round_trip)
{
    const uint8_t pixels[] = { 0, 51, 102, 153, 204, 255 };
    ct_error error = { CT_OK, "" };
    cr_assert_eq(ct_png_write("a.png", 3, 2, 1, pixels, &error), CT_OK, "%s", error.message);
    ct_tensor *image = ct_image_read("a.png", 1, &error);
    cr_assert_not_null(image, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(image), CT_SHAPE(1, 2, 3)));
    for (int i = 0; i < 6; i++)
        cr_expect_float_eq(ct_tensor_at(image, i), (double)pixels[i] / 127.5 - 1, 1e-6);
    ct_tensor_release(image);
    cr_expect_null(ct_image_read("missing.png", 1, NULL));
    cr_expect_null(ct_image_read(".", 1, NULL));
    cr_expect_null(ct_image_parse("GIF89a and the like", 19, 1, &error));
}

/* Noise, gradients and flat areas: each byte through Paeth's filter and back, by stb_image's decoder. */
Test(io, png_colours_round_trip)
{
    enum { WIDTH = 61, HEIGHT = 37 };
    uint8_t pixels[HEIGHT][WIDTH][3];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                pixels[y][x][c] = (uint8_t)(y < 9 ? 200 : y < 20 ? 4 * x + c * y : (x * 7919 + y * 104729 + c * 31) >> 3);
    cr_assert_eq(ct_png_write("a.png", WIDTH, HEIGHT, 3, &pixels[0][0][0], NULL), CT_OK);
    ct_tensor *image = ct_image_read("a.png", 3, NULL);
    cr_assert(ct_shape_equal(ct_tensor_shape(image), CT_SHAPE(3, HEIGHT, WIDTH)));
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                cr_assert((int)lround((ct_tensor_at(image, (c * HEIGHT + y) * WIDTH + x) + 1) * 127.5) == pixels[y][x][c]);
    ct_tensor_release(image);
}

Test(io, square_is_the_mean_of_areas_at_the_centre)
{
    /* 2 × 4: the centred square is columns 1 and 2. */
    ct_tensor *image = ct_tensor_from(CT_F32, CT_SHAPE(1, 2, 4), (float[]){ 9, 1, 2, 9, 9, 3, 4, 9 });
    ct_tensor *one = ct_image_square(image, 1, NULL), *two = ct_image_square(image, 2, NULL), *four = ct_image_square(image, 4, NULL);
    cr_expect_eq(ct_tensor_item(one), 2.5);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(ct_tensor_at(two, i), i + 1);
    cr_expect_eq(ct_tensor_at(four, 0), 1);
    cr_expect_eq(ct_tensor_at(four, 15), 4);
    ct_tensor_release(image), ct_tensor_release(one), ct_tensor_release(two), ct_tensor_release(four);
}

Test(io, images_are_refused_by_their_numbers)
{
    ct_tensor *image = ct_tensor_ones(CT_F32, CT_SHAPE(1, 2, 2)), *wide = ct_tensor_ones(CT_F64, CT_SHAPE(1, 2, 2)),
              *flat = ct_tensor_ones(CT_F32, CT_SHAPE(2, 2)), *none = ct_tensor_ones(CT_F32, CT_SHAPE(1, 0, 2)),
              *two = ct_tensor_ones(CT_F32, CT_SHAPE(2, 2, 2));
    ct_tensor *const others[] = { NULL, wide, flat, none, two };
    static const int64_t sides[][2] = { { 0, 1 }, { 1, 0 }, { 4097, 1 }, { 1, 4097 } };
    ct_error error = { CT_OK, "" };
    for (int i = 0; i < 5; i++)
        cr_expect_null(ct_image_resize(others[i], 1, 1, CT_AREA, &error), "image %d", i);
    for (int i = 0; i < 4; i++)
        cr_expect_null(ct_image_resize(image, sides[i][0], sides[i][1], CT_AREA, NULL));
    cr_expect_null(ct_image_resize(image, 1, 1, (ct_filter)7, NULL));
    cr_expect_str_eq(error.message, "image resize: needs a float32 image (1 or 3, h, w) and sides of 1 … 4096");
    ct_tensor_release(image), ct_tensor_release(wide), ct_tensor_release(flat), ct_tensor_release(none), ct_tensor_release(two);

    cr_expect_null(ct_image_parse(NULL, 100, 1, NULL));
    cr_expect_null(ct_image_parse("", 1, 2, NULL));
    cr_expect_null(ct_image_parse("", ((size_t)64 << 20) + 1, 1, &error)); /* not looked at */
    cr_expect_str_eq(error.message, "image: 67108865 bytes; at most 67108864 are read");
}

Test(io, files_are_read_and_written_whole)
{
    ct_error error = { CT_OK, "" };
    write_bytes("empty", "", 0), write_bytes("large", "", 0);
    cr_expect_null(ct_image_read("empty", 1, &error));
    cr_expect_str_eq(error.message, "empty: image: neither PNG nor JPEG");
    cr_assert(truncate("large", (64 << 20) + 1) == 0);
    cr_expect_null(ct_image_read("large", 1, &error));
    cr_expect_str_eq(error.message, "large has 67108865 bytes; at most 67108864 are read");
    cr_expect_eq(ct_file_write(NULL, "a", 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_file_write("x", NULL, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_file_write("x", NULL, 0, NULL), CT_OK);
    /* A file that is shorter than it says, as these are, may also be one that another process cuts. */
    static const char shorter[] = "/sys/devices/system/cpu/online";
    if (access(shorter, R_OK) == 0) {
        cr_expect_null(ct_npy_read(shorter, &error));
        cr_expect_str_eq(error.message, "/sys/devices/system/cpu/online became shorter while it was read");
    }
    cr_expect_eq(ct_folder_sync("/proc/x", &error), CT_OK, "%s", error.message); /* a file system without fsync: EINVAL */
    cr_expect_eq(ct_folder_sync("nowhere/x", &error), CT_IO_ERROR);
}

Test(io, the_heap_of_a_decoder)
{
    ct_heap_budget(1000);
    cr_expect_null(ct_heap_allocate(SIZE_MAX));
    cr_expect_eq(ct_heap_refusal(), CT_HEAP_OVER_BUDGET);
    char *block = ct_heap_resize(NULL, 10);
    cr_assert_not_null(block);
    memcpy(block, "some text", 10);
    cr_expect_null(ct_heap_resize(block, 2000)); /* it stays, as with realloc */
    cr_expect_str_eq(block, "some text");
    block = ct_heap_resize(block, 700);
    cr_expect_str_eq(block, "some text");
    block = ct_heap_resize(block, 5);
    cr_expect(memcmp(block, "some ", 5) == 0);
    ct_heap_free(block), ct_heap_free(NULL);
    block = ct_heap_allocate(1000 - CT_ALIGNMENT); /* all is back */
    cr_expect_not_null(block);
    ct_heap_free(block);
    ct_heap_budget(SIZE_MAX);
    cr_expect_null(ct_heap_allocate(SIZE_MAX));
}
