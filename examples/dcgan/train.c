/* dcgan train: data in, steps, and everything a person wants to look at afterwards. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dcgan.h"

enum { GRID = 64, COLUMNS = 8, WEIGHTS = 0, NOISE = 1, FIXED = 3, MIX = 4 }; /* the last four: streams of random numbers */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    interrupted = signal;
}

struct run {
    const struct train_options *options;
    const struct dcgan_loss *loss;
    struct dcgan gan;
    struct data *data;
    struct ahead *ahead; /* of the data, while steps are taken */
    struct dcgan_state state;
    ct_tensor *fixed; /* the noise of the sample grids */
    struct log *log;
    ct_rotation rotation;
    double lr;
    int lock;
};

/* ---- what a run writes ---- */

static char *file_in(const struct run *run, const char *name, char path[4200])
{
    snprintf(path, 4200, "%.4000s/%s", run->options->out, name);
    return path;
}

static ct_status write_samples(struct run *run, ct_error *error)
{
    char path[4200], name[64];
    ct_tensor *images = dcgan_sample(run->gan.generator, &run->gan.shape, run->gan.tape, run->fixed, error);
    if (images == NULL)
        return error->status;
    int width, height, channels = (int)ct_tensor_size(images, 1);
    uint8_t *pixels = picture_pixels(images, COLUMNS, picture_zoom(run->gan.shape.size), &width, &height, error);
    snprintf(name, sizeof name, "samples-%06lld.png", (long long)run->state.step);
    ct_status status =
        pixels != NULL ? ct_png_write(file_in(run, name, path), width, height, channels, pixels, error) : CT_NO_MEMORY;
    if (status == CT_OK)
        status = log_picture(run->log, run->state.step, width, height, channels, pixels, error);
    if (status == CT_OK)
        status = log_flush(run->log, error);
    free(pixels);
    ct_tensor_release(images);
    return status == CT_OK ? report_write(run->options->out, error) : status;
}

/* The logs first: a checkpoint promises the rows up to it. */
static ct_status write_checkpoint(struct run *run, ct_error *error)
{
    char path[4200];
    ct_status status = log_sync(run->log, error);
    if (status == CT_OK)
        status = ct_rotation_path(&run->rotation, run->state.step, path, sizeof path, error);
    if (status == CT_OK)
        status = dcgan_checkpoint_save(&run->gan, &run->state, path, error);
    if (status == CT_OK)
        status = ct_rotate(&run->rotation, run->state.step, error);
    return status;
}

static ct_status write_networks(struct run *run, ct_error *error)
{
    char path[4200];
    ct_status status = dcgan_save(run->gan.generator, file_in(run, "generator.safetensors", path), error);
    return status != CT_OK ? status : dcgan_save(run->gan.discriminator, file_in(run, "discriminator.safetensors", path), error);
}

static ct_status write_settings(struct run *run, ct_error *error)
{
    char path[4200];
    struct train_options effective = *run->options; /* what the loss decided is written too */
    effective.lr = run->lr;
    effective.beta1 = isnan(effective.beta1) ? run->loss->beta1 : effective.beta1;
    char *text = command_json(&verb_train, &effective);
    if (text == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for settings.json");
    ct_status status = ct_file_write(file_in(run, "settings.json", path), text, strlen(text), error);
    free(text);
    return status;
}

/* ---- checks that save hours ---- */

static ct_status check(const struct run *run, ct_error *error)
{
    const struct train_options *options = run->options;
    int64_t pictures = data_count(run->data);
    if (strcmp(options->schedule, "constant") != 0 && strcmp(options->schedule, "cosine") != 0)
        return ct_error_set(error, CT_BAD_ARGUMENT, "--schedule %.80s: needs constant or cosine", options->schedule);
    if (pictures > 0 && pictures < 1000)
        printf("note: a discriminator learns %lld pictures by heart; a thousand and more are better\n", (long long)pictures);
    if (options->kernel % 2 != 0)
        printf("note: --kernel %lld is not a multiple of the stride, 2: neighbouring pixels are sums of different numbers of "
               "terms,\n"
               "      which shows as a checkerboard; 4 or 6 do not\n",
               (long long)options->kernel);
    return CT_OK;
}

/* ---- the run ---- */

static const char latest[] = "checkpoint-latest.safetensors";

static ct_status resume(struct run *run, ct_error *error)
{
    char path[4200];
    bool there;
    ct_status status = folder_holds(run->options->out, latest, &there, error);
    if (status == CT_OK && !there)
        printf("no checkpoint in %s yet: from the beginning\n", run->options->out);
    if (status != CT_OK || !there)
        return status;
    const long long pictures = run->state.pictures;
    status = dcgan_checkpoint_load(&run->gan, &run->state, file_in(run, latest, path), error);
    if (status == CT_OK && run->state.pictures != pictures)
        printf("note: %lld pictures where there were %lld: their order is another, and so will be what is learned\n", pictures,
               (long long)run->state.pictures);
    run->state.pictures = pictures;
    if (status == CT_OK && run->state.step > run->options->steps)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%s has done %lld steps already; --steps %lld is less", run->options->out,
                            (long long)run->state.step, (long long)run->options->steps);
    if (status == CT_OK)
        printf("resuming after step %lld\n", (long long)run->state.step);
    return status;
}

static ct_status run_open(struct run *run, ct_error *error)
{
    const struct train_options *options = run->options;
    const struct dcgan_shape shape = { CT_F32, (int)options->data.size, data_channels(&options->data), (int)options->nz,
                                       (int)options->ngf, (int)options->ndf, (int)options->kernel };
    const uint64_t seed = (uint64_t)options->data.seed;
    ct_random weights = { .seed = seed, .stream = WEIGHTS }, fixed = { .seed = seed, .stream = FIXED };
    char path[4200];
    run->loss = dcgan_loss_named(options->loss);
    if (run->loss == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "--loss %.80s: needs gan or wgan-gp", options->loss);
    ct_status status = data_check(&options->data, error);
    if (status == CT_OK)
        status = memory_check(&shape, error);
    if (status != CT_OK)
        return status;
    run->lr = isnan(options->lr) ? run->loss->lr : options->lr;
    status = dcgan_open(&run->gan, run->loss, &shape, (int)options->batch, run->lr,
                                  isnan(options->beta1) ? -1 : options->beta1, &weights, error);
    if (status != CT_OK)
        return status;
    status = data_open(&run->data, &options->data, options->batch, error);
    if (status != CT_OK)
        return status;
    printf("data: %s\n", data_description(run->data));
    run->fixed = ct_tensor_zeros(CT_F32, CT_SHAPE(GRID, shape.nz, 1, 1));
    if (run->fixed == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for noise");
    ct_normal(run->fixed, 0, 1, &fixed);
    run->state = (struct dcgan_state){ .pictures = data_count(run->data),
                                       .noise = { .seed = seed, .stream = NOISE },
                                       .mix = { .seed = seed, .stream = MIX } };
    run->rotation = (ct_rotation){ options->out, "checkpoint-", ".safetensors", (int)options->keep };

    status = check(run, error);
    if (status == CT_OK)
        status = folder_open(options->out, &run->lock, error);
    if (status == CT_OK)
        status = options->resume != NULL ? resume(run, error) : folder_clear(options->out, options->overwrite, error);
    if (status == CT_OK)
        status = write_settings(run, error);
    if (status == CT_OK && (run->log = log_open(options->out, run->state.step, options->steps, error)) == NULL)
        status = CT_IO_ERROR;
    if (status == CT_OK) /* the first pictures, of a resumed run too */
        status = data_next(run->data, run->gan.real, error);
    if (status == CT_OK)
        status = picture_grid(file_in(run, "real.png", path), run->gan.real, COLUMNS, picture_zoom(shape.size), error);
    if (status == CT_OK)
        data_note(run->data, run->gan.real);
    if (status == CT_OK)
        status = data_seek(run->data, run->state.data, error);
    return status == CT_OK && run->state.step == 0 ? write_checkpoint(run, error)
                                                   : status; /* there is always one to go back to */
}

static ct_status run_close(struct run *run, ct_status status, ct_error *error)
{
    ct_error late;
    if (log_close(run->log, &late) != CT_OK && status == CT_OK)
        status = ct_error_set(error, late.status, "%s", late.message);
    data_close(run->data);
    dcgan_close(&run->gan);
    ct_tensor_release(run->fixed);
    folder_close(run->lock);
    return status;
}

static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    struct run *run = context;
    ct_status status = CT_OK;
    if (real != NULL && run->ahead != NULL) {
        status = ahead_next(run->ahead, real, &run->state.data, error);
    } else if (real != NULL) {
        status = data_next(run->data, real, error);
        run->state.data = data_tell(run->data);
    }
    if (noise != NULL)
        ct_normal(noise, 0, 1, &run->state.noise);
    if (mix != NULL)
        ct_uniform(mix, 0, 1, &run->state.mix);
    return status;
}

static void set_lr(const struct run *run)
{
    if (strcmp(run->options->schedule, "cosine") != 0)
        return;
    double lr = ct_schedule_cosine(run->lr, run->state.step, run->options->steps, 0);
    ct_optimizer_set_lr(run->gan.generator_optimizer, lr);
    ct_optimizer_set_lr(run->gan.discriminator_optimizer, lr);
}

static ct_status one_step(struct run *run, struct progress *progress, ct_error *error)
{
    const struct train_options *options = run->options;
    const int batch = (int)options->batch;
    struct dcgan_report report = { 0 };
    set_lr(run);
    ct_status status = dcgan_step(&run->gan, draw, run, &report, error);
    if (status != CT_OK)
        return status;
    const long long step = ++run->state.step;
    status = log_step(run->log, step, &report, progress_rate(progress, step, batch), error);
    progress_show(progress, step, batch, &report);
    if (!isfinite(report.d_loss) || !isfinite(report.g_loss))
        return CT_NOT_FINITE;
    if (status == CT_OK && (step % options->every == 0 || step == options->steps))
        status = write_samples(run, error);
    if (status == CT_OK && (step % options->save_every == 0 || step == options->steps))
        status = write_checkpoint(run, error);
    return status;
}

/* Finds the op that made the first NaN: repeats the steps since the last checkpoint, exactly as they were, with the tape watching. */
static ct_status explain(struct run *run, ct_error *error)
{
    const long long last = run->state.step;
    char path[4200], found[sizeof error->message] = "no op made it: the optimizer's update did";
    ct_error inner = { CT_OK, "" };
    struct dcgan_report report;
    ct_status status =
        dcgan_checkpoint_load(&run->gan, &run->state, file_in(run, latest, path), &inner);
    if (status == CT_OK)
        status = data_seek(run->data, run->state.data, &inner);
    const long long good = run->state.step;
    ct_tape_detect_anomaly(run->gan.tape, true);
    for (; status == CT_OK && run->state.step < last; run->state.step++) {
        set_lr(run);
        status = dcgan_step(&run->gan, draw, run, &report, &inner);
    }
    if (status != CT_OK)
        snprintf(found, sizeof found, "%s", inner.message);
    return ct_error_set(
        error, CT_NOT_FINITE,
        "step %lld is not finite: %.300s. The checkpoint after step %lld is good; if the data are, --resume with a smaller --lr",
        last, found, good);
}

static ct_status run_steps(struct run *run, ct_error *error)
{
    const struct train_options *options = run->options;
    const int64_t begun = run->state.step;
    struct progress progress;
    run->ahead = ahead_open(run->data, run->gan.real, error);
    ct_status status = run->ahead != NULL ? CT_OK : CT_NO_MEMORY;
    progress_start(&progress, begun, options->steps);
    while (run->state.step < options->steps && !interrupted && status == CT_OK)
        status = one_step(run, &progress, error);
    progress_end(&progress);
    ahead_close(run->ahead);
    run->ahead = NULL;
    if (status == CT_NOT_FINITE)
        status = explain(run, error);

    const long long step = run->state.step;
    if (status == CT_OK && step < options->steps && step > begun)
        status = write_checkpoint(run, error);
    if (status == CT_OK)
        status = write_networks(run, error);
    if (status == CT_OK)
        status = report_write(options->out, error); /* once more, with the last checkpoint's hash */
    if (status != CT_OK)
        return status;
    if (data_unreadable(run->data) > 0)
        printf("pictures that could not be read and were left out: %lld\n", (long long)data_unreadable(run->data));
    if (step < options->steps)
        printf("stopped after %lld of %lld steps; go on with\n  dcgan train --resume %s\n", step, (long long)options->steps,
               options->out);
    else
        printf("done: %lld steps. Look at %s/report.html; draw more with\n  dcgan sample --model %s/generator.safetensors\n",
               step, options->out, options->out);
    return CT_OK;
}

ct_status train(const struct train_options *options, ct_error *error)
{
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART) }; /* the second Ctrl-C is final */
    struct sigaction hangup;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup ignores it */
        sigaction(SIGHUP, &action, NULL);
    action.sa_flags = SA_RESTART; /* each line more that nobody reads comes with another */
    sigaction(SIGPIPE, &action, NULL);

    struct run run = { .options = options, .lock = -1 };
    ct_status status = run_open(&run, error);
    if (status == CT_OK)
        status = run_steps(&run, error);
    return run_close(&run, status, error);
}

/* ---- the verb ---- */

static const struct setting settings[] = {
    DATA_SETTINGS(struct train_options),
    TEXT(struct train_options, loss, "loss", "gan|wgan-gp", "gan", "PyTorch's DCGAN example, or Wasserstein with a gradient penalty"),
    WHOLE(struct train_options, steps, "steps", "2000", 1, 1e8, "training steps, counted from the beginning"),
    WHOLE(struct train_options, batch, "batch", "64", 2, 65536, "pictures a step"),
    REAL(struct train_options, lr, "lr", NULL, 0, 1, "Adam's learning rate (gan 0.0002, wgan-gp 0.0001)"),
    REAL(struct train_options, beta1, "beta1", NULL, 0, 1, "Adam's first decay (gan 0.5, wgan-gp 0)"),
    TEXT(struct train_options, schedule, "schedule", "constant|cosine", "constant", "of the learning rate; cosine ends at 0"),
    WHOLE(struct train_options, ngf, "ngf", "64", 1, 4096, "width of the generator"),
    WHOLE(struct train_options, ndf, "ndf", "64", 1, 4096, "width of the discriminator"),
    WHOLE(struct train_options, nz, "nz", "100", 1, 65536, "numbers of noise behind a picture"),
    WHOLE(struct train_options, kernel, "kernel", "4", 2, 15, "side of the kernels that double and halve"),
    WHOLE(struct train_options, every, "every", "200", 1, 1e8, "steps between sample pictures"),
    WHOLE(struct train_options, save_every, "save-every", "200", 1, 1e8, "steps between checkpoints"),
    WHOLE(struct train_options, keep, "keep", "3", 1, 1e6, "checkpoints that stay"),
    { .name = "out", .argument = "FOLDER", .help = "gets pictures, logs, settings, networks and checkpoints",
      .offset = offsetof(struct train_options, out), .value = "out/dcgan", .passing = true },
    { .name = "overwrite", .help = "remove the run that is in --out", .kind = SETTING_FLAG,
      .offset = offsetof(struct train_options, overwrite), .passing = true },
    { .name = "resume", .argument = "FOLDER", .help = "go on with the run in that folder, with its settings.json",
      .offset = offsetof(struct train_options, resume), .passing = true },
    { .name = "quiet", .help = "print nothing but errors", .kind = SETTING_FLAG, .offset = offsetof(struct train_options, quiet),
      .passing = true },
};

static ct_status run(const void *given, ct_error *error)
{
    struct train_options options = *(const struct train_options *)given;
    if (options.resume != NULL)
        options.out = options.resume;
    if (options.quiet && freopen("/dev/null", "w", stdout) == NULL)
        return ct_error_set(error, CT_IO_ERROR, "cannot open /dev/null: %s", strerror(errno));
    return train(&options, error);
}

const struct verb verb_train = {
    "train", "learn from pictures",
    "Ctrl-C, SIGTERM, a terminal or a pipe that closes: saves and stops; --resume goes on, to the byte as if nothing had\n"
    "happened. If the generator draws one picture again and again, try another seed, a smaller --lr or --loss wgan-gp; if\n"
    "D(x) is 1 and D(G(z)) 0 for long, the discriminator has won: make it narrower (--ndf).\n\n"
    "Examples\n"
    "  dcgan train --characters ABC --steps 1000 --out out/abc\n"
    "  dcgan train --data photos --channels 3 --size 64 --steps 50000 --out out/photos\n"
    "  dcgan train --resume out/photos\n"
    "  dcgan train --resume out/photos --steps 100000\n"
    "  dcgan train --config out/abc/settings.json --loss wgan-gp --out out/abc-wgan\n",
    SETTINGS_OF(settings), sizeof(struct train_options), run
};
