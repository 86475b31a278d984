/* dcgan's data: what the options ask for is what the network sees. */
#include <sys/stat.h>

#include "files.h"

#include "../examples/dcgan/dcgan.h"

TestSuite(dcgan_data, .init = into_a_folder, .fini = remove_the_folder);

enum { FROM = 50, SIZE = 16 };

static ct_error error;

static ct_status parse(struct train_options *options, int count, const char *const words[])
{
    char *argv[10] = { (char *)"train" };
    bool helped;
    memcpy(argv + 1, words, (size_t)count * sizeof *words);
    return command_parse("dcgan", &verb_train, count + 1, argv, options, &helped, &error);
}
#define PARSE(options, ...) parse(options, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })

/* The first picture is that of the library's own filter, to the bit. */
static void seen_as(const struct data_options *options, const ct_tensor *picture, ct_filter filter)
{
    struct data *data;
    ct_tensor *seen = ct_tensor_zeros(CT_F32, CT_SHAPE(1, 1, SIZE, SIZE)), *due = ct_image_resize(picture, SIZE, SIZE, filter, &error);
    cr_assert_eq(data_check(options, &error), CT_OK, "%s", error.message);
    cr_assert_eq(data_open(&data, options, 1, &error), CT_OK, "%s", error.message);
    cr_assert_eq(data_next(data, seen, &error), CT_OK, "%s", error.message);
    cr_expect(memcmp(ct_tensor_data(seen), ct_tensor_data(due), sizeof(float[SIZE * SIZE])) == 0, "%s", options->resize);
    data_close(data);
    ct_tensor_release(seen), ct_tensor_release(due);
}

Test(dcgan_data, resize_is_area_or_lanczos)
{
    uint8_t pixels[FROM * FROM];
    for (int i = 0; i < FROM * FROM; i++)
        pixels[i] = (uint8_t)(i * 37 + i / FROM * 11);
    cr_assert(mkdir("pictures", 0777) == 0 && ct_png_write("pictures/a.png", FROM, FROM, 1, pixels, &error) == CT_OK);
    ct_tensor *picture = ct_image_read("pictures/a.png", 1, &error);

    struct train_options options, again;
    cr_assert_eq(PARSE(&options, "--data", "pictures", "--size", "16"), CT_OK, "%s", error.message);
    seen_as(&options.data, picture, CT_AREA);
    cr_assert_eq(PARSE(&options, "--data", "pictures", "--size", "16", "--resize", "lanczos"), CT_OK, "%s", error.message);
    seen_as(&options.data, picture, CT_LANCZOS);

    /* settings.json holds it; one of a time when there was no choice means area. */
    char *text = command_json(&verb_train, &options);
    cr_assert_not_null(text);
    cr_assert(mkdir("run", 0777) == 0 && mkdir("older", 0777) == 0);
    write_bytes("run/settings.json", text, strlen(text));
    free(text);
    cr_assert_eq(PARSE(&again, "--resume", "run"), CT_OK, "%s", error.message);
    seen_as(&again.data, picture, CT_LANCZOS);
    command_close(&again);
    text = (char *)"{\"data\": \"pictures\", \"size\": 16}";
    write_bytes("older/settings.json", text, strlen(text));
    cr_assert_eq(PARSE(&again, "--resume", "older"), CT_OK, "%s", error.message);
    seen_as(&again.data, picture, CT_AREA);
    command_close(&again);
    ct_tensor_release(picture);
}

Test(dcgan_data, other_filters_are_refused)
{
    struct train_options options;
    cr_assert_eq(PARSE(&options, "--resize", "bicubic"), CT_OK, "%s", error.message);
    cr_expect_eq(data_check(&options.data, &error), CT_BAD_ARGUMENT);
    cr_expect_str_eq(error.message, "--resize bicubic: needs area or lanczos");
}
