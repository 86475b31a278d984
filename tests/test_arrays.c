/* .npy, IDX and CIFAR-10: values from files that NumPy and gzip made, or built by hand from the formats' definitions. */
#include <criterion/criterion.h>
#include <zlib.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(arrays, .init = into_a_folder, .fini = remove_the_folder);

/* ---- npy ---- */

/* A file of version 1 with this dictionary and these bytes of data. */
static size_t npy_file(uint8_t *to, const char *dictionary, const void *data, size_t size)
{
    size_t length = strlen(dictionary);
    memcpy(to, "\x93NUMPY\x01\x00", 8);
    to[8] = (uint8_t)length, to[9] = (uint8_t)(length >> 8);
    memcpy(to + 10, dictionary, length);
    memcpy(to + 10 + length, data, size);
    return 10 + length + size;
}

static ct_tensor *parse_npy(const char *dictionary, const void *data, size_t size, ct_error *error)
{
    uint8_t whole[1024];
    return ct_npy_parse(whole, npy_file(whole, dictionary, data, size), error);
}

/* numpy 1.24.2: np.save(f, np.array([[1.5, -2, 3], [4, 5, 6]], '<f4')) */
static const char saved[] = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
                            "                                                          "
                            "\n\x00\x00\xc0?\x00\x00\x00\xc0\x00\x00@@\x00\x00\x80@\x00\x00\xa0@\x00\x00\xc0@";

Test(arrays, npy_writes_and_reads_what_numpy_does)
{
    ct_tensor *x = ct_tensor_from(CT_F32, CT_SHAPE(2, 3), (float[]){ 1.5f, -2, 3, 4, 5, 6 });
    cr_assert_eq(ct_npy_write("x.npy", x, NULL), CT_OK);
    size_t size;
    uint8_t *bytes = read_bytes("x.npy", &size);
    cr_expect(size == sizeof saved - 1 && memcmp(bytes, saved, size) == 0);
    free(bytes);
    ct_error error = { CT_OK, "" };
    ct_tensor *back = ct_npy_read("x.npy", &error);
    cr_assert_not_null(back, "%s", error.message);
    cr_expect(ct_tensor_dtype(back) == CT_F32 && ct_shape_equal(ct_tensor_shape(back), CT_SHAPE(2, 3)));
    cr_expect(memcmp(ct_tensor_data(back), ct_tensor_data(x), 24) == 0);
    ct_tensor_release(x), ct_tensor_release(back);
}

Test(arrays, npy_any_rank_makes_the_round_trip)
{
    const ct_shape shapes[] = { CT_SCALAR, CT_SHAPE(1), CT_SHAPE(0), CT_SHAPE(3, 0, 2), CT_SHAPE(1, 2, 1, 2, 1, 2, 1, 2) };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ct_tensor *x = ct_tensor_full(CT_F64, shapes[i], 0.1);
        cr_assert_eq(ct_npy_write("x.npy", x, NULL), CT_OK);
        ct_error error = { CT_OK, "" };
        ct_tensor *back = ct_npy_read("x.npy", &error);
        cr_assert_not_null(back, "%s", error.message);
        cr_expect(ct_tensor_dtype(back) == CT_F64 && ct_shape_equal(ct_tensor_shape(back), shapes[i]));
        for (int64_t k = 0; k < ct_tensor_count(x); k++)
            cr_expect_eq(ct_tensor_at(back, k), 0.1);
        ct_tensor_release(x), ct_tensor_release(back);
    }
}

Test(arrays, npy_element_types_and_orders)
{
    /* np.asfortranarray(np.arange(24, dtype='>i2').reshape(2, 3, 4)): in memory the first index runs fastest. */
    uint8_t data[48];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                data[2 * (i + 2 * j + 6 * k)] = 1, data[2 * (i + 2 * j + 6 * k) + 1] = (uint8_t)(12 * i + 4 * j + k);
    ct_error error = { CT_OK, "" };
    ct_tensor *x = parse_npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3, 4), }  \n", data, 48, &error);
    cr_assert_not_null(x, "%s", error.message);
    for (int i = 0; i < 24; i++)
        cr_expect_eq(ct_tensor_at(x, i), 256 + i);
    ct_tensor_release(x);

    static const struct {
        const char *type, *data;
        int size;
        double value;
        ct_dtype dtype;
    } one[] = {
        { "|u1", "\xff", 1, 255, CT_F32 }, { "|i1", "\xff", 1, -1, CT_F32 }, { "|b1", "\x01", 1, 1, CT_F32 },
        { "<u2", "\xfe\xff", 2, 65534, CT_F32 }, { ">u2", "\xff\xfe", 2, 65534, CT_F32 }, { "<f2", "\x00\x3e", 2, 1.5, CT_F32 },
        { "<i4", "\xff\xff\xff\xff", 4, -1, CT_F64 }, { "<u4", "\xff\xff\xff\xff", 4, 4294967295.0, CT_F64 },
        { "<i8", "\xfe\xff\xff\xff\xff\xff\xff\xff", 8, -2, CT_F64 }, { ">f8", "\x3f\xf8\0\0\0\0\0\0", 8, 1.5, CT_F64 },
    };
    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        char dictionary[128];
        snprintf(dictionary, sizeof dictionary, "{\"shape\":(),\"fortran_order\":False,\"descr\":\"%s\"}", one[i].type);
        x = parse_npy(dictionary, one[i].data, (size_t)one[i].size, &error);
        cr_assert_not_null(x, "%s: %s", one[i].type, error.message);
        cr_expect(ct_tensor_item(x) == one[i].value && ct_tensor_dtype(x) == one[i].dtype, "%s", one[i].type);
        ct_tensor_release(x);
    }
}

Test(arrays, npy_refuses)
{
#define ORDER "'fortran_order': False"
    static const struct {
        const char *dictionary, *says;
    } bad[] = {
        { "", "not a dictionary" },
        { "['descr']", "not a dictionary" },
        { "{", "not a dictionary of descr" },
        { "{'descr': '<f4', " ORDER ", }", "lacks" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1,)", "not a dictionary of descr" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1,), } x", "goes on" },
        { "{'descr': '<f4' " ORDER ", 'shape': (1,)}", "not a dictionary of descr" },
        { "{'descr': '<f4', 'descr': '<f4', " ORDER ", 'shape': (1,)}", "'descr' in the header is unknown or there twice" },
        { "{'descr': '<f4', " ORDER ", " ORDER ", 'shape': (1,)}", "'fortran_order' in the header is unknown or there twice" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1,), 'shape': (1,)}", "'shape' in the header is unknown or there twice" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1,), 'more': 1}", "'more'" },
        { "{'descr': '<c8', " ORDER ", 'shape': (1,)}", "'<c8'" },
        { "{'descr': '|O', " ORDER ", 'shape': (1,)}", "'|O'" },
        { "{'descr': 'f4', " ORDER ", 'shape': (1,)}", "'f4'" },
        { "{'descr': '|f4', " ORDER ", 'shape': (1,)}", "'|f4'" },
        { "{'descr': '<', " ORDER ", 'shape': (1,)}", "'<'" },
        { "{'descr': '', " ORDER ", 'shape': (1,)}", "''" },
        { "{'descr': [('a', '<f4')], " ORDER ", 'shape': (1,)}", "not the name of one element type" },
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "neither True nor False" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': 1}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': [1]}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (-1,)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1.0,)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (01,)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1 1)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1,,)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (9223372036854775808,)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (99999999999999999999,)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (1,1,1,1,1,1,1,1,1)}", "not a tuple" },
        { "{'descr': '<f4', " ORDER ", 'shape': (2,)}", "shape (2,) of 'f4' does not fill 4 bytes" },
        { "{'descr': '<f4', " ORDER ", 'shape': ()}  x", "goes on" },
        { "{'descr': '<f8', " ORDER ", 'shape': (1,)}", "does not fill" },
        { "{'descr': '<f4', " ORDER ", 'shape': (0,)}", "does not fill" },
        { "{'descr': '<f4', " ORDER ", 'shape': (4611686018427387905,)}", "does not fill" },
        { "{'descr': '<f4', " ORDER ", 'shape': (4294967296, 4294967296, 1)}", "does not fill" },
        { "{'descr': '|u1', " ORDER ", 'shape': (281474976710656, 281474976710656, 0)}", "does not fill" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ct_error error = { CT_OK, "" };
        cr_expect_null(parse_npy(bad[i].dictionary, "\0\0\0\0", 4, &error), "accepted: %s", bad[i].dictionary);
        cr_expect(strstr(error.message, bad[i].says) != NULL, "%s: %s", bad[i].dictionary, error.message);
    }
    static const char *const versions[] = { "\x93NUMPY\x00\x00", "\x93NUMPY\x04\x00", "\x93NUMPY\x01\x01", "\x93numpy\x01\x00" };
    for (int i = 0; i < 4; i++) {
        char other[sizeof saved];
        memcpy(other, saved, sizeof saved);
        memcpy(other, versions[i], 8);
        cr_expect_null(ct_npy_parse(other, sizeof saved - 1, NULL));
    }
    cr_expect_null(ct_npy_parse(NULL, 0, NULL));
    cr_expect_null(ct_npy_read("missing.npy", NULL));
    cr_expect_eq(ct_npy_write("x", NULL, NULL), CT_BAD_ARGUMENT);
    ct_error error = { CT_OK, "" };
    ct_tensor *line = parse_npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "\0\0\0\0", 4, &error); /* either order */
    cr_expect(line != NULL && ct_tensor_item(line) == 0, "%s", error.message);
    cr_expect_eq(ct_npy_write(NULL, line, NULL), CT_BAD_ARGUMENT);
    ct_tensor_release(line);
}

Test(arrays, npy_version_2_has_a_longer_length)
{
    char two[sizeof saved + 2];
    memcpy(two, saved, 10);
    two[6] = 2, two[10] = two[11] = 0;
    memcpy(two + 12, saved + 10, sizeof saved - 10);
    ct_tensor *x = ct_npy_parse(two, sizeof two - 1, NULL);
    cr_assert_not_null(x);
    cr_expect_eq(ct_tensor_at(x, 5), 6);
    ct_tensor_release(x);
    SURVIVES_DAMAGE(two, sizeof two - 1, 72, ct_tensor_release(ct_npy_parse(damaged, length, NULL)));
    SURVIVES_DAMAGE(saved, sizeof saved - 1, 72, ct_tensor_release(ct_npy_parse(damaged, length, NULL)));
}

/* ---- IDX ---- */

static const uint8_t digits[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255 };

/* Python's gzip.compress of the same, but for the last byte, 11. */
static const uint8_t packed[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03, 0x63, 0x60, 0xe0, 0x60, 0x66, 0x60, 0x60, 0x60, 0x82,
                                  0x62, 0x66, 0x06, 0x46, 0x26, 0x66, 0x16, 0x56, 0x36, 0x76, 0x0e, 0x4e, 0x2e, 0x6e, 0x00, 0x78, 0x1e,
                                  0x23, 0x84, 0x1c, 0x00, 0x00, 0x00 };

Test(arrays, idx_of_bytes_and_of_wider_numbers)
{
    ct_error error = { CT_OK, "" };
    ct_tensor *x = ct_idx_parse(digits, sizeof digits, &error);
    cr_assert_not_null(x, "%s", error.message);
    cr_expect(ct_tensor_dtype(x) == CT_F32 && ct_shape_equal(ct_tensor_shape(x), CT_SHAPE(2, 2, 3)));
    for (int i = 0; i < 12; i++)
        cr_expect_eq(ct_tensor_at(x, i), i < 11 ? i : 255);
    ct_tensor_release(x);

    static const struct {
        uint8_t bytes[16];
        size_t size;
        double value;
    } one[] = {
        { { 0, 0, 0x08, 1, 0, 0, 0, 1, 200 }, 9, 200 },
        { { 0, 0, 0x09, 1, 0, 0, 0, 1, 0xfe }, 9, -2 },
        { { 0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0x00 }, 10, -256 },
        { { 0, 0, 0x0c, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff }, 12, 2147483647 },
        { { 0, 0, 0x0d, 1, 0, 0, 0, 1, 0xc0, 0x20, 0, 0 }, 12, -2.5 },
        { { 0, 0, 0x0e, 1, 0, 0, 0, 1, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0 }, 16, 0.5 },
    };
    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        x = ct_idx_parse(one[i].bytes, one[i].size, &error);
        cr_assert_not_null(x, "%s", error.message);
        cr_expect_eq(ct_tensor_item(x), one[i].value);
        ct_tensor_release(x);
    }
}

Test(arrays, idx_from_gzip)
{
    ct_error error = { CT_OK, "" };
    uint8_t two[2 * sizeof packed];
    write_bytes("train-images-idx3-ubyte.gz", packed, sizeof packed);
    ct_tensor *x = ct_idx_read("train-images-idx3-ubyte.gz", &error);
    cr_assert_not_null(x, "%s", error.message);
    for (int i = 0; i < 12; i++)
        cr_expect_eq(ct_tensor_at(x, i), i);
    ct_tensor_release(x);

    /* Two members are two texts, one after the other: here too many bytes for the shape. */
    memcpy(two, packed, sizeof packed), memcpy(two + sizeof packed, packed, sizeof packed);
    write_bytes("two.gz", two, sizeof two);
    cr_expect_null(ct_idx_read("two.gz", &error));
    cr_expect(strstr(error.message, "does not fill 40 bytes") != NULL, "%s", error.message);

    for (size_t cut = 2; cut < sizeof packed; cut++) {
        write_bytes("cut.gz", packed, cut);
        cr_expect_null(ct_idx_read("cut.gz", &error));
        cr_expect_eq(error.status, CT_BAD_FORMAT);
        cr_expect(strstr(error.message, "gzip: cut.gz is cut short or damaged") != NULL, "%s", error.message);
    }
    memcpy(two, packed, sizeof packed);
    two[34] ^= 1; /* its CRC */
    write_bytes("damaged.gz", two, sizeof packed);
    cr_expect_null(ct_idx_read("damaged.gz", &error));
    cr_expect_str_eq(error.message, "gzip: damaged.gz is cut short or damaged: incorrect data check");
}

/* More than is given to zlib at once, on both sides: stored as it is, in blocks of up to 65,535 bytes. */
Test(arrays, gzip_of_more_than_16_MiB)
{
    enum { SIZE = (1 << 24) + 100, BLOCK = 65535, BLOCKS = (SIZE + BLOCK - 1) / BLOCK };
    const uint8_t head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
    uint8_t *data = malloc(SIZE), *whole = malloc(SIZE + 5 * BLOCKS + 18), *to = whole + sizeof head;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * i >> 8);
    memcpy(data, (uint8_t[]){ 0, 0, 8, 1, (SIZE - 8) >> 24, (uint8_t)((SIZE - 8) >> 16), (uint8_t)((SIZE - 8) >> 8), (uint8_t)(SIZE - 8) }, 8);
    memcpy(whole, head, sizeof head);
    for (size_t at = 0; at < SIZE; at += BLOCK) {
        const size_t block = SIZE - at < BLOCK ? SIZE - at : BLOCK, not = ~block;
        memcpy(to, (uint8_t[]){ at + block == SIZE, (uint8_t)block, (uint8_t)(block >> 8), (uint8_t)not, (uint8_t)(not >> 8) }, 5);
        memcpy(to + 5, data + at, block);
        to += 5 + block;
    }
    const uint32_t last[] = { (uint32_t)crc32(0, data, SIZE), SIZE };
    memcpy(to, last, sizeof last);
    write_bytes("large.gz", whole, (size_t)(to + 8 - whole));
    ct_error error = { CT_OK, "" };
    ct_tensor *read = ct_idx_read("large.gz", &error);
    cr_assert(read != NULL && ct_tensor_count(read) == SIZE - 8, "%s", error.message);
    bool same = true;
    for (size_t i = 8; i < SIZE; i++)
        same &= ct_tensor_at(read, (int64_t)i - 8) == data[i];
    cr_expect(same);
    ct_tensor_release(read), free(data), free(whole);

    write_bytes("empty.gz", (uint8_t[]){ 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 20);
    cr_expect_null(ct_idx_read("empty.gz", &error));
    cr_expect_str_eq(error.message, "empty.gz: idx: the file does not begin with two zero bytes");
    write_bytes("byte.gz", "\x1f", 1);
    cr_expect_null(ct_idx_read("byte.gz", &error));
}

Test(arrays, idx_refuses)
{
    static const struct {
        uint8_t bytes[40];
        size_t size;
        const char *says;
    } bad[] = {
        { { 0 }, 0, "two zero bytes" },
        { { 0, 0, 8 }, 3, "two zero bytes" },
        { { 0, 1, 8, 1, 0, 0, 0, 0 }, 8, "two zero bytes" },
        { { 0, 0, 7, 1, 0, 0, 0, 0 }, 8, "0x07" },
        { { 0, 0, 8, 0 }, 4, "rank 0" },
        { { 0, 0, 8, 9 }, 40, "rank 9" },
        { { 0, 0, 8, 3, 0, 0, 0, 1 }, 8, "rank 3 in a file of 8 bytes" },
        { { 0, 0, 8, 1, 0, 0, 0, 2, 1 }, 9, "shape (2,) of elements of 1 bytes does not fill 1 bytes" },
        { { 0, 0, 8, 1, 0, 0, 0, 2, 1, 2, 3 }, 11, "does not fill 3" },
        { { 0, 0, 0x0b, 1, 0, 0, 0, 1, 1 }, 9, "elements of 2 bytes" },
        { { 0, 0, 8, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, 20, "does not fill 0" },
        { { 0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0 }, 16, "does not fill 0" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ct_error error = { CT_OK, "" };
        cr_expect_null(ct_idx_parse(bad[i].bytes, bad[i].size, &error), "accepted number %zu", i);
        cr_expect(strstr(error.message, bad[i].says) != NULL, "%zu: %s", i, error.message);
    }
    cr_expect_null(ct_idx_parse(NULL, 0, NULL));
    cr_expect_null(ct_idx_read("missing", NULL));
    SURVIVES_DAMAGE(digits, sizeof digits, sizeof digits, ct_tensor_release(ct_idx_parse(damaged, length, NULL)));
}

/* ---- CIFAR-10 ---- */

Test(arrays, cifar10)
{
    uint8_t *records = calloc(2, 3073);
    records[0] = 9;
    records[1] = 255, records[1 + 1024] = 51, records[1 + 2048 + 33] = 102; /* red and green at (0, 0), blue at (1, 1) */
    records[3073] = 3, records[2 * 3073 - 1] = 204;
    write_bytes("data_batch_1.bin", records, 2 * 3073);
    ct_error error = { CT_OK, "" };
    ct_tensor *labels = NULL, *images = ct_cifar10_read("data_batch_1.bin", &labels, &error);
    cr_assert_not_null(images, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(images), CT_SHAPE(2, 3, 32, 32)) && ct_shape_equal(ct_tensor_shape(labels), CT_SHAPE(2)));
    cr_expect(ct_tensor_at(labels, 0) == 9 && ct_tensor_at(labels, 1) == 3);
    cr_expect_float_eq(ct_tensor_at(images, 0), 1, 1e-7);
    cr_expect_float_eq(ct_tensor_at(images, 1024), -0.6, 1e-7);
    cr_expect_float_eq(ct_tensor_at(images, 2048 + 33), -0.2, 1e-7);
    cr_expect_float_eq(ct_tensor_at(images, 2 * 3072 - 1), 0.6, 1e-7);
    cr_expect_eq(ct_tensor_at(images, 1), -1);
    ct_tensor_release(images), ct_tensor_release(labels);
    ct_tensor_release(ct_cifar10_parse(records, 3073, NULL, NULL));

    cr_expect_null(ct_cifar10_parse(records, 0, NULL, NULL));
    cr_expect_null(ct_cifar10_parse(NULL, 3073, NULL, NULL));
    cr_expect_null(ct_cifar10_parse(records, 3074, NULL, &error));
    cr_expect_str_eq(error.message, "cifar10: 3074 bytes are not records of 3073");
    records[3073] = 10;
    cr_expect_null(ct_cifar10_parse(records, 2 * 3073, NULL, &error));
    cr_expect_str_eq(error.message, "cifar10: the label of record 1 is 10; labels are 0 … 9");
    free(records);
}
