/* A whole run of dcgan train, on data that go wrong. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../examples/dcgan/dcgan.h"

static char folder[] = "/tmp/cotangent-train-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_not_null(freopen("/dev/null", "w", stdout));
}

static void remove_folder(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(train, .init = make_folder, .fini = remove_folder);

/* The defaults, but small. */
static struct train_options options_of(const char *data, int64_t steps)
{
    char *argv[] = { (char *)"train", NULL };
    bool helped;
    struct train_options options;
    ct_error error = { CT_OK, "" };
    cr_assert_eq(command_parse("dcgan", &verb_train, 1, argv, &options, &helped, &error), CT_OK, "%s", error.message);
    options.data.source = data;
    options.data.size = 16;
    options.steps = steps;
    options.batch = 4;
    options.nz = options.ngf = options.ndf = 4;
    options.every = options.save_every = 2;
    options.out = folder;
    return options;
}

/* count pictures, one of which holds a NaN. */
static const char *pictures(int64_t count, int64_t bad)
{
    static char path[100];
    ct_error error = { CT_OK, "" };
    snprintf(path, sizeof path, "%s/pictures.npy", folder);
    ct_tensor *images = ct_tensor_empty(CT_F32, CT_SHAPE(count, 16, 16));
    ct_uniform(images, -1, 1, &(ct_random){ .seed = 2 });
    if (bad >= 0)
        ((float *)ct_tensor_data_mutable(images))[bad * 256 + 100] = NAN;
    cr_assert_eq(ct_npy_write(path, images, &error), CT_OK, "%s", error.message);
    ct_tensor_release(images);
    return path;
}

Test(train, a_nan_stops_the_run_and_is_traced_to_its_op)
{
    struct train_options options = options_of(pictures(60, 13), 40);
    ct_error error = { CT_OK, "" };
    cr_expect_eq(train(&options, &error), CT_NOT_FINITE);
    cr_expect_not_null(strstr(error.message, "is not finite: "), "%s", error.message);
    cr_expect_not_null(strstr(error.message, "conv, after"), "%s", error.message);

    /* What is kept is good, and from before. */
    char path[100];
    struct dcgan_shape shape;
    snprintf(path, sizeof path, "%s/checkpoint-latest.safetensors", folder);
    ct_module *generator = dcgan_load_generator(path, &shape, &error);
    cr_assert_not_null(generator, "%s", error.message);
    for (int i = 0; i < ct_module_tensor_count(generator); i++)
        for (int64_t j = 0; j < ct_tensor_count(ct_module_tensor(generator, i).tensor); j++)
            cr_assert(isfinite(ct_tensor_at(ct_module_tensor(generator, i).tensor, j)));
    ct_module_free(generator);
}

Test(train, refuses_before_it_begins)
{
    ct_error error = { CT_OK, "" };
    struct train_options options = options_of(pictures(3, -1), 4);
    cr_expect_eq(train(&options, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "holds 3 pictures, fewer than the 4 of a batch"), "%s", error.message);
    options.data.source = pictures(8, -1);
    options.data.size = 24;
    cr_expect_eq(train(&options, &error), CT_BAD_ARGUMENT);
    cr_expect_str_eq(error.message, "--size 24: needs 16, 32, 64 or 128, as the networks double a side of 4");
    options.data.size = 16;
    options.data.channels = 2;
    cr_expect_eq(train(&options, &error), CT_BAD_ARGUMENT);
    cr_expect_str_eq(error.message, "--channels 2: needs 1, grey, or 3, colour");
    options.data.channels = 1;
    options.loss = "lsgan";
    cr_expect_eq(train(&options, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "needs gan or wgan-gp"), "%s", error.message);
}

/* Before anything of them is made: 20 TB would take their time. Small ones train under the same check in every other test. */
Test(train, networks_that_cannot_fit_are_refused_at_once)
{
    ct_error error = { CT_OK, "" };
    struct train_options options = options_of("nowhere", 4);
    options.data.size = 128, options.ngf = options.ndf = 4096, options.kernel = 15;
    cr_expect_eq(train(&options, &error), CT_NO_MEMORY);
    cr_expect_not_null(strstr(error.message, "--ngf 4096 --ndf 4096 --size 128: the networks have 641734 and 641730 million weights; to train them "
                                             "takes 17968.5 GB at least, and "), "%s", error.message);
}

#ifndef __SANITIZE_ADDRESS__ /* whose own memory is beyond any limit */
Test(train, what_a_process_may_have_counts_too)
{
    ct_error error = { CT_OK, "" };
    struct train_options options = options_of("nowhere", 4);
    options.data.size = 64, options.ngf = 256, options.ndf = 16;
    struct rlimit limit, before;
    cr_assert_eq(getrlimit(RLIMIT_AS, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ 600ull << 20, before.rlim_max }), 0);
    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    ct_status status = train(&options, &error);
    cr_assert_eq(setrlimit(RLIMIT_AS, &before), 0);
    if (limit.rlim_cur != 600ull << 20) { /* qemu's user mode sets none */
        cr_log_warn("not run: no limits here");
        return;
    }
    cr_expect_eq(status, CT_NO_MEMORY);
    cr_expect_not_null(strstr(error.message, "at least, and 0.6 GB are free"), "%s", error.message);
}
#endif

Test(train, a_folder_holds_one_run)
{
    ct_error error = { CT_OK, "" };
    struct train_options options = options_of(pictures(8, -1), 4);
    cr_assert_eq(train(&options, &error), CT_OK, "%s", error.message);
    cr_expect_eq(train(&options, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "holds a run already"), "%s", error.message);
    options.overwrite = true;
    cr_expect_eq(train(&options, &error), CT_OK, "%s", error.message);

    int lock = -1;
    cr_assert_eq(folder_open(folder, &lock, &error), CT_OK, "%s", error.message);
    cr_expect_eq(train(&options, &error), CT_BAD_STATE);
    cr_expect_not_null(strstr(error.message, "another dcgan is training"), "%s", error.message);
    folder_close(lock);

    options.resume = folder;
    options.steps = 3;
    cr_expect_eq(train(&options, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "has done 4 steps already"), "%s", error.message);
}
