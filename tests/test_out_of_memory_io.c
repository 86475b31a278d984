/* Files and data without memory: every reader, writer and loader. */
#include <sys/stat.h>
#include <turbojpeg.h>
#include <zlib.h>

#include "files.h"
#include "starve.h"

static void note(struct outcome *outcome, ct_status status)
{
    if (outcome->status == CT_OK)
        outcome->status = status;
}

/* Jansson and stb_image do not always tell a lack of memory from a bad file: either refusal is right. */
static void note_parsed(struct outcome *outcome, const void *result, const ct_error *error)
{
    note(outcome, result ? CT_OK : error->status == CT_BAD_FORMAT ? CT_NO_MEMORY : error->status);
}

/* A result that is needed: its values are added up; NULL is the error's status. */
static void read_in(struct outcome *outcome, ct_tensor *tensor, const ct_error *error)
{
    note_parsed(outcome, tensor, error);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        outcome->value += ct_tensor_at(tensor, i) * (double)(i + 1);
    ct_tensor_release(tensor);
}

/* Longer than what Jansson's buffers begin with. */
#define LONG_NAME "a.name.of.a.layer.deep.down.in.a.network.weight"

static struct outcome safetensors(void)
{
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_tensor *tensors[] = { ct_tensor_ones(CT_F32, CT_SHAPE(2, 3)), ct_tensor_ones(CT_F64, CT_SHAPE(4)) };
    if (!tensors[0] || !tensors[1])
        outcome.status = CT_NO_MEMORY;
    else
        note(&outcome, ct_safetensors_write_with("a.safetensors", 2, (const char *const[]){ LONG_NAME, "b" }, tensors, 1,
                                                 (const char *const[]){ "format", "pt" }, &error));
    if (outcome.status == CT_OK) {
        ct_safetensors *file = ct_safetensors_read("a.safetensors", &error);
        note_parsed(&outcome, file, &error);
        if (file) {
            cr_assert(ct_safetensors_count(file) == 2 && strcmp(ct_safetensors_metadata(file, "format"), "pt") == 0);
            read_in(&outcome, ct_tensor_retain(ct_safetensors_find(file, LONG_NAME)), &error);
        }
        ct_safetensors_free(file);
    }
    ct_tensor_release(tensors[0]), ct_tensor_release(tensors[1]);
    return outcome;
}

static struct outcome arrays_and_images(void)
{
    static const uint8_t idx[] = { 0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3 };
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    uint8_t pixels[8 * 8 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37);
    ct_tensor *array = ct_tensor_ones(CT_F64, CT_SHAPE(2, 3)), *image;
    note(&outcome, array ? ct_npy_write("a.npy", array, &error) : CT_NO_MEMORY);
    ct_tensor_release(array);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_npy_read("a.npy", &error), &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_idx_parse(idx, sizeof idx, &error), &error);
    if (outcome.status == CT_OK)
        note(&outcome, ct_png_write("a.png", 8, 8, 3, pixels, &error));
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_image_read("a.png", 1, &error), &error);
    image = outcome.status == CT_OK ? ct_image_read("b.jpeg", 3, &error) : NULL;
    if (outcome.status == CT_OK)
        note_parsed(&outcome, image, &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_image_square(image, 4, &error), &error);
    ct_tensor_release(image);
    return outcome;
}

/* Without the loader's threads, so that the count of allocations is that of each run. */
static struct outcome parsers(void)
{
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_tensor *labels = NULL;
    read_in(&outcome, ct_cifar10_read("cifar.bin", &labels, &error), &error);
    ct_tensor_release(labels);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_idx_read("idx.gz", &error), &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_npy_read("fortran.npy", &error), &error);
    if (outcome.status == CT_OK)
        read_in(&outcome, ct_image_read("noise.png", 1, &error), &error);
    return outcome;
}

static struct outcome rotation(void)
{
    struct outcome outcome = { 0 };
    ct_tensor *one = ct_tensor_ones(CT_F32, CT_SHAPE(1));
    for (int64_t number = 1; number <= 5; number++) {
        char path[64];
        const ct_rotation rotation = { ".", "c-", ".npy", 2 };
        ct_rotation_path(&rotation, number, path, sizeof path, NULL);
        note(&outcome, one ? ct_npy_write(path, one, NULL) : CT_NO_MEMORY);
        if (outcome.status == CT_OK)
            note(&outcome, ct_rotate(&rotation, number, NULL));
    }
    ct_tensor_release(one);
    return outcome;
}

static struct outcome logs(void)
{
    static const uint8_t pixels[12] = { 1, 2, 3 };
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_events *events = ct_events_open(".", 7, &error);
    note(&outcome, events ? CT_OK : error.status);
    for (int step = 7; step < 10 && events; step++) {
        note(&outcome, ct_events_scalar(events, "a loss", step, 0.5, NULL));
        note(&outcome, ct_events_image(events, "pictures", step, 2, 2, 3, pixels, NULL));
    }
    note(&outcome, ct_events_close(events, NULL));
    return outcome;
}

static struct outcome onnx(void)
{
    struct outcome outcome = { 0 };
    ct_error error = { 0 };
    ct_tensor *weight = ct_tensor_ones(CT_F32, CT_SHAPE(2, 3, 4, 4));
    ct_onnx *graph = ct_onnx_new("g", &error);
    note(&outcome, weight == NULL ? CT_NO_MEMORY : graph == NULL ? error.status : CT_OK);
    if (outcome.status == CT_OK) {
        ct_onnx_input(graph, "z", CT_F32, CT_SHAPE(-1, 2));
        for (int i = 0; i < 20; i++)
            ct_onnx_node(graph, "Conv", 2, (const char *[]){ "z", "w" }, "x", 1, (ct_onnx_attribute[]){ CT_ONNX_INT("group", 1) });
        ct_onnx_initializer(graph, "w", weight);
        ct_onnx_output(graph, "x", CT_F32, CT_SHAPE(-1, 2));
        note(&outcome, ct_onnx_write(graph, "g.onnx", NULL));
    }
    ct_onnx_free(graph), ct_tensor_release(weight);
    return outcome;
}

static void load(struct outcome *outcome, const char *path)
{
    ct_error error = { 0 };
    ct_source *source = ct_source_open(path, &(ct_source_options){ .channels = 3, .size = 5, .filter = CT_LANCZOS }, &error);
    ct_loader *loader = source ? ct_loader_new(source, &(ct_loader_options){ .batch = 2, .seed = 1, .flip = true }, &error) : NULL;
    note(outcome, loader ? CT_OK : error.status);
    for (int i = 0; i < 3 && outcome->status == CT_OK; i++)
        read_in(outcome, ct_loader_next(loader, &error), &error);
    ct_loader_free(loader), ct_source_free(source);
}

static struct outcome pictures(void)
{
    struct outcome outcome = { 0 };
    load(&outcome, ".");
    return outcome;
}

static struct outcome data_sets(void)
{
    struct outcome outcome = { 0 };
    static const char *const paths[] = { "../idx.gz", "../cifar.bin", "../bytes.npy", "../floats.npy" };
    for (int i = 0; i < 4; i++)
        load(&outcome, paths[i]);
    ct_tensor_release(ct_cifar10_read("../cifar.bin", NULL, NULL));
    return outcome;
}

/* An 8 × 8 JPEG, by libjpeg-turbo. */
static void write_jpeg(const char *path)
{
    uint8_t pixels[64] = { 200, 100 }, *bytes = NULL;
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    cr_assert(tjCompress2(handle, pixels, 8, 0, 8, TJPF_GRAY, &bytes, &size, TJSAMP_GRAY, 90, 0) == 0);
    write_bytes(path, bytes, size);
    tjFree(bytes);
    tjDestroy(handle);
}

TestSuite(out_of_memory_io, .init = into_a_folder, .fini = remove_the_folder);

Test(out_of_memory_io, safetensors) { starve("safetensors", safetensors); }

Test(out_of_memory_io, arrays_and_images)
{
    write_jpeg("b.jpeg");
    starve("arrays and images", arrays_and_images);
}

Test(out_of_memory_io, parsers)
{
    static const uint8_t records[2 * 3073] = { 9 };
    static const char fortran[] = "\x93NUMPY\1\0\x3d\0{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }" "0123456789ab";
    uint8_t pixels[100 * 100];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i * 31 >> 4);
    write_bytes("cifar.bin", records, sizeof records);
    static const uint8_t idx[8 + (1 << 17)] = { 0, 0, 8, 1, 0, 2, 0, 0 }; /* zlib takes its window where there is more than one call of it */
    gzFile packed = gzopen("idx.gz", "wb");
    cr_assert(gzwrite(packed, idx, sizeof idx) == sizeof idx && gzclose(packed) == Z_OK);
    write_bytes("fortran.npy", fortran, sizeof fortran - 1);
    cr_assert(ct_png_write("noise.png", 100, 100, 1, pixels, NULL) == CT_OK);
    starve("parsers", parsers);
}

Test(out_of_memory_io, rotation) { starve("rotation", rotation); }
Test(out_of_memory_io, logs) { starve("event files", logs); }
Test(out_of_memory_io, onnx) { starve("ONNX", onnx); }

/* In a folder below, so that the pictures are alone. */
Test(out_of_memory_io, loaders)
{
    static const uint8_t packed[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03, 0x63, 0x60, 0xe0, 0x60, 0x66, 0x60, 0x60, 0x60, 0x82,
                                      0x62, 0x66, 0x06, 0x46, 0x26, 0x66, 0x16, 0x56, 0x36, 0x76, 0x0e, 0x4e, 0x2e, 0x6e, 0x00, 0x78, 0x1e,
                                      0x23, 0x84, 0x1c, 0, 0, 0 }; /* an array (2, 2, 3) */
    static const uint8_t records[3 * 3073] = { 9 };
    static const char bytes[] = "\x93NUMPY\1\0\x41\0{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2, 1), }" "0123456789ab";
    cr_assert(mkdir("pictures", 0777) == 0);
    write_bytes("idx.gz", packed, sizeof packed), write_bytes("cifar.bin", records, sizeof records);
    write_bytes("bytes.npy", bytes, sizeof bytes - 1);
    ct_tensor *floats = ct_tensor_ones(CT_F64, CT_SHAPE(2, 1, 3, 3));
    cr_assert(ct_npy_write("floats.npy", floats, NULL) == CT_OK && chdir("pictures") == 0);
    ct_tensor_release(floats);
    write_jpeg("a.jpeg");
    cr_assert(ct_png_write("b.png", 2, 2, 1, (const uint8_t[]){ 1, 2, 3, 4 }, NULL) == CT_OK);
    cr_assert(ct_png_write("c.png", 9, 2, 3, records, NULL) == CT_OK);
    starve_any("pictures", pictures, true);
    starve_any("data sets", data_sets, true);
}
