/* Parsers under fuzzing. Besides not crashing, each refusal has a status and a sentence, and what was read can be used. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cotangent/cotangent.h>

#include "../../examples/dcgan/dcgan.h"
#include "../../src/io/pixels.h"
#include "targets.h"

static void demand(int condition, const char *promise)
{
    if (!condition) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

static void demand_refusal(const ct_error *error)
{
    demand(error->status == CT_BAD_FORMAT || error->status == CT_BAD_DTYPE || error->status == CT_BAD_ARGUMENT, "a status of bad input");
    demand(error->message[0] != '\0' && memchr(error->message, '\0', sizeof error->message) != NULL, "a sentence");
}

/* All elements are there to be read. */
static void walk(const ct_tensor *tensor)
{
    static volatile double seen;
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        seen = ct_tensor_at(tensor, i);
    (void)seen;
}

static void end(ct_tensor *tensor, const ct_error *error)
{
    if (tensor == NULL)
        demand_refusal(error);
    else
        walk(tensor);
    ct_tensor_release(tensor);
}

static void safetensors(const uint8_t *bytes, size_t size)
{
    ct_error error = { CT_OK, "" };
    ct_safetensors *file = ct_safetensors_parse(bytes, size, &error);
    if (file == NULL)
        demand_refusal(&error);
    for (int i = 0; file != NULL && i < ct_safetensors_count(file); i++) {
        demand(ct_safetensors_find(file, ct_safetensors_name(file, i)) == ct_safetensors_tensor(file, i), "names are unique");
        walk(ct_safetensors_tensor(file, i));
    }
    ct_safetensors_free(file);
}

static void npy(const uint8_t *bytes, size_t size)
{
    ct_error error = { CT_OK, "" };
    end(ct_npy_parse(bytes, size, &error), &error);
}

static void idx(const uint8_t *bytes, size_t size)
{
    ct_error error = { CT_OK, "" };
    end(ct_idx_parse(bytes, size, &error), &error);
}

static void cifar10(const uint8_t *bytes, size_t size)
{
    ct_error error = { CT_OK, "" };
    ct_tensor *labels = NULL, *images = ct_cifar10_parse(bytes, size, &labels, &error);
    demand((labels == NULL) == (images == NULL), "labels come with images");
    end(images, &error);
    ct_tensor_release(labels);
}

static void gzip(const uint8_t *bytes, size_t size)
{
    ct_error error = { CT_OK, "" };
    void *data = NULL;
    size_t result = 0, limit = 1 << 16;
    if (ct_inflate("x", bytes, size, limit, &data, &result, &error) == CT_OK)
        demand(result <= limit, "the limit");
    else
        demand_refusal(&error);
    ct_release(data, result);
}

/* Decoded, and made small, as a data set does it. */
static void image(const uint8_t *bytes, size_t size)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        ct_error error = { CT_OK, "" };
        struct ct_view pixels;
        float to[3 * 8 * 8];
        if (ct_pixels_decode(bytes, size, channels, 8, &pixels, &error) != CT_OK) {
            demand_refusal(&error);
            return;
        }
        demand(pixels.width <= CT_LARGEST_SIDE && pixels.height <= CT_LARGEST_SIDE, "sides within bounds");
        demand(ct_view_resize(&pixels, ct_view_square(&pixels), CT_LANCZOS, channels, 8, 8, to, &error) == CT_OK, "what is decoded is resized");
        for (int i = 0; i < channels * 64; i++)
            demand(to[i] >= -1 && to[i] <= 1, "values within -1 and 1");
        ct_pixels_free(&pixels);
    }
}

static void png(const uint8_t *bytes, size_t size)
{
    if (size > 0 && bytes[0] == 0x89)
        image(bytes, size);
}

/* libjpeg-turbo scales down by 8 first, which leaves a large side cheap enough. */
static void jpeg(const uint8_t *bytes, size_t size)
{
    if (size > 0 && bytes[0] == 0xff)
        image(bytes, size);
}

enum { PATH = 64 };

/* The file is made once: to make one takes as long as to parse it. */
static void put_at(char path[PATH], const uint8_t *bytes, size_t size)
{
    static int file = -1;
    if (file < 0)
        file = memfd_create("fuzz", MFD_CLOEXEC);
    demand(ftruncate(file, (off_t)size) == 0 && pwrite(file, bytes, size, 0) == (ssize_t)size, "a file in memory");
    snprintf(path, PATH, "/proc/self/fd/%d", file);
}

static char folder[] = "/tmp/cotangent-fuzz-XXXXXX", name[PATH];

static void remove_folder(void)
{
    demand(unlink(name) == 0 && rmdir(folder) == 0, "the folder is left as it was");
}

/* Made once, too: with an input each, a disk's journal took most of the time. */
static void make_folder(const char *target)
{
    if (name[0] != '\0')
        return;
    demand(mkdtemp(folder) != NULL && snprintf(name, sizeof name, "%s/a.ttf", folder) < PATH && symlink(target, name) == 0, "a folder");
    demand(atexit(remove_folder) == 0, "a folder for a while");
}

/* In a folder of its own, with some of its letters drawn. */
static void font(const uint8_t *bytes, size_t size)
{
    char path[PATH];
    put_at(path, bytes, size);
    make_folder(path);
    ct_error error = { CT_OK, "" };
    ct_glyphs *glyphs = ct_glyphs_open(folder, "AB", &error);
    if (glyphs == NULL) {
        demand_refusal(&error);
        return;
    }
    demand(ct_glyphs_fonts(glyphs) == 1, "one font");
    for (int64_t side = 1; side <= 32; side += 31) {
        ct_tensor *batch = ct_tensor_full(CT_F32, CT_SHAPE(4, 1, side, side), NAN);
        demand(ct_glyphs_draw(glyphs, batch, size, 1, &error) == CT_OK, "what is loaded is drawn");
        const float *value = ct_tensor_data(batch);
        for (int64_t i = 0; i < ct_tensor_count(batch); i++)
            demand(value[i] >= -1 && value[i] <= 1, "values within -1 and 1");
        ct_tensor_release(batch);
    }
    ct_glyphs_close(glyphs);
}

/* What a file holds, as a network; its sizes follow from what it holds. */
static void generator(const uint8_t *bytes, size_t size)
{
    char path[PATH];
    put_at(path, bytes, size);
    ct_error error = { CT_OK, "" };
    struct dcgan_shape shape;
    ct_module *module = dcgan_load_generator(path, &shape, &error);
    if (module == NULL) {
        demand_refusal(&error);
        return;
    }
    demand(dcgan_generator_weights(&shape) < (int64_t)size, "no larger than its file");
    ct_module_free(module);
}

static void exif(const uint8_t *bytes, size_t size)
{
    const int orientation = ct_exif_orientation(bytes, size);
    demand(orientation >= 1 && orientation <= 8, "one of the eight ways up");
}

static void config(const uint8_t *bytes, size_t size)
{
    struct options {
        struct common common;
        const char *text;
        int64_t whole;
        double real;
        bool flag;
    } options;
    static const struct setting settings[] = {
        TEXT(struct options, text, "text", "TEXT", "a", "a text"),
        WHOLE(struct options, whole, "whole", "3", 1, 100, "a number"),
        REAL(struct options, real, "real", "0.5", 0, 1, "a number"),
        FLAG(struct options, flag, "flag", "a flag"),
        TEXT(struct common, config, "config", "FILE", NULL, "a file"),
    };
    static const struct verb verb = { .name = "verb", .summary = "", .examples = "", .settings = settings,
                                       .count = sizeof settings / sizeof *settings, .size = sizeof options };
    char path[PATH];
    put_at(path, bytes, size);
    ct_error error = { CT_OK, "" };
    bool helped = false;
    if (command_parse("fuzz", &verb, 3, (char *[]){ "verb", "--config", path, NULL }, &options, &helped, &error) == CT_OK)
        demand(options.text != NULL && options.whole >= 1 && options.whole <= 100 && options.real >= 0 && options.real <= 1, "values in range");
    else
        demand_refusal(&error);
    command_close(&options);
}

const struct fuzz_target fuzz_targets[] = {
    { "safetensors", safetensors },
    { "npy", npy },
    { "idx", idx },
    { "cifar10", cifar10 },
    { "gzip", gzip },
    { "png", png },
    { "jpeg", jpeg },
    { "exif", exif },
    { "font", font },
    { "config", config },
    { "generator", generator },
};
const int fuzz_target_count = sizeof fuzz_targets / sizeof *fuzz_targets;
