/* safetensors: what is written comes back bit for bit; every rule of the format is held, and the refusal names the tensor and the rule. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cotangent/io.h>

#include "files.h"
#include "json_memory.h"

TestSuite(safetensors, .init = into_a_folder, .fini = remove_the_folder);

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

Test(safetensors, round_trip)
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
    for (int outside = -1; outside <= 3; outside += 4)
        cr_expect(ct_safetensors_name(file, outside) == NULL && ct_safetensors_tensor(file, outside) == NULL);
    ct_safetensors_free(file);
    ct_tensor_release(single), ct_tensor_release(wide), ct_tensor_release(none);
}

Test(safetensors, metadata)
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

Test(safetensors, bytes_as_specified)
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

/* What PyTorch counts in int64 is I64 in the file, bytes and all, and comes back as the number it was; what only resembles it stays F64. */
Test(safetensors, counters_are_whole)
{
    static const struct {
        const char *name;
        double value;
        int rank;
        const char *dtype;
        uint8_t last[2]; /* bytes 6 and 7 */
    } cases[] = {
        { "main.1.num_batches_tracked", 1032, 0, "I64", { 0, 0 } },        { "num_batches_tracked", -1, 0, "I64", { 0xff, 0xff } },
        { "num_batches_tracked", 0x1p53, 0, "I64", { 0x20, 0 } },          { "num_batches_tracked", 2.5, 0, "F64", { 0x04, 0x40 } },
        { "num_batches_tracked", 0x1p54, 0, "F64", { 0x50, 0x43 } },       { "num_batches_tracked", INFINITY, 0, "F64", { 0xf0, 0x7f } },
        { "num_batches_tracked", 2, 1, "F64", { 0, 0x40 } },               { "main.1.weight", 2, 0, "F64", { 0, 0x40 } },
        { "num_batches_tracked_", 2, 0, "F64", { 0, 0x40 } },              { "num_batches_tracked", 2, 0, "F32", { 0, 0x40 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_error error = { CT_OK, "" };
        const ct_dtype kept = strcmp(cases[i].dtype, "F32") == 0 ? CT_F32 : CT_F64;
        ct_tensor *x = ct_tensor_full(kept, cases[i].rank == 0 ? CT_SCALAR : CT_SHAPE(1), cases[i].value);
        cr_assert_eq(ct_safetensors_write("n", 1, &cases[i].name, &x, &error), CT_OK, "%s", error.message);
        size_t size;
        uint8_t *bytes = read_bytes("n", &size);
        char dtype[20];
        snprintf(dtype, sizeof dtype, "\"dtype\":\"%s\"", cases[i].dtype);
        cr_expect_not_null(memmem(bytes, size, dtype, strlen(dtype)), "%s %g", cases[i].name, cases[i].value);
        cr_expect_eq(memcmp(bytes + size - 2, cases[i].last, 2), 0, "%s %g", cases[i].name, cases[i].value);
        ct_safetensors *file = ct_safetensors_read("n", &error);
        cr_assert_not_null(file, "%s", error.message);
        cr_expect_eq(ct_tensor_dtype(ct_safetensors_tensor(file, 0)), kept);
        cr_expect_eq(ct_tensor_at(ct_safetensors_tensor(file, 0), 0), cases[i].value);
        ct_safetensors_free(file), ct_tensor_release(x), free(bytes);
    }
}

Test(safetensors, accepts)
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
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 3, 2 },
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

/* IEEE 754's binary16 and bfloat16 by their bits: infinities, NaN, the smallest number, zero's sign. */
Test(safetensors, half_precisions)
{
    static const struct {
        const char *type;
        uint16_t bits;
        double value;
    } numbers[] = {
        { "F16", 0x7c00, INFINITY }, { "F16", 0xfc00, -INFINITY }, { "F16", 0x7e00, NAN }, { "F16", 0x0001, 0x1p-24 },
        { "F16", 0x83ff, -0x1.ff8p-15 }, { "F16", 0x0400, 0x1p-14 }, { "F16", 0x7bff, 65504 }, { "F16", 0xbc00, -1 }, { "F16", 0x3555, 0x1.554p-2 },
        { "F16", 0x8000, -0.0 }, { "BF16", 0x3fc0, 1.5 }, { "BF16", 0xff80, -INFINITY }, { "BF16", 0x7fc0, NAN }, { "BF16", 0x0001, 0x1p-133 },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char bytes[128] = "";
        uint64_t length = (uint64_t)snprintf(bytes + 8, 100, "{\"x\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[0,2]}}", numbers[i].type);
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8 + length, &numbers[i].bits, 2);
        ct_safetensors *file = ct_safetensors_parse(bytes, 10 + length, NULL);
        cr_assert_not_null(file);
        double value = ct_tensor_item(ct_safetensors_tensor(file, 0));
        cr_expect(isnan(numbers[i].value) ? isnan(value) : value == numbers[i].value && signbit(value) == signbit(numbers[i].value),
                  "%s %04x is %g", numbers[i].type, numbers[i].bits, value);
        ct_safetensors_free(file);
    }
}

#define ENTRY(dtype, shape, offsets) "{\"x\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define NAMED(name) "{\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"

/* Each with four bytes of data. */
Test(safetensors, refuses)
{
    static const struct {
        const char *header, *says;
    } bad[] = {
        /* JSON */
        { "", "not a JSON object" },
        { "[]", "not a JSON object: another type" },
        { "null", "not a JSON object" },
        { "{", "not a JSON object" },
        { "{},", "unexpected token" },
        { "{}{}", "']' expected near '{'" }, /* the reader's own list ends after the header */
        { "{},{}", "more than one value" },
        { "{}],[{}", "end of file expected near ','" },
        { "\xef\xbb\xbf{}", "not a JSON object" }, /* a byte order mark */
        { "{} // comment", "not a JSON object" },
        { "{/* comment */}", "not a JSON object" },
        { "{'x':1}", "not a JSON object" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", "string or '}' expected near '}'" },
        { ENTRY("\"F32\"", "[1,]", "[0,4]"), "unexpected token near ']'" },
        { ENTRY("\"F32\"", "[01]", "[0,4]"), "not a JSON object" },
        { ENTRY("\"F32\"", "[+1]", "[0,4]"), "invalid token" },
        { ENTRY("\"F32\"", "[NaN]", "[0,4]"), "invalid token" },
        { ENTRY("\"F32\"", "[18446744073709551616]", "[0,4]"), "too big integer" },
        { ENTRY("\"F32\"", "[9223372036854775808]", "[0,4]"), "too big integer" },
        { ENTRY("\"F32\"", "[1]", "[0,1e999]"), "real number overflow" },
        /* names */
        { NAMED(""), "a tensor without a name" },
        { NAMED("a\\u0000"), "NUL byte in object key" },
        { NAMED("\xc0\xaf"), "unable to decode byte 0xc0" },     /* overlong */
        { NAMED("\xe0\x80\xaf"), "unable to decode byte 0xe0" }, /* overlong */
        { NAMED("\xff"), "unable to decode byte 0xff" },
        { NAMED("\xed\xa0\x80"), "unable to decode byte 0xed" }, /* a surrogate */
        { NAMED("\\ud800"), "invalid Unicode" },
        { NAMED("\\udc00"), "invalid Unicode" },
        { NAMED("\\u12"), "invalid escape" },
        { NAMED("\t"), "control character 0x9" },
        { "{\"x\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]},\"x\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
          "duplicate object key near '\"x\"'" },
        { "{\"x\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]},\"\\u0078\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
          "duplicate object key" },
        /* fields */
        { "{\"x\":null}", "\"x\" is not an object" },
        { "{\"x\":[]}", "\"x\" is not an object" },
        { "{\"x\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "\"x\" has no dtype" },
        { "{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "\"x\" has no shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", "\"x\" has no data_offsets" },
        { ENTRY("\"F32\"", "[1]", "[0,4],\"more\":1"), "\"x\" has fields besides dtype, shape and data_offsets" },
        { ENTRY("\"F32\"", "[1]", "[0,4],\"dtype\":\"F32\""), "duplicate object key near '\"dtype\"'" },
        { "{\"__metadata__\":[]}", "__metadata__ is not an object of strings" },
        { "{\"__metadata__\":null}", "__metadata__ is not an object of strings" },
        { "{\"__metadata__\":{\"a\":1}}", "__metadata__ is not an object of strings" },
        { "{\"__metadata__\":{\"a\":{}}}", "__metadata__ is not an object of strings" },
        /* dtype */
        { ENTRY("\"f32\"", "[1]", "[0,4]"), "dtype f32 of \"x\" is not read" },
        { ENTRY("\"F31\"", "[1]", "[0,4]"), "dtype F31 of \"x\" is not read" },
        { ENTRY("\"F4\"", "[8]", "[0,4]"), "dtype F4 of \"x\" is not read" }, /* below a byte */
        { ENTRY("\"\"", "[1]", "[0,4]"), "dtype  of \"x\" is not read" },
        { ENTRY("4", "[1]", "[0,4]"), "dtype (not a text) of \"x\" is not read" },
        { ENTRY("null", "[1]", "[0,4]"), "dtype (not a text) of \"x\" is not read" },
        /* shape */
        { ENTRY("\"F32\"", "1", "[0,4]"), "shape of \"x\" is not a list of at most 8 numbers" },
        { ENTRY("\"F32\"", "null", "[0,4]"), "shape of \"x\" is not a list of at most 8 numbers" },
        { ENTRY("\"F32\"", "{}", "[0,4]"), "shape of \"x\" is not a list of at most 8 numbers" },
        { ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), "shape of \"x\" is not a list of at most 8 numbers" },
        { ENTRY("\"F32\"", "[1.0]", "[0,4]"), "extent 0 of \"x\"" },
        { ENTRY("\"F32\"", "[1e0]", "[0,4]"), "extent 0 of \"x\"" },
        { ENTRY("\"F32\"", "[1,-1]", "[0,4]"), "extent 1 of \"x\"" },
        { ENTRY("\"F32\"", "[\"1\"]", "[0,4]"), "extent 0 of \"x\"" },
        { ENTRY("\"F32\"", "[true]", "[0,4]"), "extent 0 of \"x\"" },
        { ENTRY("\"F32\"", "[null]", "[0,4]"), "extent 0 of \"x\"" },
        { ENTRY("\"F32\"", "[281474976710657]", "[0,4]"), "extent 0 of \"x\"" }, /* 2^48 + 1 */
        { ENTRY("\"F32\"", "[4294967296,4294967296]", "[0,0]"), "extent 1 of \"x\"" }, /* 2^66 bytes */
        { ENTRY("\"F64\"", "[281474976710656,8192]", "[0,0]"), "extent 1 of \"x\"" }, /* 2^64 bytes: wraps to 0 */
        { ENTRY("\"F32\"", "[281474976710656,281474976710656,0]", "[0,0]"), "extent 1 of \"x\"" }, /* behind a zero */
        { ENTRY("\"F32\"", "[0,281474976710656,281474976710656]", "[0,0]"), "extent 2 of \"x\"" },
        /* data_offsets */
        { ENTRY("\"F32\"", "[1]", "4"), "data_offsets of \"x\" are not two whole numbers" },
        { ENTRY("\"F32\"", "[1]", "[0]"), "data_offsets of \"x\" are not two whole numbers" },
        { ENTRY("\"F32\"", "[1]", "[0,4,8]"), "data_offsets of \"x\" are not two whole numbers" },
        { ENTRY("\"F32\"", "[1]", "[0,4.0]"), "data_offsets of \"x\" are not two whole numbers" },
        { ENTRY("\"F32\"", "[1]", "[-4,0]"), "data_offsets of \"x\" are not two whole numbers" },
        { ENTRY("\"F32\"", "[1]", "[-0,4]"), "a negative zero" },
        { ENTRY("\"F32\"", "[1]", "[4,0]"), "data_offsets [4, 0] of \"x\" are not in order within 4 bytes" },
        { ENTRY("\"F32\"", "[1]", "[1,5]"), "data_offsets [1, 5] of \"x\" are not in order within 4 bytes" },
        { ENTRY("\"F32\"", "[2]", "[0,8]"), "data_offsets [0, 8] of \"x\" are not in order within 4 bytes" },
        { ENTRY("\"F32\"", "[1]", "[0,3]"), "data_offsets [0, 3] of \"x\" do not hold its 4 bytes" },
        { ENTRY("\"F32\"", "[0]", "[0,4]"), "data_offsets [0, 4] of \"x\" do not hold its 0 bytes" },
        /* coverage */
        { "{}", "4 bytes after the last tensor" },
        { ENTRY("\"U8\"", "[3]", "[0,3]"), "1 bytes after the last tensor" },
        { ENTRY("\"U8\"", "[3]", "[1,4]"), "\"x\" begins at 1 where 0 is due" },
        { "{\"x\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]},\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          "\"y\" begins at 0 where 2 is due: a hole or an overlap" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"y\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,4]}}",
          "\"y\" begins at 3 where 1 is due: a hole or an overlap" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ct_error error = { CT_OK, "" };
        cr_expect_null(parse(bad[i].header, 4, &error), "accepted: %s", bad[i].header);
        cr_expect(error.status == CT_BAD_FORMAT || error.status == CT_BAD_DTYPE, "%s", bad[i].header);
        cr_expect(strncmp(error.message, "safetensors: ", 13) == 0 && strstr(error.message, bad[i].says) != NULL, "%s: %s", bad[i].header,
                  error.message);
    }
}

Test(safetensors, refuses_lengths_and_depth)
{
    static const uint64_t lengths[] = { 3, 100, 100000001, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63 };
    ct_error error = { CT_OK, "" };
    char bytes[10] = "        {}";
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(bytes, &lengths[i], 8);
        cr_expect_null(ct_safetensors_parse(bytes, sizeof bytes, &error));
        cr_expect(strncmp(error.message, "safetensors: a header of ", 25) == 0, "%s", error.message);
    }
    write_bytes("short", bytes, sizeof bytes);
    cr_expect_null(ct_safetensors_read("short", NULL));
    cr_expect_null(ct_safetensors_read("short", &error));
    cr_expect(strncmp(error.message, "short: safetensors: a header of ", 32) == 0, "%s", error.message);
    cr_expect_null(ct_safetensors_parse(NULL, 0, &error));
    static const char *const bombs[] = { "[", "{\"a\":" };
    for (int i = 0; i < 2; i++) {
        size_t step = strlen(bombs[i]), times = 100000;
        char *deep = malloc(step * times + 1);
        for (size_t k = 0; k < times; k++)
            memcpy(deep + k * step, bombs[i], step);
        deep[0] = '{', deep[step * times] = '\0';
        cr_expect_null(parse(deep, 0, &error));
        free(deep);
    }
}

/* Jansson's reader goes on where a buffer cannot grow, with a letter fewer: a name is whole or the file is refused. Names of every length,
 * so that the buffer has to grow at every place once. */
Test(safetensors, names_are_read_whole_or_not_at_all)
{
    char name[200] = "", header[600];
    ct_error error;
    int refused = 0;
    for (int length = 1; length < 150; length++) {
        name[length - 1] = (char)('a' + length % 26);
        snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[0,1234567890],\"data_offsets\":[0,0]},\"__metadata__\":{\"k\":\"\\\\\\\"%s\"}}", name, name);
        allocations = 0, failing = -1;
        json_set_alloc_funcs(allocate_or_fail, free);
        ct_safetensors_free(parse(header, 0, &error));
        const long count = allocations;
        for (failing = 1; failing <= count; failing++) {
            allocations = 0;
            ct_safetensors *file = parse(header, 0, &error);
            refused += file == NULL;
            cr_expect(file != NULL || error.status == CT_NO_MEMORY || error.status == CT_BAD_FORMAT);
            if (file != NULL)
                cr_expect(strcmp(ct_safetensors_name(file, 0), name) == 0 && ct_tensor_size(ct_safetensors_tensor(file, 0), 1) == 1234567890 && strcmp(ct_safetensors_metadata(file, "k") + 2, name) == 0, "%d letters, allocation %ld: %s",
                          length, failing, ct_safetensors_name(file, 0));
            ct_safetensors_free(file);
        }
        json_set_alloc_funcs(malloc, free);
    }
    cr_expect(refused > 1000, "%d", refused);
}

/* Every truncation and every change of one byte of a header: refused or read, never a crash. */
Test(safetensors, survives_damage)
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

Test(safetensors, writer_refuses_and_keeps_the_old_file)
{
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(1)), *y = ct_tensor_ones(CT_F64, CT_SHAPE(1));
    ct_tensor *const both[] = { x, y }, *const three[] = { y, x, x };
    cr_assert_eq(ct_safetensors_write("d", 1, (const char *[]){ "x" }, &x, NULL), CT_OK);
    cr_expect_eq(ct_safetensors_write("d", 2, (const char *[]){ "x", "x" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 3, (const char *[]){ "x", "a", "x" }, three, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ NULL }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "x" }, (ct_tensor *[]){ NULL }, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, NULL, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "x" }, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", -1, NULL, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write(NULL, 0, NULL, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write_with("d", 0, NULL, NULL, -1, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "__metadata__" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("d", 1, (const char *[]){ "\xff" }, both, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_safetensors_write("nowhere/d", 1, (const char *[]){ "x" }, both, NULL), CT_IO_ERROR);
    ct_safetensors *file = ct_safetensors_read("d", NULL);
    cr_assert_not_null(file);
    cr_expect_eq(ct_tensor_item(ct_safetensors_find(file, "x")), 1);
    ct_safetensors_free(file);
    ct_tensor_release(x), ct_tensor_release(y);
}
