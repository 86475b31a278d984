/* Batches made ahead of the step: the same bits in the same order as without, no copy, no allocation, a clean end. */
#include <stdatomic.h>

#include "files.h"

#include "../examples/dcgan/dcgan.h"

enum { BATCH = 4, SIZE = 16 };

TestSuite(ahead, .init = into_a_folder, .fini = remove_the_folder);

static struct data *data_of(const char *source)
{
    struct data *data;
    ct_error error = { CT_OK, "" };
    struct data_options options = { .source = source, .fonts = "/usr/share/fonts", .characters = "ABC", .resize = "area", .channels = 1, .size = SIZE,
                                    .seed = 3, .flip = true };
    cr_assert_eq(data_open(&data, &options, BATCH, &error), CT_OK, "%s", error.message);
    return data;
}

static ct_tensor *batch_new(void)
{
    return ct_tensor_zeros(CT_F32, CT_SHAPE(BATCH, 1, SIZE, SIZE));
}

static void write_array(const char *path)
{
    ct_tensor *images = ct_tensor_empty(CT_F32, CT_SHAPE(10, SIZE, SIZE));
    ct_uniform(images, -1, 1, &(ct_random){ .seed = 2 });
    cr_assert_eq(ct_npy_write(path, images, NULL), CT_OK);
    ct_tensor_release(images);
}

/* Nine good pictures and one that is none. */
static void write_pictures(void)
{
    uint8_t pixels[SIZE * SIZE];
    for (int i = 0; i < 9; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d.png", i);
        memset(pixels, 25 * i, sizeof pixels);
        cr_assert_eq(ct_png_write(name, SIZE, SIZE, 1, pixels, NULL), CT_OK);
    }
    write_bytes("4b.png", "\x89PNG\r\n\x1a\n and nonsense", 21);
}

static void same_as_without(const char *source)
{
    enum { STEPS = 12 };
    ct_error error = { CT_OK, "" };
    struct data *plain = data_of(source), *data = data_of(source);
    ct_tensor *expected = batch_new(), *batch = batch_new();
    struct ahead *ahead = ahead_open(data, batch, &error);
    cr_assert_not_null(ahead, "%s", error.message);
    const void *place[2];
    for (int i = 0; i < STEPS; i++) {
        ct_loader_position position, due;
        cr_assert_eq(data_next(plain, expected, &error), CT_OK, "%s", error.message);
        cr_assert_eq(ahead_next(ahead, batch, &position, &error), CT_OK, "%s", error.message);
        due = data_tell(plain);
        cr_expect(position.epoch == due.epoch && position.index == due.index, "%s, batch %d", source, i);
        cr_expect(memcmp(ct_tensor_data(batch), ct_tensor_data(expected), sizeof(float[BATCH * SIZE * SIZE])) == 0, "%s, batch %d", source, i);
        if (i >= 2)
            cr_expect_eq(ct_tensor_data(batch), place[i % 2], "two storages take turns");
        place[i % 2] = ct_tensor_data(batch);
    }
    ahead_close(ahead);
    cr_expect_eq(data_unreadable(plain), data_unreadable(data));

    /* Where it was closed does not matter to one who knows the position. */
    ct_loader_position middle = data_tell(plain), position;
    cr_assert_eq(data_seek(data, middle, &error), CT_OK, "%s", error.message);
    cr_assert_not_null(ahead = ahead_open(data, batch, &error));
    cr_assert_eq(data_next(plain, expected, &error), CT_OK);
    cr_assert_eq(ahead_next(ahead, batch, &position, &error), CT_OK);
    cr_expect(memcmp(ct_tensor_data(batch), ct_tensor_data(expected), sizeof(float[BATCH * SIZE * SIZE])) == 0);
    ahead_close(ahead);
    data_close(plain), data_close(data);
    ct_tensor_release(expected), ct_tensor_release(batch);
}

Test(ahead, letters)
{
    same_as_without("glyphs");
}

Test(ahead, arrays)
{
    write_array("pictures.npy");
    same_as_without("pictures.npy");
}

Test(ahead, folders_with_a_picture_that_is_none)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    write_pictures();
    same_as_without(".");
}

static atomic_long taken;

static void *count_take(void *context, size_t size)
{
    (void)context;
    taken++;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void count_give(void *context, void *memory, size_t size)
{
    (void)context, (void)size;
    free(memory);
}

Test(ahead, letters_allocate_nothing)
{
    ct_error error = { CT_OK, "" };
    ct_set_allocator(&(ct_allocator){ count_take, count_give, NULL });
    struct data *data = data_of("glyphs");
    ct_tensor *batch = batch_new();
    struct ahead *ahead = ahead_open(data, batch, &error);
    ct_loader_position position;
    long before = taken;
    cr_assert(before > 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(ahead_next(ahead, batch, &position, &error), CT_OK, "%s", error.message);
    cr_expect_eq(taken, before);
    ahead_close(ahead), data_close(data), ct_tensor_release(batch);
}

Test(ahead, a_failure_is_told_where_its_batch_is_due)
{
    ct_error error = { CT_OK, "" };
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    write_pictures();
    struct data *data = data_of(".");
    ct_tensor *batch = batch_new(), *other = ct_tensor_zeros(CT_F32, CT_SHAPE(BATCH, 1, 8, 8));
    struct ahead *ahead = ahead_open(data, batch, &error);
    ct_loader_position position = { 0, 0 }, unchanged;
    cr_assert_eq(ahead_next(ahead, batch, &position, &error), CT_OK, "%s", error.message);
    cr_expect_eq(ahead_next(ahead, other, &position, &error), CT_BAD_SHAPE);
    unchanged = position;
    for (int i = 0; i < 9; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d.png", i);
        cr_assert_eq(unlink(name), 0);
    }
    ct_status status = CT_OK; /* what was decoded before is still given */
    for (int i = 0; i < 20 && status == CT_OK; i++, unchanged = status == CT_OK ? position : unchanged)
        status = ahead_next(ahead, batch, &position, &error);
    cr_expect_eq(status, CT_BAD_FORMAT);
    cr_expect_not_null(strstr(error.message, "of 10 images fewer than the 4 of a batch can be read"), "%s", error.message);
    cr_expect_eq(ahead_next(ahead, batch, &position, &error), CT_BAD_FORMAT);
    cr_expect(position.epoch == unchanged.epoch && position.index == unchanged.index);
    ahead_close(ahead), data_close(data), ct_tensor_release(batch), ct_tensor_release(other);
}

Test(ahead, closes_at_any_time)
{
    ct_error error = { CT_OK, "" };
    struct data *data = data_of("glyphs");
    ct_tensor *batch = batch_new();
    for (int i = 0; i < 40; i++) {
        struct ahead *ahead = ahead_open(data, batch, &error);
        ct_loader_position position;
        for (int k = 0; k < i % 3; k++)
            cr_assert_eq(ahead_next(ahead, batch, &position, &error), CT_OK);
        ahead_close(ahead);
    }
    ahead_close(NULL);
    data_close(data), ct_tensor_release(batch);
}
