/* Images: what is written comes back bit for bit; resampling by area. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cotangent/io.h>

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
