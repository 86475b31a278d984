/* The system fails dcgan: what cannot be seen is not taken for what is not there, and what could not be done is said. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "files.h"
#include "refuse.h"

#include "../examples/dcgan/evaluate.h"
#include "../examples/dcgan/report.h"

static ct_error error;

static void begin(void)
{
    into_a_folder();
    cr_assert_not_null(freopen("/dev/null", "w", stdout));
}

TestSuite(dcgan_faults, .init = begin, .fini = remove_the_folder);

enum { SIZE = 16 };

#ifdef SYS_access
enum { ACCESS = SYS_access };
#else
enum { ACCESS = SYS_faccessat };
#endif
#ifdef SYS_readlink
enum { READLINK = SYS_readlink };
#else
enum { READLINK = SYS_readlinkat };
#endif

/* ---- the folder of a run ---- */

static void put(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static bool holds(const char *name, const char *text)
{
    size_t size;
    uint8_t *bytes = read_bytes(name, &size);
    bool same = size == strlen(text) && memcmp(bytes, text, size) == 0;
    free(bytes);
    return same;
}

static void clear_what_cannot_be_seen(void)
{
    bool there;
    cr_expect_eq(folder_holds(".", "checkpoint-latest.safetensors", &there, &error), CT_IO_ERROR);
    cr_expect_eq(folder_clear(".", false, &error), CT_IO_ERROR);
    cr_expect_str_eq(error.message, "cannot look for ./checkpoint-latest.safetensors: Input/output error");
}

static void clear_what_cannot_be_listed(void)
{
    cr_expect_eq(folder_clear(".", true, &error), CT_IO_ERROR);
    cr_expect_str_eq(error.message, "cannot list .: Input/output error");
}

static void clear_what_cannot_be_removed(void)
{
    cr_expect_eq(folder_clear(".", true, &error), CT_IO_ERROR);
    cr_expect_str_eq(error.message, "cannot remove checkpoint-latest.safetensors: Input/output error"); /* the link goes first, lest it lead nowhere */
}

Test(dcgan_faults, a_run_that_cannot_be_seen_is_not_cleared_away)
{
    put("checkpoint-000001.safetensors", "one");
    cr_assert_eq(symlink("checkpoint-000001.safetensors", "checkpoint-latest.safetensors"), 0);
    REFUSE(clear_what_cannot_be_seen, { ACCESS, EIO });
    REFUSE(clear_what_cannot_be_listed, { SYS_getdents64, EIO });
    REFUSE(clear_what_cannot_be_removed, { SYS_unlinkat, EIO });
    cr_expect(holds("checkpoint-latest.safetensors", "one"));
    cr_expect_eq(folder_clear(".", false, &error), CT_BAD_ARGUMENT);
    cr_expect_eq(folder_clear(".", true, &error), CT_OK, "%s", error.message);
    cr_expect(access("checkpoint-000001.safetensors", F_OK) != 0);
}

/* ---- the logs ---- */

static void go_on_with_a_log_that_cannot_be_read(void)
{
    cr_expect_null(log_open(".", 2, 4, &error));
    cr_expect_str_eq(error.message, "cannot write ./log.csv: Input/output error");
}

Test(dcgan_faults, a_log_that_cannot_be_read_is_not_cut)
{
    put("log.csv", "step,d_loss\n1,0.5\n2,0.5\n");
    REFUSE(go_on_with_a_log_that_cannot_be_read, { SYS_read, EIO });
    cr_expect(holds("log.csv", "step,d_loss\n1,0.5\n2,0.5\n"));
}

/* ---- the report ---- */

static const char *why; /* the end of the message that is due */

static void report_in_part(void)
{
    cr_expect_neq(report_write(".", &error), CT_OK);
    const size_t length = strlen(error.message), end = strlen(why);
    cr_expect(length >= end && strcmp(error.message + length - end, why) == 0, "%s", error.message);
}

Test(dcgan_faults, a_report_is_whole_or_not_written)
{
    put("settings.json", "{\"steps\": 2}");
    put("log.csv", "step\n1,0.5,0.7,0.5,0.25,0.25,nan,99.5\n2,0.5,0.7,0.5,0.25,0.25,nan,99.5\n");
    put("samples-000001.png", "a picture");
    put("report.html", "old"), put("losses.svg", "old");
    why = "cannot list .: Input/output error";
    REFUSE(report_in_part, { SYS_getdents64, EIO });
    why = "cannot read ./checkpoint-latest.safetensors: Input/output error";
    REFUSE(report_in_part, { READLINK, EIO });
    cr_expect(holds("report.html", "old"));
    cr_expect_eq(report_write(".", &error), CT_OK, "%s", error.message);
    cr_expect(!holds("report.html", "old"));
}

/* A copied run may hold a file where the link was, or a link that leads nowhere. */
Test(dcgan_faults, a_report_of_a_copied_run)
{
    put("settings.json", "{}"), put("log.csv", "");
    cr_assert_eq(symlink("nowhere", "checkpoint-latest.safetensors"), 0);
    cr_expect_eq(report_write(".", &error), CT_OK, "%s", error.message);
    cr_assert_eq(unlink("checkpoint-latest.safetensors"), 0);
    put("checkpoint-latest.safetensors", "abc");
    cr_expect_eq(report_write(".", &error), CT_OK, "%s", error.message);
    size_t size;
    char *page = (char *)read_bytes("report.html", &size);
    page[size] = '\0';
    cr_expect_not_null(strstr(page, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "FIPS 180's abc");
    free(page);
}

/* ---- verbs ---- */

static ct_status run(const struct verb *verb, int count, const char *const words[])
{
    char *argv[24] = { (char *)(uintptr_t)verb->name };
    static _Alignas(16) char options[1024];
    bool helped;
    cr_assert(verb->size <= sizeof options && count < 23);
    memcpy(argv + 1, words, (size_t)count * sizeof *words);
    ct_status status = command_parse("dcgan", verb, count + 1, argv, options, &helped, &error);
    if (status == CT_OK)
        status = verb->run(options, &error);
    command_close(options);
    return status;
}
#define RUN(verb, ...) run(&verb, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })

static void make_pictures(void)
{
    uint8_t pixels[SIZE * SIZE];
    char name[20];
    for (int i = 0; i < 5; i++) {
        memset(pixels, 50 * i, sizeof pixels);
        snprintf(name, sizeof name, "%d.png", i);
        cr_assert_eq(ct_png_write(name, SIZE, SIZE, 1, pixels, &error), CT_OK);
    }
    put("2b.png", "\x89PNG\r\n\x1a\n and nonsense");
    put("9.jpg", "no picture either");
}

/* Seven files, five of them pictures: all five are shown, each once, however many were asked for. */
Test(dcgan_faults, a_sheet_shows_what_there_is)
{
    cr_assert_not_null(freopen("stderr", "w", stderr));
    make_pictures();
    static const char *const asked[] = { "64", "7", "6", "5", "2" };
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(RUN(verb_data, "--data", ".", "--size", "16", "--count", asked[i], "--out", ".sheet.png"), CT_OK, "%s",
                     error.message);
        ct_tensor *sheet = ct_image_read(".sheet.png", 1, &error);
        cr_assert_not_null(sheet, "%s", error.message);
        const int64_t shown = i < 4 ? 5 : 2;
        cr_expect_eq(ct_tensor_size(sheet, 2), (shown * (SIZE + 2) + 2) * 3, "%s asked for", asked[i]);
        int seen = 0; /* each grey once */
        for (int64_t k = 0; k < shown; k++)
            seen |= 1 << lround((ct_tensor_at(sheet, (3 * 10) * ct_tensor_size(sheet, 2) + (k * (SIZE + 2) + 10) * 3) + 1) * 127.5 / 50);
        cr_expect(i == 4 || seen == 31, "%x", seen);
        ct_tensor_release(sheet);
    }
    for (int i = 0; i < 5; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d.png", i);
        put(name, "nothing");
    }
    cr_expect_eq(RUN(verb_data, "--data", ".", "--size", "16", "--out", ".sheet.png"), CT_BAD_FORMAT);
}

/* A generator that draws NaNs is not at distance 0 from anything. */
Test(dcgan_faults, what_is_not_finite_is_not_evaluated)
{
    static const char *const sizes[] = { "--data", "x.npy", "--size", "16", "--ngf", "2", "--ndf", "2", "--nz", "4", "--batch", "2", "--steps", "1",
                                         "--out", "run" };
    ct_tensor *x = ct_tensor_empty(CT_F32, CT_SHAPE(64, SIZE, SIZE));
    ct_uniform(x, -1, 1, &(ct_random){ .seed = 2 });
    cr_assert_eq(ct_npy_write("x.npy", x, NULL), CT_OK);
    cr_assert_eq(run(&verb_train, sizeof sizes / sizeof *sizes, sizes), CT_OK, "%s", error.message);
    cr_assert_eq(RUN(verb_evaluate, "--run", "run", "--count", "128", "--steps", "1"), CT_OK, "%s", error.message);

    struct dcgan_shape shape;
    ct_module *generator = dcgan_load_generator("run/generator.safetensors", &shape, &error);
    ((float *)ct_tensor_data_mutable(ct_module_find(generator, "0.weight")))[0] = NAN;
    cr_assert_eq(dcgan_save(generator, "bad.safetensors", &error), CT_OK);
    ct_module_free(generator);
    cr_expect_eq(RUN(verb_evaluate, "--run", "run", "--model", "bad.safetensors", "--count", "128", "--steps", "1"), CT_NOT_FINITE);
    cr_expect_not_null(strstr(error.message, "of the generator's pictures are not finite"), "%s", error.message);

    ((float *)ct_tensor_data_mutable(x))[7] = NAN;
    cr_assert_eq(ct_npy_write("x.npy", x, NULL), CT_OK);
    cr_expect_eq(RUN(verb_evaluate, "--run", "run", "--count", "128", "--steps", "1"), CT_NOT_FINITE);
    cr_expect_not_null(strstr(error.message, "of the real pictures are not finite"), "%s", error.message);
    ct_tensor_release(x);
}
