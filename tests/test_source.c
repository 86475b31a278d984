/* Sources of images: folders, IDX, CIFAR-10, .npy and tensors, and what is none. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"
#include "pictures.h"

TestSuite(source, .init = into_a_folder, .fini = remove_the_folder);

static double first_of(const ct_source *source, int64_t index)
{
    float to[3 * 64];
    ct_error error = { CT_OK, "" };
    cr_assert_eq(ct_source_read(source, index, to, &error), CT_OK, "%s", error.message);
    return (double)to[0];
}

Test(source, a_folder_and_the_folders_in_it)
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
Test(source, a_folder_with_links)
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
Test(source, folders_of_many_images_and_long_paths)
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

Test(source, idx_cifar_and_npy_are_recognised)
{
    ct_error error = { CT_OK, "" };
    char name[64];
    static const uint8_t idx[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 51, 255 };
    cr_assert(mkdir("mnist", 0777) == 0 && mkdir("cifar", 0777) == 0);
    write_bytes("mnist/train-images-idx3-ubyte", idx, sizeof idx);
    cr_assert(mkdir("FashionMNIST", 0777) == 0 && mkdir("FashionMNIST/raw", 0777) == 0);
    write_bytes("FashionMNIST/raw/train-images-idx3-ubyte.gz", idx, sizeof idx); /* a file of that name need not be compressed */
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
        { "FashionMNIST", "train-images-idx3-ubyte.gz, image 1", 2, -0.6, 1 },
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

Test(source, sources_refuse)
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

Test(source, npy_of_floats)
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

    static const double beyond[] = { 1.0625, -1.0625, 255, INFINITY };
    for (int i = 0; i < 4; i++) {
        char sentence[120];
        x = ct_tensor_from(CT_F64, CT_SHAPE(1, 2, 2), (double[]){ -1, NAN, beyond[i], 1 });
        cr_assert_eq(ct_npy_write("x.npy", x, NULL), CT_OK);
        cr_expect_null(ct_source_open("x.npy", &grey4, &error));
        snprintf(sentence, sizeof sentence,
                 "x.npy: npy: a value of %g; images are bytes (uint8) of 0 … 255, or other numbers of -1 … 1", beyond[i]);
        cr_expect_str_eq(error.message, sentence);
        ct_tensor_release(x);
    }

    static const char fortran[] = "\x93NUMPY\1\0\x3d\0{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1, 2), }" "ab";
    write_bytes("fortran.npy", fortran, sizeof fortran - 1);
    cr_expect_null(ct_source_npy("fortran.npy", &grey4, &error));
    cr_expect_str_eq(error.message, "fortran.npy: npy: images of bytes in Fortran order are not read");
}
