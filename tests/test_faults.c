/* A file that cannot be written whole, whatever the disk takes of it: the old one stays as it was and nothing else is left. */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(faults, .init = into_a_folder, .fini = remove_the_folder);

enum { FLOATS = 10000, SIDE = 200 };

static ct_error error;

static ct_status write_safetensors(const char *path, int number)
{
    ct_tensor *x = ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number);
    ct_status status = ct_safetensors_write(path, 1, (const char *[]){ "x" }, &x, &error);
    ct_tensor_release(x);
    return status;
}

static ct_status write_npy(const char *path, int number)
{
    ct_tensor *x = ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number);
    ct_status status = ct_npy_write(path, x, &error);
    ct_tensor_release(x);
    return status;
}

static ct_status write_png(const char *path, int number)
{
    uint8_t pixels[SIDE * SIDE];
    uint32_t noise = (uint32_t)number; /* so that it is not compressed away */
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
    return ct_png_write(path, SIDE, SIDE, 1, pixels, &error);
}

static ct_status write_onnx(const char *path, int number)
{
    ct_onnx *graph = ct_onnx_new("g", NULL);
    ct_tensor *x = ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number);
    ct_onnx_initializer(graph, "x", x);
    ct_status status = ct_onnx_write(graph, path, &error);
    ct_onnx_free(graph), ct_tensor_release(x);
    return status;
}

static int files_here(void)
{
    int count = 0;
    DIR *here = opendir(".");
    for (struct dirent *entry; (entry = readdir(here)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(here);
    return count;
}

Test(faults, short_writes_at_every_4_KiB)
{
    static ct_status (*const writers[])(const char *path, int number) = { write_safetensors, write_npy, write_png, write_onnx };
    signal(SIGXFSZ, SIG_IGN); /* the limit is then an error of write, as a full disk is */
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        size_t size, now;
        cr_assert_eq(writers[i]("file", 1), CT_OK);
        uint8_t *old = read_bytes("file", &size);
        cr_assert(size > 8 * 4096);
        for (rlim_t cut = 0; cut < size; cut += 4096) {
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){ cut, before.rlim_max });
            cr_expect_eq(writers[i]("file", 2), CT_IO_ERROR);
            setrlimit(RLIMIT_FSIZE, &before);
            uint8_t *bytes = read_bytes("file", &now);
            cr_expect(now == size && memcmp(bytes, old, size) == 0, "writer %zu, cut %llu", i, (unsigned long long)cut);
            cr_expect_eq(files_here(), 1);
            free(bytes);
        }
        cr_expect_str_eq(error.message + strlen(error.message) - 15, " File too large");
        cr_assert_eq(writers[i]("file", 2), CT_OK);
        uint8_t *bytes = read_bytes("file", &now);
        cr_expect(now >= size - 64 && memcmp(bytes, old, now < size ? now : size) != 0);
        free(bytes), free(old);
        unlink("file");
    }
}
