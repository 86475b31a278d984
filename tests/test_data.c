/* Sources of images, resampling, and the loader: order, resumption, and what is left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <turbojpeg.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(data, .init = into_a_folder, .fini = remove_the_folder);

/* ---- resampling ---- */

static double sinc(double x) { return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x); }

/* By the definition, in two dimensions at once. */
static double lanczos_at(const float *image, int h, int w, int to_h, int to_w, int row, int column)
{
    double down = (double)h / to_h, across = (double)w / to_w, fy = fmax(1, down), fx = fmax(1, across), sum = 0, total = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double dy = (y + 0.5 - (row + 0.5) * down) / fy, dx = (x + 0.5 - (column + 0.5) * across) / fx;
            if (fabs(dy) >= 3 || fabs(dx) >= 3)
                continue;
            double weight = sinc(dy) * sinc(dy / 3) * sinc(dx) * sinc(dx / 3);
            sum += weight * (double)image[y * w + x], total += weight;
        }
    return fmax(-1, fmin(1, sum / total));
}

Test(data, lanczos_is_its_definition)
{
    static const int sizes[][4] = { { 9, 13, 4, 5 }, { 5, 4, 11, 9 }, { 16, 3, 4, 8 }, { 1, 1, 3, 2 }, { 7, 7, 7, 7 }, { 20, 20, 1, 1 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int h = sizes[i][0], w = sizes[i][1], to_h = sizes[i][2], to_w = sizes[i][3];
        ct_random random = { .seed = i };
        ct_tensor *image = ct_tensor_empty(CT_F32, CT_SHAPE(1, h, w));
        ct_uniform(image, -1, 1, &random);
        ct_tensor *small = ct_image_resize(image, to_h, to_w, CT_LANCZOS, NULL);
        for (int at = 0; at < to_h * to_w; at++)
            cr_expect_float_eq(ct_tensor_at(small, at), lanczos_at(ct_tensor_data(image), h, w, to_h, to_w, at / to_w, at % to_w), 2e-6);
        ct_tensor_release(image), ct_tensor_release(small);
    }
}

Test(data, area_keeps_the_mean)
{
    ct_random random = { .seed = 1 };
    ct_tensor *image = ct_tensor_empty(CT_F32, CT_SHAPE(3, 7, 11));
    ct_uniform(image, -1, 1, &random);
    ct_tensor *sized = ct_image_resize(image, 5, 4, CT_AREA, NULL);
    for (int c = 0; c < 3; c++) {
        double mean = 0, other = 0;
        for (int i = 0; i < 77; i++)
            mean += ct_tensor_at(image, 77 * c + i) / 77;
        for (int i = 0; i < 20; i++)
            other += ct_tensor_at(sized, 20 * c + i) / 20;
        cr_expect_float_eq(mean, other, 1e-6);
    }
    cr_expect_null(ct_image_resize(image, 0, 4, CT_AREA, NULL));
    cr_expect_null(ct_image_resize(image, 4, 5000, CT_AREA, NULL));
    cr_expect_null(ct_image_resize(NULL, 4, 4, CT_AREA, NULL));
    ct_tensor_release(image), ct_tensor_release(sized);
}

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

Test(data, jpeg_plain_and_progressive)
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

/* Fill bytes before a marker are allowed; other bytes between markers are not, though libjpeg would search on. */
Test(data, jpeg_between_its_markers)
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

Test(data, jpeg_damage)
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
Test(data, decoders_are_bounded)
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
    free(bytes);
}

/* ---- sources ---- */

static const ct_source_options grey4 = { .channels = 1, .size = 4 };

static double first_of(const ct_source *source, int64_t index)
{
    float to[3 * 64];
    ct_error error = { CT_OK, "" };
    cr_assert_eq(ct_source_read(source, index, to, &error), CT_OK, "%s", error.message);
    return (double)to[0];
}

static void make_png(const char *path, uint8_t value)
{
    cr_assert_eq(ct_png_write(path, 1, 1, 1, &value, NULL), CT_OK);
}

Test(data, a_folder_and_the_folders_in_it)
{
    ct_error error = { CT_OK, "" };
    char name[64];
    cr_assert(mkdir("p", 0777) == 0 && mkdir("p/b", 0777) == 0 && mkdir("p/.hidden", 0777) == 0);
    cr_expect_null(ct_source_open("p", &grey4, &error));
    cr_expect_str_eq(error.message, "p holds no PNG or JPEG");
    make_png("p/a.png", 0), make_png("p/b/x.PNG", 255), make_png("p/c.png", 51), make_png("p/.d.png", 9), make_png("p/.hidden/e.png", 9);
    make_png("p/notes.txt", 1);
    ct_source *source = ct_source_open("p", &grey4, &error);
    cr_assert_not_null(source, "%s", error.message);
    cr_expect_eq(ct_source_count(source), 3);
    cr_expect(ct_shape_equal(ct_source_shape(source), CT_SHAPE(1, 4, 4)));
    cr_expect_str_eq(ct_source_name(source, 1, name, sizeof name), "p/b/x.PNG");
    cr_expect(first_of(source, 0) == -1 && first_of(source, 1) == 1);
    cr_expect_float_eq(first_of(source, 2), -0.6, 1e-6);
    cr_expect_eq(ct_source_read(source, 3, (float[16]){ 0 }, NULL), CT_BAD_ARGUMENT);
    unlink("p/a.png");
    cr_expect_eq(ct_source_read(source, 0, (float[16]){ 0 }, NULL), CT_IO_ERROR);
    ct_source_free(source);
    cr_expect_null(ct_source_folder("nowhere", &grey4, &error));
    cr_expect_str_eq(error.message, "cannot list nowhere: No such file or directory");
    cr_expect_null(ct_source_folder("p/c.png", &grey4, &error));
    cr_expect_str_eq(error.message, "cannot list p/c.png: Not a directory");
    cr_expect_null(ct_source_open("nowhere", &grey4, NULL));
    cr_expect_null(ct_source_open("p", &(ct_source_options){ .channels = 2, .size = 4 }, NULL));
    cr_expect_null(ct_source_open("p", &(ct_source_options){ .size = 0 }, NULL));
    cr_expect_null(ct_source_open("p", NULL, NULL));
    cr_expect_null(ct_source_open("p", &(ct_source_options){ .size = 4097 }, NULL));
    cr_expect_null(ct_source_open("p", &(ct_source_options){ .size = 4, .filter = 9 }, NULL));
    ct_source_free(NULL);
}

/* Links lead on, but not round; what is no picture, or nothing, is left out. */
Test(data, a_folder_with_links)
{
    ct_error error = { CT_OK, "" };
    cr_assert(mkdir("p", 0777) == 0 && mkdir("p/b", 0777) == 0 && mkdir("p/folder.png", 0777) == 0);
    make_png("p/b/x.png", 1), make_png("p/picture", 1), make_png("p/a.jpx", 1);
    cr_assert(symlink("../../p", "p/b/round") == 0 && symlink("b/x.png", "p/a.png") == 0 && symlink("nothing", "p/broken.png") == 0 &&
              symlink("self.png", "p/self.png") == 0 && symlink("/proc/self/attr", "p/elsewhere") == 0 && mkfifo("p/pipe.png", 0666) == 0);
    ct_source *source = ct_source_open("p/", &grey4, &error);
    cr_assert_not_null(source, "%s", error.message);
    char name[64];
    cr_expect_eq(ct_source_count(source), 2);
    cr_expect_str_eq(ct_source_name(source, 0, name, sizeof name), "p/a.png");
    cr_expect_str_eq(ct_source_name(source, 1, name, sizeof name), "p/b/x.png");
    cr_expect_eq(ct_source_read(NULL, 0, (float[16]){ 0 }, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_source_read(source, 0, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_source_read(source, -1, (float[16]){ 0 }, NULL), CT_BAD_ARGUMENT);
    ct_source_free(source);
}

/* Paths as long as they may be, and longer. */
Test(data, folders_of_many_images_and_long_paths)
{
    ct_error error = { CT_OK, "" };
    char path[5000] = "many", name[64];
    cr_assert(mkdir("many", 0777) == 0);
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "many/%d.png", i);
        write_bytes(name, "", 0);
    }
    ct_source *source = ct_source_open("many", &grey4, &error);
    cr_assert(source != NULL && ct_source_count(source) == 600, "%s", error.message);
    cr_expect_str_eq(ct_source_name(source, 599, name, sizeof name), "many/99.png");
    cr_expect_eq(ct_source_read(source, 0, (float[16]){ 0 }, NULL), CT_BAD_FORMAT);
    ct_source_free(source);

    while (strlen(path) < 4084)
        strcat(path, "/.");
    source = ct_source_open(path, &grey4, &error);
    cr_expect(source != NULL && ct_source_count(source) == 600, "%s", error.message);
    ct_source_free(source);
    strcat(path, "/./.");
    cr_expect_null(ct_source_open(path, &grey4, &error));
    cr_expect(strstr(error.message, "File name too long") != NULL, "%s", error.message);
    while (strlen(path) < 4990)
        strcat(path, "/.");
    cr_expect_null(ct_source_open(path, &grey4, &error));
    cr_expect_null(ct_source_folder(path, &grey4, &error));
    cr_expect(strstr(error.message, "cannot list many/./.") != NULL, "%s", error.message);
}

Test(data, idx_cifar_and_npy_are_recognised)
{
    ct_error error = { CT_OK, "" };
    char name[64];
    static const uint8_t idx[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 51, 255 };
    cr_assert(mkdir("mnist", 0777) == 0 && mkdir("cifar", 0777) == 0);
    write_bytes("mnist/train-images-idx3-ubyte", idx, sizeof idx);
    uint8_t *records = calloc(1, 3073);
    records[1] = 255;
    write_bytes("cifar/data_batch_1.bin", records, 3073);
    records[1] = 51;
    write_bytes("cifar/data_batch_3.bin", records, 3073);
    static const char header[] = "\x93NUMPY\x01\0\x47\0{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2, 3), }";
    uint8_t npy[10 + 0x47 + 12];
    memset(npy, ' ', sizeof npy);
    memcpy(npy, header, sizeof header - 1);
    memcpy(npy + 10 + 0x47, (uint8_t[]){ 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0 }, 12); /* red, green; blue, black */
    write_bytes("colours.npy", npy, sizeof npy);

    static const struct {
        const char *path, *name; /* of the last image */
        int64_t count;
        double first, last; /* of the first values of the first and the last image */
    } good[] = {
        { "mnist", "train-images-idx3-ubyte, image 1", 2, -0.6, 1 },
        { "mnist/train-images-idx3-ubyte", "train-images-idx3-ubyte, image 1", 2, -0.6, 1 },
        { "cifar", "data_batch_3.bin, image 0", 2, 1, -0.6 },
        { "cifar/data_batch_1.bin", "data_batch_1.bin, image 0", 1, 1, 1 },
        { "colours.npy", "colours.npy, image 0", 1, 1, 1 },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t size = strcmp(good[i].path, "colours.npy") == 0 ? 2 : strncmp(good[i].path, "cifar", 5) == 0 ? 32 : 1;
        ct_source *source = ct_source_open(good[i].path, &(ct_source_options){ .channels = 3, .size = size }, &error);
        cr_assert_not_null(source, "%s", error.message);
        cr_expect_eq(ct_source_count(source), good[i].count, "%s", good[i].path);
        float to[3 * 32 * 32];
        cr_assert_eq(ct_source_read(source, 0, to, NULL), CT_OK);
        cr_expect_float_eq((double)to[0], good[i].first, 1e-6, "%s", good[i].path);
        cr_assert_eq(ct_source_read(source, good[i].count - 1, to, NULL), CT_OK);
        cr_expect_float_eq((double)to[0], good[i].last, 1e-6, "%s", good[i].path);
        cr_expect_str_eq(ct_source_name(source, good[i].count - 1, name, sizeof name), good[i].name);
        ct_source_free(source);
    }

    /* As grey: red is 0.299 white and 0.701 black; green 0.587 white. */
    float to[12];
    ct_source *source = ct_source_npy("colours.npy", &(ct_source_options){ .channels = 1, .size = 2 }, &error);
    cr_assert_eq(ct_source_read(source, 0, to, NULL), CT_OK);
    cr_expect_float_eq((double)to[0], 0.299 - 0.701, 1e-6);
    cr_expect_float_eq((double)to[1], 0.587 - 0.413, 1e-6);
    ct_source_free(source);
    source = ct_source_npy("colours.npy", &(ct_source_options){ .channels = 3, .size = 2 }, &error);
    cr_assert_eq(ct_source_read(source, 0, to, NULL), CT_OK);
    for (int i = 0; i < 12; i++)
        cr_expect_eq(to[i], i == 0 || i == 5 || i == 10 ? 1 : -1);
    ct_source_free(source);
    free(records);
}

Test(data, sources_refuse)
{
    ct_error error = { CT_OK, "" };
    static const uint8_t labels[] = { 0, 0, 8, 1, 0, 0, 0, 1, 7 }, shorts[] = { 0, 0, 0x0b, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1 };
    write_bytes("labels", labels, sizeof labels), write_bytes("shorts", shorts, sizeof shorts), write_bytes("text", "hello", 5);
    cr_expect_null(ct_source_open("labels", &grey4, &error));
    cr_expect_str_eq(error.message, "labels: idx: an array (1,) is not images (n, h, w), (n, c, h, w) or (n, h, w, c) of 1 or 3 channels");
    cr_expect_null(ct_source_idx("shorts", &grey4, &error));
    cr_expect_str_eq(error.message, "shorts: idx: images are bytes; these are elements of type 0x0b");
    cr_expect_null(ct_source_open("text", &grey4, &error));
    cr_expect_str_eq(error.message, "text: not a folder of images, IDX (.gz), CIFAR-10 (.bin) or .npy");
    cr_expect_null(ct_source_cifar10(1, (const char *[]){ "text" }, &grey4, &error));
    cr_expect_str_eq(error.message, "text: cifar10: 5 bytes are not records of 3073");
    cr_expect_null(ct_source_cifar10(0, NULL, &grey4, NULL));
    cr_expect_null(ct_source_cifar10(9, (const char *[9]){ NULL }, &grey4, NULL));
    cr_expect_null(ct_source_cifar10(1, NULL, &grey4, NULL));
    cr_expect_null(ct_source_cifar10(2, (const char *[]){ "text", "shorts" }, &grey4, &error));
    cr_expect_str_eq(error.message, "text: cifar10: 5 bytes are not records of 3073");
    cr_expect_null(ct_source_cifar10(2, (const char *[]){ "nowhere", "shorts" }, &grey4, &error));
    cr_expect_null(ct_source_idx("text", &grey4, &error));
    cr_expect_str_eq(error.message, "text: idx: the file does not begin with two zero bytes");
    const ct_shape shapes[] = { CT_SHAPE(2, 2, 4, 4), CT_SHAPE(2, 4, 4), CT_SHAPE(0, 1, 4, 4), CT_SHAPE(1, 4, 4, 2), CT_SHAPE(1, 1, 4097, 1),
                                CT_SHAPE(1, 1, 1, 4097) };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ct_tensor *other = ct_tensor_ones(CT_F32, shapes[i]);
        cr_expect_null(ct_source_tensor(other, &grey4, &error));
        ct_tensor_release(other);
    }
    cr_expect_str_eq(error.message, "tensor: images of 4097 × 1; sides up to 4096 are read");
    ct_tensor *pixels = ct_tensor_ones(CT_F32, CT_SHAPE(2, 4, 4, 1)), *wide = ct_tensor_ones(CT_F64, CT_SHAPE(1, 1, 4, 4));
    ct_source *source = ct_source_tensor(pixels, &grey4, &error);
    cr_expect(source != NULL && ct_source_count(source) == 2 && first_of(source, 1) == 1, "%s", error.message);
    ct_source_free(source);
    cr_expect_null(ct_source_tensor(pixels, NULL, NULL));
    cr_expect_null(ct_source_tensor(wide, &grey4, NULL));
    ct_tensor_release(pixels), ct_tensor_release(wide);
    cr_expect_null(ct_source_tensor(NULL, &grey4, NULL));
    cr_expect_null(ct_source_open(NULL, &grey4, NULL));
    cr_expect_null(ct_source_folder("", &grey4, NULL));
    cr_expect_null(ct_source_folder(NULL, &grey4, NULL));
    cr_expect_null(ct_source_idx(NULL, &grey4, NULL));
    cr_expect_null(ct_source_npy(NULL, &grey4, NULL));
    cr_expect_null(ct_source_npy("text", &grey4, &error));
    cr_expect_str_eq(error.message, "text: npy: not a file of version 1.0, 2.0 or 3.0");
}

Test(data, npy_of_floats)
{
    ct_error error = { CT_OK, "" };
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2, 3, 1, 1), (double[]){ 0.5, 0.25, -1, 0, 1, -0.5 });
    cr_assert_eq(ct_npy_write("x.npy", x, NULL), CT_OK);
    ct_source *source = ct_source_open("x.npy", &(ct_source_options){ .size = 1 }, &error);
    cr_assert(source != NULL && ct_source_count(source) == 2, "%s", error.message);
    for (int64_t i = 0; i < 2; i++) {
        float to[3];
        cr_assert_eq(ct_source_read(source, i, to, NULL), CT_OK);
        for (int c = 0; c < 3; c++)
            cr_expect_eq((double)to[c], ct_tensor_at(x, 3 * i + c));
    }
    ct_source_free(source), ct_tensor_release(x);

    static const char fortran[] = "\x93NUMPY\1\0\x3d\0{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1, 2), }" "ab";
    write_bytes("fortran.npy", fortran, sizeof fortran - 1);
    cr_expect_null(ct_source_npy("fortran.npy", &grey4, &error));
    cr_expect_str_eq(error.message, "fortran.npy: npy: images of bytes in Fortran order are not read");
}

/* ---- the loader ---- */

/* Image i is 2 × 2 with i, i + ½ in each row, all divided by 128. */
static ct_source *numbered(int64_t count)
{
    ct_tensor *images = ct_tensor_empty(CT_F32, CT_SHAPE(count, 1, 2, 2));
    float *value = ct_tensor_data_mutable(images);
    for (int64_t i = 0; i < 4 * count; i++)
        value[i] = ((float)(i / 4) + (i % 2 ? 0.5f : 0)) / 128;
    ct_source *source = ct_source_tensor(images, &(ct_source_options){ .channels = 1, .size = 2 }, NULL);
    ct_tensor_release(images);
    cr_assert_not_null(source);
    return source;
}

static ct_loader *loader_new(const ct_source *source, ct_loader_options options)
{
    ct_error error = { CT_OK, "" };
    ct_loader *loader = ct_loader_new(source, &options, &error);
    cr_assert_not_null(loader, "%s", error.message);
    return loader;
}

static ct_tensor *next(ct_loader *loader)
{
    ct_error error = { CT_OK, "" };
    ct_tensor *batch = ct_loader_next(loader, &error);
    cr_assert_not_null(batch, "%s", error.message);
    return batch;
}

Test(data, the_order_is_the_permutation_of_seed_and_epoch)
{
    ct_source *source = numbered(10);
    for (int drop = 0; drop < 2; drop++) {
        ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 4, .seed = 7, .stream = 2, .drop_last = drop });
        for (uint32_t epoch = 0; epoch < 3; epoch++) {
            int64_t order[10], seen = 0;
            ct_permutation(order, 10, &(ct_random){ .seed = 7, .stream = 2, .epoch = epoch });
            for (int b = 0; b < (drop ? 2 : 3); b++) {
                ct_tensor *batch = next(loader);
                cr_expect_eq(ct_tensor_size(batch, 0), b < 2 ? 4 : 2);
                for (int64_t i = 0; i < ct_tensor_size(batch, 0); i++)
                    cr_expect_eq(ct_tensor_at(batch, 4 * i), (double)order[seen++] / 128);
                ct_tensor_release(batch);
                ct_loader_position position = ct_loader_tell(loader);
                cr_expect(b < 2 ? position.epoch == epoch && position.index == 4 * (b + 1) : position.epoch == epoch + 1 && position.index == 0);
            }
        }
        ct_loader_free(loader);
    }
    ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 100, .in_order = true });
    ct_tensor *all = next(loader);
    cr_expect(ct_tensor_size(all, 0) == 10 && ct_tensor_at(all, 36) == 9.0 / 128);
    ct_tensor_release(all);
    ct_loader_free(loader), ct_source_free(source);
}

Test(data, threads_change_nothing_and_any_position_resumes)
{
    enum { BATCHES = 40, VALUES = 3 * 4 };
    float first[BATCHES][VALUES];
    ct_loader_position position[BATCHES];
    ct_source *source = numbered(13);
    for (int threads = 1; threads <= 8; threads++) {
        ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 3, .seed = 5, .flip = true, .drop_last = true, .threads = threads });
        for (int b = 0; b < BATCHES; b++) {
            if (threads == 1)
                position[b] = ct_loader_tell(loader);
            ct_tensor *batch = next(loader);
            if (threads == 1)
                memcpy(first[b], ct_tensor_data(batch), sizeof first[b]);
            cr_expect(memcmp(first[b], ct_tensor_data(batch), sizeof first[b]) == 0);
            ct_tensor_release(batch);
        }
        for (int b = BATCHES - 1; b >= 0; b--) {
            cr_assert_eq(ct_loader_seek(loader, position[b], NULL), CT_OK);
            ct_tensor *batch = next(loader);
            cr_expect(memcmp(first[b], ct_tensor_data(batch), sizeof first[b]) == 0, "batch %d", b);
            ct_tensor_release(batch);
        }
        cr_assert_eq(ct_loader_seek(loader, (ct_loader_position){ 6, 13 }, NULL), CT_OK); /* an epoch's end is the next one's beginning */
        cr_expect(ct_loader_tell(loader).epoch == 7 && ct_loader_tell(loader).index == 0);
        cr_expect_eq(ct_loader_seek(loader, (ct_loader_position){ 0, 14 }, NULL), CT_BAD_ARGUMENT);
        cr_expect_eq(ct_loader_seek(loader, (ct_loader_position){ 0, -1 }, NULL), CT_BAD_ARGUMENT);
        ct_loader_free(loader);
    }
    ct_source_free(source);
}

/* What the loader gives, into one batch that is used again and again. */
Test(data, a_batch_can_be_filled)
{
    ct_error error = { CT_OK, "" };
    ct_source *source = numbered(13);
    const ct_loader_options options = { .batch = 3, .seed = 5, .flip = true, .drop_last = true };
    ct_loader *loader = loader_new(source, options), *other = loader_new(source, options);
    ct_tensor *batch = ct_tensor_zeros(CT_F32, CT_SHAPE(3, 1, 2, 2)), *four = ct_tensor_zeros(CT_F32, CT_SHAPE(4, 1, 2, 2));
    for (int b = 0; b < 20; b++) {
        ct_tensor *expected = next(other);
        cr_assert(ct_shape_equal(ct_tensor_shape(batch), ct_tensor_shape(expected)));
        cr_assert_eq(ct_loader_fill(loader, batch, &error), CT_OK, "%s", error.message);
        cr_expect(memcmp(ct_tensor_data(batch), ct_tensor_data(expected), 48) == 0, "batch %d", b);
        cr_expect(ct_loader_tell(loader).epoch == ct_loader_tell(other).epoch && ct_loader_tell(loader).index == ct_loader_tell(other).index);
        ct_tensor_release(expected);
    }
    cr_expect_eq(ct_loader_fill(loader, four, &error), CT_BAD_SHAPE);
    cr_expect_str_eq(error.message, "loader: the batch to fill is float32 (4, 1, 2, 2); it needs 3 float32 images of (1, 2, 2)");
    ct_tensor *wide = ct_tensor_zeros(CT_F64, CT_SHAPE(3, 1, 2, 2));
    cr_expect_eq(ct_loader_fill(loader, wide, &error), CT_BAD_SHAPE);
    ct_tensor_release(wide);
    cr_expect_eq(ct_loader_fill(loader, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_loader_fill(NULL, batch, NULL), CT_BAD_ARGUMENT);
    ct_loader_free(loader), ct_loader_free(other);
    loader = loader_new(source, (ct_loader_options){ .batch = 3 });
    cr_expect_eq(ct_loader_fill(loader, batch, &error), CT_BAD_ARGUMENT, "its last batch is smaller");
    ct_loader_free(loader), ct_source_free(source);
    ct_tensor_release(batch), ct_tensor_release(four);
}

Test(data, flips_follow_philox)
{
    ct_source *source = numbered(50);
    ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 50, .seed = 3, .stream = 9, .in_order = true, .flip = true });
    int flips = 0;
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        ct_tensor *batch = next(loader);
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t word[4];
            ct_philox((uint32_t[]){ i, 1, 9, epoch }, (uint32_t[]){ 3, 0 }, word);
            bool flip = word[0] & 1;
            cr_expect_eq(ct_tensor_at(batch, 4 * i), (i + (flip ? 0.5 : 0)) / 128);
            cr_expect_eq(ct_tensor_at(batch, 4 * i + 3), (i + (flip ? 0 : 0.5)) / 128);
            flips += flip;
        }
        ct_tensor_release(batch);
    }
    cr_expect(flips > 25 && flips < 75);
    ct_loader_free(loader), ct_source_free(source);
}

struct log {
    int count;
    char names[200];
};

static void note(void *context, const char *name, const ct_error *why)
{
    struct log *log = context;
    log->count++;
    snprintf(log->names + strlen(log->names), sizeof log->names - strlen(log->names), "%s:%d ", name, why->status);
}

Test(data, what_cannot_be_read_is_left_out_and_named)
{
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.png", i);
        make_png(name, (uint8_t)(i * 10));
    }
    write_bytes("2.png", "\x89PNG\r\n\x1a\n and nonsense", 21);
    write_bytes("5.jpg", "\xff\xd8\xff\xe0 nonsense", 13);
    ct_source *source = ct_source_folder(".", &grey4, NULL);
    cr_assert(source != NULL && ct_source_count(source) == 9);
    unlink("7.png");
    struct log log = { 0, "" };
    ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 4, .in_order = true, .skipped = note, .context = &log });
    ct_tensor *batch = next(loader);
    static const int expected[] = { 0, 1, 3, 4 };
    for (int i = 0; i < 4; i++)
        cr_expect_float_eq(ct_tensor_at(batch, 16 * i), expected[i] * 10 / 127.5 - 1, 1e-6);
    ct_tensor_release(batch);
    batch = next(loader);
    cr_expect_eq(ct_tensor_size(batch, 0), 2); /* 5 and 6 */
    ct_tensor_release(batch);
    cr_expect_eq(ct_loader_skipped(loader), 3);
    char names[100];
    snprintf(names, sizeof names, "./2.png:%d ./5.jpg:%d ./7.png:%d ", CT_BAD_FORMAT, CT_BAD_FORMAT, CT_IO_ERROR);
    cr_expect_str_eq(log.names, names);
    ct_loader_free(loader);

    /* Six good ones: no batch of seven, ever; the call ends and says so. */
    ct_error error = { CT_OK, "" };
    loader = loader_new(source, (ct_loader_options){ .batch = 7, .drop_last = true });
    cr_expect_null(ct_loader_next(loader, &error));
    cr_expect(error.status == CT_BAD_FORMAT && strstr(error.message, "of 9 images fewer than the 7 of a batch can be read") != NULL, "%s", error.message);
    ct_tensor *seven = ct_tensor_zeros(CT_F32, CT_SHAPE(7, 1, 4, 4));
    for (int i = 0; i < 2; i++)
        cr_expect_eq(ct_loader_fill(loader, seven, NULL), CT_BAD_FORMAT);
    cr_expect(ct_loader_tell(loader).epoch == 0 && ct_loader_tell(loader).index == 0);
    ct_tensor_release(seven), ct_loader_free(loader);
    cr_expect_null(ct_loader_new(source, &(ct_loader_options){ .batch = 10, .drop_last = true }, NULL));
    cr_expect_null(ct_loader_new(source, &(ct_loader_options){ .batch = 0 }, NULL));
    cr_expect_null(ct_loader_new(NULL, &(ct_loader_options){ .batch = 1 }, NULL));
    cr_expect_null(ct_loader_new(source, &(ct_loader_options){ .batch = 1, .threads = 65 }, NULL));
    cr_expect_null(ct_loader_new(source, &(ct_loader_options){ .batch = 1, .threads = -1 }, NULL));
    cr_expect_null(ct_loader_new(source, NULL, NULL));
    cr_expect_null(ct_loader_next(NULL, NULL));
    cr_expect_eq(ct_loader_seek(NULL, (ct_loader_position){ 0, 0 }, NULL), CT_BAD_ARGUMENT);
    ct_loader_free(NULL);
    ct_source_free(source);
}

Test(data, a_loader_may_close_at_any_time)
{
    ct_source *source = numbered(1000);
    for (int i = 0; i < 30; i++) {
        ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 1 + i, .threads = 1 + i % 8 });
        for (int k = 0; k < i % 4; k++)
            ct_tensor_release(next(loader));
        ct_loader_free(loader);
    }
    ct_source_free(source);
}

/* A failed call leaves the place where it was; also where an epoch ends in images that cannot be read. */
Test(data, a_failed_batch_is_tried_again)
{
    make_png("0.png", 0), make_png("1.png", 255);
    write_bytes("2.png", "nothing", 7);
    ct_source *source = ct_source_folder(".", &grey4, NULL);
    ct_loader *loader = loader_new(source, (ct_loader_options){ .batch = 2, .in_order = true, .threads = 1 });
    for (int epoch = 0; epoch < 3; epoch++) {
        ct_tensor *batch = next(loader);
        cr_expect(ct_tensor_size(batch, 0) == 2 && ct_tensor_at(batch, 0) == -1 && ct_tensor_at(batch, 16) == 1);
        ct_tensor_release(batch);
    }
    ct_loader_free(loader);

    ct_error error = { CT_OK, "" };
    write_bytes("0.png", "nothing", 7), write_bytes("1.png", "nothing", 7);
    loader = loader_new(source, (ct_loader_options){ .batch = 2, .in_order = true });
    cr_expect_null(ct_loader_next(loader, &error));
    cr_expect_str_eq(error.message, "loader: of 3 images fewer than the 2 of a batch can be read");
    make_png("0.png", 0), make_png("2.png", 255);
    ct_tensor *batch = next(loader);
    cr_expect(ct_tensor_size(batch, 0) == 2 && ct_tensor_at(batch, 0) == -1 && ct_tensor_at(batch, 16) == 1);
    ct_tensor_release(batch);
    ct_loader_free(loader), ct_source_free(source);

    source = numbered(300);
    loader = loader_new(source, (ct_loader_options){ .batch = 200, .in_order = true }); /* more than there are places to decode into */
    batch = next(loader);
    cr_expect(ct_tensor_size(batch, 0) == 200 && ct_tensor_at(batch, 4 * 199) == 199.0 / 128);
    ct_tensor_release(batch);
    ct_loader_free(loader), ct_source_free(source);
}
