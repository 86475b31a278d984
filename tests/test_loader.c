/* The loader: order, resumption, and what is left out. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"
#include "pictures.h"

TestSuite(loader, .init = into_a_folder, .fini = remove_the_folder);

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

Test(loader, the_order_is_the_permutation_of_seed_and_epoch)
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

Test(loader, threads_change_nothing_and_any_position_resumes)
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
Test(loader, a_batch_can_be_filled)
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

Test(loader, flips_follow_philox)
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

Test(loader, what_cannot_be_read_is_left_out_and_named)
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

Test(loader, a_loader_may_close_at_any_time)
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
Test(loader, a_failed_batch_is_tried_again)
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
