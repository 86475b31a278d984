/* Checkpoints: a run that stops after any step and goes on ends in the bytes of one that did not stop. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../examples/dcgan/dcgan.h"

enum { STEPS = 20, BATCH = 4 };

static const struct dcgan_shape shape = { CT_F32, 16, 1, 6, 3, 3, 4 };

struct session {
    struct dcgan gan;
    struct dcgan_state state;
};

static void session_open(struct session *session, const struct dcgan_loss *loss)
{
    ct_error error = { CT_OK, "" };
    cr_assert_eq(dcgan_open(&session->gan, loss, &shape, BATCH, -1, -1, &(ct_random){ .seed = 5 }, &error), CT_OK, "%s",
                 error.message);
    session->state = (struct dcgan_state){ .noise = { .seed = 5, .stream = 1 }, .mix = { .seed = 5, .stream = 4 } };
}

static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    (void)error;
    struct dcgan_state *state = context;
    if (real != NULL)
        ct_uniform(real, -1, 1, &(ct_random){ .seed = 5, .stream = 9, .step = (uint32_t)state->data.index++ });
    if (noise != NULL)
        ct_normal(noise, 0, 1, &state->noise);
    if (mix != NULL)
        ct_uniform(mix, 0, 1, &state->mix);
    return CT_OK;
}

static void take_steps(struct session *session, int64_t last)
{
    ct_error error = { CT_OK, "" };
    struct dcgan_report report;
    while (session->state.step < last) {
        cr_assert_eq(dcgan_step(&session->gan, draw, &session->state, &report, &error), CT_OK, "%s", error.message);
        session->state.step++;
    }
}

static void save(struct session *session, const char *path)
{
    ct_error error = { CT_OK, "" };
    cr_assert_eq(dcgan_checkpoint_save(&session->gan, &session->state, path, &error), CT_OK, "%s", error.message);
}

static size_t contents(const char *path, char bytes[1 << 17])
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    size_t size = fread(bytes, 1, 1 << 17, file);
    cr_assert(size > 0 && size < 1 << 17);
    fclose(file);
    return size;
}

static void temporary(char path[])
{
    cr_assert(close(mkstemp(path)) == 0);
}

static void resume_at_each_step(const struct dcgan_loss *loss)
{
    static char whole[1 << 17], resumed[1 << 17];
    char end[] = "/tmp/cotangent-resume-XXXXXX", middle[] = "/tmp/cotangent-resume-XXXXXX";
    ct_error error = { CT_OK, "" };
    struct session session;
    temporary(end), temporary(middle);
    session_open(&session, loss);
    take_steps(&session, STEPS);
    save(&session, end);
    dcgan_close(&session.gan);
    size_t size = contents(end, whole);
    for (int64_t stop = 0; stop < STEPS; stop++) {
        session_open(&session, loss);
        take_steps(&session, stop);
        save(&session, middle);
        dcgan_close(&session.gan);
        session_open(&session, loss);
        cr_assert_eq(dcgan_checkpoint_load(&session.gan, &session.state, middle, &error), CT_OK, "%s", error.message);
        cr_expect_eq(session.state.step, stop);
        take_steps(&session, STEPS);
        save(&session, end);
        dcgan_close(&session.gan);
        cr_expect(contents(end, resumed) == size && memcmp(whole, resumed, size) == 0, "%s, stopped after %lld", loss->name,
                  (long long)stop);
    }
    unlink(end), unlink(middle);
}

Test(resume, gan_at_each_step)
{
    resume_at_each_step(&dcgan_gan);
}

Test(resume, wgan_gp_at_each_step)
{
    resume_at_each_step(&dcgan_wgan_gp);
}

/* The session's checkpoint but for one pair of its metadata and one tensor, and with one tensor more; how many it has whole. */
enum { KEYS = 5, MOST = 200 };
static int save_changed(struct session *session, const char *path, int key, int tensor, int more)
{
    static const char *const keys[KEYS] = { "loss", "step", "data", "random.noise", "random.mix" };
    const char *metadata[2 * KEYS], *name[MOST] = { "another" };
    ct_tensor *another = ct_tensor_zeros(CT_F32, CT_SHAPE(1)), *value[MOST] = { another };
    ct_error error = { CT_OK, "" };
    int pairs = 0, written = more;
    save(session, path);
    ct_safetensors *file = ct_safetensors_read(path, &error);
    cr_assert_not_null(file, "%s", error.message);
    const int count = ct_safetensors_count(file);
    cr_assert_lt(count, MOST);
    for (int i = 0; i < KEYS; i++)
        if (i != key)
            metadata[2 * pairs] = keys[i], metadata[2 * pairs++ + 1] = ct_safetensors_metadata(file, keys[i]);
    for (int i = 0; i < count; i++)
        if (i != tensor)
            name[written] = ct_safetensors_name(file, i), value[written++] = ct_safetensors_tensor(file, i);
    cr_assert_eq(ct_safetensors_write_with(path, written, name, value, pairs, metadata, &error), CT_OK, "%s", error.message);
    ct_tensor_release(another);
    ct_safetensors_free(file);
    return count;
}

Test(resume, refuses_what_is_not_its_own)
{
    char path[] = "/tmp/cotangent-resume-XXXXXX";
    ct_error error = { CT_OK, "" };
    struct session session;
    temporary(path);
    session_open(&session, &dcgan_gan);
    save(&session, path);

    session.state.noise.seed = 6;
    cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "--seed 5, not 6"), "%s", error.message);
    dcgan_close(&session.gan);

    session_open(&session, &dcgan_wgan_gp);
    cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_ARGUMENT);
    cr_expect_not_null(strstr(error.message, "--loss gan, not wgan-gp"), "%s", error.message);
    dcgan_close(&session.gan);

    struct dcgan_shape wider = shape;
    wider.ngf = 5;
    cr_assert_eq(dcgan_open(&session.gan, &dcgan_gan, &wider, BATCH, -1, -1, &(ct_random){ .seed = 5 }, &error), CT_OK);
    session.state.noise.seed = 5;
    cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_FORMAT);
    cr_expect_not_null(strstr(error.message, "generator.main.0.weight is of another shape"), "%s", error.message);

    dcgan_close(&session.gan);
    session_open(&session, &dcgan_gan);
    for (int without = 0; without < KEYS; without++) {
        save_changed(&session, path, without, -1, 0);
        cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_FORMAT);
        cr_expect_not_null(strstr(error.message, "is no checkpoint of dcgan: loss, step, data or random is missing"), "%s", error.message);
    }
    const int count = save_changed(&session, path, KEYS, -1, 0);
    cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_OK, "%s", error.message);
    for (int without = 0; without < count; without++) {
        save_changed(&session, path, KEYS, without, 0);
        cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_FORMAT);
        cr_expect_not_null(strstr(error.message, " is missing"), "%s", error.message);
    }
    save_changed(&session, path, KEYS, -1, 1);
    char words[100];
    snprintf(words, sizeof words, "holds %d tensors; this network and its optimizers have %d", count + 1, count);
    cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_FORMAT);
    cr_expect_not_null(strstr(error.message, words), "%s", error.message);

    /* A generator alone is no checkpoint. */
    cr_assert_eq(dcgan_save(session.gan.generator, path, &error), CT_OK);
    cr_expect_eq(dcgan_checkpoint_load(&session.gan, &session.state, path, &error), CT_BAD_FORMAT);
    dcgan_close(&session.gan);
    unlink(path);
}

Test(resume, weights_that_are_not_numbers_are_not_saved)
{
    char path[] = "/tmp/cotangent-resume-XXXXXX";
    static char before[1 << 17], after[1 << 17];
    ct_error error = { CT_OK, "" };
    struct session session;
    temporary(path);
    session_open(&session, &dcgan_gan);
    save(&session, path);
    size_t size = contents(path, before);
    ((float *)ct_tensor_data_mutable(ct_module_find(session.gan.discriminator, "2.weight")))[3] = NAN;
    cr_expect_eq(dcgan_checkpoint_save(&session.gan, &session.state, path, &error), CT_NOT_FINITE);
    cr_expect_not_null(strstr(error.message, "discriminator.main.2.weight is not finite"), "%s", error.message);
    cr_expect(contents(path, after) == size && memcmp(before, after, size) == 0);
    dcgan_close(&session.gan);
    unlink(path);
}
