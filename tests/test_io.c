/* Files: what is written comes back bit for bit; what breaks its format is refused; nothing is left half-written. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cotangent/io.h>

#include "files.h"

TestSuite(io, .init = into_a_folder, .fini = remove_the_folder);

/* A file in memory: the header's length, the header, `data` zero bytes. */
static ct_safetensors *parse(const char *header, size_t data, ct_error *error)
{
    uint64_t length = strlen(header);
    char *bytes = calloc(1, 8 + length + data);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    ct_safetensors *file = ct_safetensors_parse(bytes, 8 + length + data, error);
    free(bytes);
    return file;
}

Test(io, safetensors_round_trip)
{
    ct_tensor *single = ct_tensor_from(CT_F32, CT_SHAPE(2, 3), (float[]){ 1, -2.5f, 3e-40f, 4, 5, 6 });
    ct_tensor *wide = ct_tensor_scalar(CT_F64, 0.1), *none = ct_tensor_zeros(CT_F32, CT_SHAPE(0, 7));
    const char *const names[] = { "main.0.weight", "\xce\xb1 \"quoted\"", "empty" };
    ct_error error;
    cr_assert_eq(ct_safetensors_write("a", 3, names, (ct_tensor *[]){ single, wide, none }, &error), CT_OK, "%s", error.message);

    ct_safetensors *file = ct_safetensors_read("a", &error);
    cr_assert_not_null(file, "%s", error.message);
    cr_expect_eq(ct_safetensors_count(file), 3);
    cr_expect_eq(ct_tensor_item(ct_safetensors_find(file, names[1])), 0.1);
    ct_tensor *back = ct_safetensors_find(file, names[0]);
    cr_expect(ct_shape_equal(ct_tensor_shape(back), CT_SHAPE(2, 3)));
    cr_expect_eq(memcmp(ct_tensor_data(back), ct_tensor_data(single), 24), 0);
    cr_expect(ct_shape_equal(ct_tensor_shape(ct_safetensors_find(file, "empty")), CT_SHAPE(0, 7)));
    cr_expect_null(ct_safetensors_find(file, "other"));
    ct_safetensors_free(file);
    ct_tensor_release(single), ct_tensor_release(wide), ct_tensor_release(none);
}

Test(io, safetensors_metadata)
{
    static const char *const pairs[] = { "step", "1200", "format", "pt", "\xce\xb1", "a \"quoted\"\nline", "empty", "" };
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(2));
    ct_error error = { CT_OK, "" };
    cr_assert_eq(ct_safetensors_write_with("m", 1, (const char *[]){ "x" }, &x, 4, pairs, &error), CT_OK, "%s", error.message);
    ct_safetensors *file = ct_safetensors_read("m", &error);
    cr_assert_not_null(file, "%s", error.message);
    cr_expect_eq(ct_safetensors_count(file), 1);
    for (int i = 0; i < 4; i++)
        cr_expect_str_eq(ct_safetensors_metadata(file, pairs[2 * i]), pairs[2 * i + 1]);
    cr_expect_null(ct_safetensors_metadata(file, "other"));
    ct_safetensors_free(file);

    cr_assert_eq(ct_safetensors_write("n", 1, (const char *[]){ "x" }, &x, NULL), CT_OK);
    file = ct_safetensors_read("n", NULL);
    cr_expect_null(ct_safetensors_metadata(file, "step"));
    ct_safetensors_free(file);

    const char *const twice[] = { "a", "1", "a", "2" }, *const broken[] = { "a", "\xff" }, *const half[] = { "a", NULL };
    cr_expect_eq(ct_safetensors_write_with("o", 0, NULL, NULL, 2, twice, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write_with("o", 0, NULL, NULL, 1, broken, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write_with("o", 0, NULL, NULL, 1, half, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write_with("o", 0, NULL, NULL, 1, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect(access("o", F_OK) != 0);
    ct_tensor_release(x);
}

Test(io, safetensors_bytes_as_specified)
{
    ct_tensor *x = ct_tensor_from(CT_F32, CT_SHAPE(1), (float[]){ 1 });
    cr_assert_eq(ct_safetensors_write("b", 1, (const char *[]){ "x" }, &x, NULL), CT_OK);
    static const char expected[] = "\x38\0\0\0\0\0\0\0{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}  \0\0\x80\x3f";
    char bytes[100];
    FILE *file = fopen("b", "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    cr_expect_eq(size, sizeof expected - 1);
    cr_expect_eq(memcmp(bytes, expected, sizeof expected - 1), 0);
    ct_tensor_release(x);
}

Test(io, safetensors_accepts)
{
    static const struct {
        const char *header;
        size_t data;
        int count;
    } good[] = {
        { "{}", 0, 0 },
        { "{}     ", 0, 0 },
        { "{\"__metadata__\":{\"by\":\"hand\"}}", 0, 0 },
        { "{\"../../etc/passwd\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3, 1 },
        { "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]},\"a\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[0,1]}}", 5, 2 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"b\":{\"dtype\":\"F64\",\"shape\":[2,0],\"data_offsets\":[0,0]}}", 0, 2 },
        { "{\"h\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, 1 },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ct_error error = { CT_OK, "" };
        ct_safetensors *file = parse(good[i].header, good[i].data, &error);
        cr_expect(file != NULL && ct_safetensors_count(file) == good[i].count, "%s: %s", good[i].header, error.message);
        ct_safetensors_free(file);
    }
}

#define ENTRY(dtype, shape, offsets) "{\"x\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

Test(io, safetensors_refuses)
{
    static const char *const bad[] = {
        "", "[]", "null", "{", "{},", "{}{}", "\xef\xbb\xbf{}", "{} // comment", "{\"x\":null}", "{\"x\":[]}", "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":[]}", ENTRY("\"f32\"", "[1]", "[0,4]"), ENTRY("\"F31\"", "[1]", "[0,4]"), ENTRY("4", "[1]", "[0,4]"),
        ENTRY("\"F32\"", "[1.0]", "[0,4]"), ENTRY("\"F32\"", "[1e0]", "[0,4]"), ENTRY("\"F32\"", "[-1]", "[0,4]"),
        ENTRY("\"F32\"", "[\"1\"]", "[0,4]"), ENTRY("\"F32\"", "1", "[0,4]"), ENTRY("\"F32\"", "[1]", "[0,3]"),
        ENTRY("\"F32\"", "[1]", "[4,0]"), ENTRY("\"F32\"", "[1]", "[1,5]"), ENTRY("\"F32\"", "[2]", "[0,8]"),
        ENTRY("\"F32\"", "[1]", "[0]"), ENTRY("\"F32\"", "[1]", "[0,4,8]"), ENTRY("\"F32\"", "[1]", "[0,4],\"more\":1"),
        ENTRY("\"F32\"", "[1]", "[0,4],\"dtype\":\"F32\""), ENTRY("\"U8\"", "[3]", "[0,3]"), /* a trailing byte */
        ENTRY("\"F32\"", "[18446744073709551616]", "[0,4]"), ENTRY("\"F32\"", "[4294967296,4294967296]", "[0,0]"),
        ENTRY("\"F32\"", "[281474976710656,281474976710656,0]", "[0,0]"), ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"),
        "{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"\xc0\xaf\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"\t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"x\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]},\"\\u0078\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
        "{\"x\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]},\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ct_error error = { CT_OK, "" };
        ct_safetensors *file = parse(bad[i], 4, &error);
        cr_expect_null(file, "accepted: %s", bad[i]);
        cr_expect(error.status == CT_BAD_FORMAT || error.status == CT_BAD_DTYPE, "%s", bad[i]);
        cr_expect_neq(error.message[0], '\0');
    }
    char *deep = malloc(100001);
    memset(deep, '[', 100000);
    deep[0] = '{', deep[100000] = '\0';
    cr_expect_null(parse(deep, 0, NULL));
    free(deep);
}

/* Every truncation and every change of one byte of a header: refused or read, never a crash. */
Test(io, safetensors_survives_damage)
{
    ct_tensor *x = ct_tensor_ones(CT_F64, CT_SHAPE(2, 2));
    cr_assert_eq(ct_safetensors_write("c", 1, (const char *[]){ "x" }, &x, NULL), CT_OK);
    char bytes[200], damaged[200];
    FILE *file = fopen("c", "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut < size; cut++)
        cr_expect_null(ct_safetensors_parse(bytes, cut, NULL));
    for (size_t at = 0; at < size - 32; at++)
        for (int value = 0; value < 256; value++) {
            memcpy(damaged, bytes, size);
            damaged[at] = (char)value;
            ct_safetensors_free(ct_safetensors_parse(damaged, size, NULL));
        }
    ct_tensor_release(x);
}

Test(io, safetensors_writer_refuses_and_keeps_the_old_file)
{
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(1)), *y = ct_tensor_ones(CT_F64, CT_SHAPE(1));
    ct_tensor *const both[] = { x, y };
    cr_assert_eq(ct_safetensors_write("d", 1, (const char *[]){ "x" }, &x, NULL), CT_OK);
    cr_expect_eq(ct_safetensors_write("d", 2, (const char *[]){ "x", "x" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "__metadata__" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "\xff" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("nowhere/d", 1, (const char *[]){ "x" }, both, NULL), CT_IO_ERROR);
    ct_safetensors *file = ct_safetensors_read("d", NULL);
    cr_assert_not_null(file);
    cr_expect_eq(ct_tensor_item(ct_safetensors_find(file, "x")), 1);
    ct_safetensors_free(file);
    ct_tensor_release(x), ct_tensor_release(y);
}

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

Test(io, folder_skips_what_it_cannot_read)
{
    cr_assert(mkdir("pictures", 0777) == 0);
    cr_expect_null(ct_image_folder("pictures", 1, 4, 0, NULL, NULL));
    cr_assert_eq(ct_png_write("pictures/b.png", 1, 1, 1, (uint8_t[]){ 255 }, NULL), CT_OK);
    cr_assert_eq(ct_png_write("pictures/a.PNG", 1, 1, 1, (uint8_t[]){ 0 }, NULL), CT_OK);
    FILE *broken = fopen("pictures/c.jpg", "w");
    fputs("\xff\xd8\xff not a picture", broken);
    fclose(broken);
    int64_t skipped = -1;
    ct_error error = { CT_OK, "" };
    ct_tensor *images = ct_image_folder("pictures", 3, 2, 0, &skipped, &error);
    cr_assert_not_null(images, "%s", error.message);
    cr_expect_eq(skipped, 1);
    cr_expect(ct_shape_equal(ct_tensor_shape(images), CT_SHAPE(2, 3, 2, 2)));
    cr_expect_eq(ct_tensor_at(images, 0), -1);
    cr_expect_eq(ct_tensor_at(images, 23), 1);
    ct_tensor_release(images);
    cr_expect_null(ct_image_folder("nowhere", 1, 4, 0, NULL, NULL));
}
