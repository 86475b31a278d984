/* Decoding: JPEG of every kind, damage, and how much memory it may take. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <criterion/criterion.h>
#include <turbojpeg.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(decode, .init = into_a_folder, .fini = remove_the_folder);

/* ---- JPEG ---- */

/* A smooth grey picture as a JPEG file. */
static size_t make_jpeg(const char *path, int width, int height, int flags)
{
    uint8_t *pixels = malloc((size_t)width * (size_t)height), *bytes = NULL;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            pixels[y * width + x] = (uint8_t)(255 * x / (width > 1 ? width - 1 : 1));
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    cr_assert(tjCompress2(handle, pixels, width, 0, height, TJPF_GRAY, &bytes, &size, TJSAMP_GRAY, 95, flags) == 0);
    write_bytes(path, bytes, size);
    tjFree(bytes), tjDestroy(handle), free(pixels);
    return size;
}

Test(decode, jpeg_plain_and_progressive)
{
    make_jpeg("plain.jpg", 64, 32, 0), make_jpeg("progressive.jpg", 64, 32, TJFLAG_PROGRESSIVE);
    ct_error error = { CT_OK, "" };
    ct_tensor *plain = ct_image_read("plain.jpg", 1, &error), *progressive = ct_image_read("progressive.jpg", 3, &error);
    cr_assert(plain != NULL && progressive != NULL, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(plain), CT_SHAPE(1, 32, 64)) && ct_tensor_size(progressive, 0) == 3);
    for (int i = 0; i < 64; i++) {
        cr_expect_float_eq(ct_tensor_at(plain, i), 2.0 * i / 63 - 1, 0.03);
        cr_expect_float_eq(ct_tensor_at(progressive, 2 * 2048 + i), ct_tensor_at(plain, i), 1e-6);
    }
    ct_tensor_release(plain), ct_tensor_release(progressive);

    /* Whichever way the colours are sampled. */
    static const int samplings[] = { TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440, TJSAMP_411 };
    for (size_t i = 0; i < sizeof samplings / sizeof *samplings; i++) {
        static const uint8_t pixels[32 * 32 * 3] = { 0 };
        uint8_t *bytes = NULL;
        unsigned long size = 0;
        tjhandle handle = tjInitCompress();
        cr_assert(tjCompress2(handle, pixels, 32, 0, 32, TJPF_RGB, &bytes, &size, samplings[i], 90, TJFLAG_PROGRESSIVE) == 0);
        ct_tensor *black = ct_image_parse(bytes, size, 3, &error);
        cr_expect(black != NULL && ct_tensor_count(black) == 3072 && ct_tensor_at(black, 3071) == -1, "%s", error.message);
        ct_tensor_release(black), tjFree(bytes), tjDestroy(handle);
    }

    make_jpeg("wide.jpg", 6000, 8, 0);
    ct_tensor *wide = ct_image_read("wide.jpg", 1, &error);
    cr_assert_not_null(wide, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(wide), CT_SHAPE(1, 4, 3000)), "half its size");
    cr_expect_float_eq(ct_tensor_at(wide, 1500), 0, 0.03);
    ct_tensor_release(wide);
}

/* Four inks, as light that passes: 255 is no ink. turbojpeg stores them as YCCK; the same numbers, said to be CMYK, are other colours. */
Test(decode, jpeg_of_inks)
{
    static const struct {
        uint8_t ink[4];
        double rgb[3], grey;
    } wanted[] = {
        { { 255, 255, 255, 255 }, { 255, 255, 255 }, 255 }, { { 255, 0, 0, 255 }, { 255, 0, 0 }, 76 },
        { { 0, 255, 0, 255 }, { 0, 255, 0 }, 150 },         { { 0, 0, 255, 128 }, { 0, 0, 128 }, 15 },
        { { 255, 255, 255, 0 }, { 0, 0, 0 }, 0 },
    };
    ct_error error = { CT_OK, "" };
    uint8_t *bytes = NULL;
    unsigned long size = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        uint8_t pixels[16 * 16][4];
        for (int p = 0; p < 256; p++)
            memcpy(pixels[p], wanted[i].ink, 4);
        for (int flags = 0; flags <= TJFLAG_PROGRESSIVE; flags += TJFLAG_PROGRESSIVE) {
            tjhandle handle = tjInitCompress(); /* anew: a progressive file leaves its codes to the next */
            cr_assert_eq(tjCompress2(handle, pixels[0], 16, 0, 16, TJPF_CMYK, &bytes, &size, TJSAMP_444, 100, flags), 0);
            ct_tensor *colour = ct_image_parse(bytes, size, 3, &error), *grey = ct_image_parse(bytes, size, 1, &error);
            cr_assert(colour != NULL && grey != NULL && ct_tensor_count(colour) == 768 && ct_tensor_count(grey) == 256, "%s",
                      error.message);
            for (int p = 0; p < 256; p++) {
                for (int c = 0; c < 3; c++)
                    cr_expect_float_eq(ct_tensor_at(colour, c * 256 + p), wanted[i].rgb[c] / 127.5 - 1, 0.03, "%zu, %d", i, c);
                cr_expect_float_eq(ct_tensor_at(grey, p), wanted[i].grey / 127.5 - 1, 0.03, "%zu", i);
            }
            ct_tensor_release(colour), ct_tensor_release(grey), tjFree(bytes), tjDestroy(handle);
            bytes = NULL;
        }
    }

    tjhandle handle = tjInitCompress();
    cr_assert_eq(tjCompress2(handle, (uint8_t[4]){ 255, 255, 255, 255 }, 1, 0, 1, TJPF_CMYK, &bytes, &size, TJSAMP_444, 100, 0),
                 0);
    uint8_t *adobe = memmem(bytes, size, "Adobe", 5), *frame = memmem(bytes, size, "\xff\xc0", 2);
    cr_assert(adobe != NULL && adobe[11] == 2 && frame != NULL);
    adobe[11] = 0; /* not YCCK: cyan 0 (what was luminance), magenta and yellow 128 (no chroma) */
    ct_tensor *colour = ct_image_parse(bytes, size, 3, &error);
    cr_assert_not_null(colour, "%s", error.message);
    for (int c = 0; c < 3; c++)
        cr_expect_float_eq(ct_tensor_at(colour, c), c == 0 ? -1 : 128 / 127.5 - 1, 0.03, "%d", c);
    ct_tensor_release(colour);
    frame[5] = frame[7] = 16, frame[6] = frame[8] = 0; /* 4,096 × 4,096 */
    cr_expect_null(ct_image_parse(bytes, size, 3, &error));
    cr_expect_str_eq(error.message, "jpeg: 4096 × 4096 pixels take more than 67108864 bytes to decode");
    tjFree(bytes), tjDestroy(handle);
}

/* Fill bytes before a marker are allowed; other bytes between markers are not, though libjpeg would search on. */
Test(decode, jpeg_between_its_markers)
{
    make_jpeg("a.jpg", 16, 16, 0);
    size_t size;
    uint8_t *bytes = read_bytes("a.jpg", &size), *more = malloc(size + 2);
    ct_tensor *plain = ct_image_parse(bytes, size, 1, NULL);
    ct_error error = { CT_OK, "" };
    for (int fill = 0; fill < 2; fill++) {
        memcpy(more, bytes, 20); /* SOI and APP0 */
        memset(more + 20, fill ? 0xff : 0x55, 2);
        memcpy(more + 22, bytes + 20, size - 20);
        ct_tensor *image = ct_image_parse(more, size + 2, 1, &error);
        cr_assert_eq(image != NULL, fill == 1, "%s", error.message);
        cr_expect(!fill || memcmp(ct_tensor_data(image), ct_tensor_data(plain), 1024) == 0);
        ct_tensor_release(image);
    }
    cr_expect_str_eq(error.message, "jpeg: its markers do not lead to a frame and a scan");
    static const uint8_t markers[][12] = {
        { 0xff, 0xd8, 0xff, 0x01, 0, 4 }, { 0xff, 0xd8, 0xff, 0xd0, 0, 4 }, { 0xff, 0xd8, 0xff, 0xe0, 0, 1 }, /* without a length; too short */
        { 0xff, 0xd8, 0xff, 0xda, 0, 8, 1 }, { 0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff },                         /* a scan first; no end */
    };
    for (size_t i = 0; i < sizeof markers / sizeof *markers; i++) {
        cr_expect_null(ct_image_parse(markers[i], sizeof markers[i], 1, &error));
        cr_expect_str_eq(error.message, "jpeg: its markers do not lead to a frame and a scan");
    }
    ct_tensor_release(plain), free(bytes), free(more);
}

Test(decode, jpeg_damage)
{
    make_jpeg("a.jpg", 16, 16, 0), make_jpeg("b.jpg", 16, 16, TJFLAG_PROGRESSIVE);
    size_t size;
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes = read_bytes(i == 0 ? "a.jpg" : "b.jpg", &size);
        for (size_t cut = 0; cut + 2 < size; cut++) /* the end marker may be missing */
            cr_expect_null(ct_image_parse(bytes, cut, 1, NULL));
        for (size_t at = 0; at < size; at++)
            for (int bit = 0; bit < 8; bit++) {
                bytes[at] ^= (uint8_t)(1 << bit);
                ct_tensor_release(ct_image_parse(bytes, size, 3, NULL));
                bytes[at] ^= (uint8_t)(1 << bit);
            }
        free(bytes);
    }
}

/* Memory through the library's allocator: what is out, and the most that ever was. */
static struct {
    size_t now, most;
} memory;

static void *take(void *context, size_t size)
{
    (void)context;
    memory.now += size;
    memory.most = memory.now > memory.most ? memory.now : memory.most;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void give(void *context, void *block, size_t size)
{
    (void)context;
    memory.now -= size;
    free(block);
}

static long resident_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

enum { CEILING = 64 << 20 };

/* What is decoded, or refused, stays below 64 MiB: for PNG counted, for libjpeg-turbo by what the process holds. */
Test(decode, decoders_are_bounded)
{
    const ct_source_options small = { .channels = 3, .size = 8 };
    float to[3 * 64];
    ct_error error = { CT_OK, "" };
    size_t size;
    uint8_t *flat = calloc(3000, 3000);
    cr_assert_eq(ct_png_write("large.png", 3000, 3000, 1, flat, NULL), CT_OK);
    cr_assert_eq(ct_png_write("larger.png", 4096, 2196, 1, flat, NULL), CT_OK);
    uint8_t *bytes = read_bytes("larger.png", &size);
    bytes[24] = 16, bytes[25] = 6; /* as 16-bit RGBA, with an eighth of its data: 72 MB are asked for first */
    write_bytes("promises.png", bytes, size);
    free(bytes), free(flat);
    make_jpeg("large.jpg", 3600, 2400, TJFLAG_PROGRESSIVE);

    ct_set_allocator(&(ct_allocator){ take, give, NULL });
    ct_source *source = ct_source_folder(".", &small, NULL);
    cr_assert(source != NULL && ct_source_count(source) == 4);
    const long before = resident_kilobytes();
    cr_expect_eq(ct_source_read(source, 0, to, &error), CT_OK, "%s", error.message); /* large.jpg */
    const long grown = resident_kilobytes() - before;
#ifdef __SANITIZE_ADDRESS__
    (void)grown; /* its own bookkeeping counts there */
#else
    cr_expect(grown < CEILING / 1024, "large.jpg took %ld KiB", grown);
#endif
    memory.most = memory.now;
    for (int64_t i = 1; i < 4; i++) {
        ct_status status = ct_source_read(source, i, to, &error);
        char name[32];
        bool promises = strcmp(ct_source_name(source, i, name, sizeof name), "./promises.png") == 0;
        cr_expect_eq(status, promises ? CT_BAD_FORMAT : CT_OK, "%s: %s", name, error.message);
    }
    cr_expect(strstr(error.message, "take more than 67108864 bytes to decode") != NULL, "%s", error.message);
    cr_expect(memory.most < CEILING + (1 << 20), "%zu bytes", memory.most);
    ct_source_free(source);
    ct_set_allocator(NULL);

    make_jpeg("b.jpg", 16, 16, TJFLAG_PROGRESSIVE);
    bytes = read_bytes("b.jpg", &size);
    for (size_t i = 0; i + 8 < size; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == 0xc2)
            bytes[i + 5] = bytes[i + 7] = 0x7f; /* 32,528 × 32,528 */
    cr_expect_null(ct_image_parse(bytes, size, 1, &error));
    cr_expect(strstr(error.message, "in several scans take more than") != NULL, "%s", error.message);
    free(bytes);

    cr_assert_eq(ct_png_write("a.png", 1, 1, 1, (uint8_t[]){ 255 }, NULL), CT_OK);
    bytes = read_bytes("a.png", &size);
    bytes[18] = bytes[22] = 0x10; /* 4,097 × 4,097; stb_image checks no CRC */
    cr_expect_null(ct_image_parse(bytes, size, 1, &error));
    cr_expect_eq(error.status, CT_BAD_FORMAT);
    cr_expect_str_eq(error.message, "png: 4097 × 4097 pixels; sides up to 4096 are read");
    bytes[18] = 0;
    cr_expect_null(ct_image_parse(bytes, size, 1, &error));
    cr_expect_str_eq(error.message, "png: 1 × 4097 pixels; sides up to 4096 are read");
    bytes[12] = 'J';
    cr_expect_null(ct_image_parse(bytes, size, 1, &error));
    cr_expect_eq(strstr(error.message, "pixels"), NULL, "%s", error.message);
    free(bytes);
}
