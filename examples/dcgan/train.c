/* The training loop: data in, steps, and everything a person wants to look at afterwards. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dcgan.h"

enum { GRID = 64, COLUMNS = 8, WEIGHTS = 0, NOISE = 1, ORDER = 2, FIXED = 3, MIX = 4 }; /* the last five: streams of random numbers */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    interrupted = signal;
}

/* The real pictures: letters drawn as they are needed, or a folder held in memory. */
struct data {
    struct glyphs *glyphs;
    ct_tensor *folder;
    int64_t *order, position;
    ct_random random;
};

static ct_status data_open(struct data *data, const struct train_options *options, ct_error *error)
{
    *data = (struct data){ .random = { .seed = options->seed, .stream = ORDER } };
    if (strcmp(options->data, "glyphs") == 0) {
        data->glyphs = glyphs_open(options->fonts, options->characters, error);
        if (data->glyphs == NULL)
            return CT_IO_ERROR;
        printf("data: %zu characters of %d fonts under %s\n", strlen(options->characters), glyphs_fonts(data->glyphs),
               options->fonts);
        return CT_OK;
    }
    int64_t skipped;
    data->folder = ct_image_folder(options->data, options->shape.channels, options->shape.size, 0, &skipped, error);
    if (data->folder == NULL)
        return CT_IO_ERROR;
    int64_t count = ct_tensor_size(data->folder, 0);
    printf("data: %lld pictures of %s", (long long)count, options->data);
    printf(skipped > 0 ? "; %lld could not be read\n" : "\n", (long long)skipped);
    data->order = malloc((size_t)count * sizeof *data->order);
    data->position = count;
    return data->order != NULL ? CT_OK : ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures", (long long)count);
}

static void data_close(struct data *data)
{
    glyphs_close(data->glyphs);
    ct_tensor_release(data->folder);
    free(data->order);
}

/* batch ← the next pictures: every one of a folder once an epoch, in a new order each. */
static void data_next(struct data *data, ct_tensor *batch, uint64_t seed, int64_t drawn)
{
    if (data->glyphs != NULL) {
        glyphs_draw(data->glyphs, batch, seed, (uint32_t)drawn);
        return;
    }
    int64_t count = ct_tensor_size(data->folder, 0), plane = ct_tensor_count(data->folder) / count;
    const float *from = ct_tensor_data(data->folder);
    float *to = ct_tensor_data_mutable(batch);
    for (int64_t i = 0; i < ct_tensor_size(batch, 0); i++) {
        if (data->position == count) {
            ct_permutation(data->order, count, &data->random);
            data->position = 0;
        }
        memcpy(to + i * plane, from + data->order[data->position++] * plane, (size_t)plane * sizeof *to);
    }
}

/* ---- what a run writes ---- */

struct run {
    const struct train_options *options;
    struct dcgan gan;
    struct data data;
    ct_random noise, mix;
    int64_t drawn; /* batches of real pictures so far */
    ct_tensor *fixed;
    FILE *log;
    struct dcgan_report *report; /* of every step so far */
    int zoom;
};

static char *file_in(const struct run *run, const char *name, char path[4096])
{
    snprintf(path, 4096, "%s/%s", run->options->out, name);
    return path;
}

static ct_status write_samples(struct run *run, int64_t step, ct_error *error)
{
    char path[4096], name[64];
    ct_tensor *images = dcgan_sample(run->gan.generator, run->gan.tape, run->fixed, error);
    if (images == NULL)
        return error->status;
    snprintf(name, sizeof name, "samples-%06lld.png", (long long)step);
    ct_status status = picture_grid(file_in(run, name, path), images, COLUMNS, run->zoom, error);
    ct_tensor_release(images);
    return status;
}

static ct_status write_all(struct run *run, int64_t step, ct_error *error)
{
    char path[4096];
    ct_status status = write_samples(run, step, error);
    if (status == CT_OK)
        status = dcgan_save(run->gan.generator, file_in(run, "generator.safetensors", path), error);
    if (status == CT_OK)
        status = dcgan_save(run->gan.discriminator, file_in(run, "discriminator.safetensors", path), error);
    if (status == CT_OK)
        status = picture_losses(file_in(run, "losses.png", path), run->report, step, error);
    if (status == CT_OK && (fflush(run->log) != 0 || ferror(run->log)))
        status = ct_error_set(error, CT_IO_ERROR, "cannot write %s: %s", file_in(run, "log.csv", path), strerror(errno));
    return status;
}

static ct_status make_folder(const char *path, ct_error *error)
{
    char part[4096];
    if (strlen(path) >= sizeof part - 64)
        return ct_error_set(error, CT_BAD_ARGUMENT, "the path of the output folder is too long");
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return ct_error_set(error, CT_IO_ERROR, "cannot make the folder %s: %s", part, strerror(errno));
    }
    return CT_OK;
}

/* ---- the run ---- */

static ct_status run_open(struct run *run, ct_error *error)
{
    const struct train_options *options = run->options;
    const struct dcgan_shape *shape = &options->shape;
    ct_random weights = { .seed = options->seed, .stream = WEIGHTS }, fixed = { .seed = options->seed, .stream = FIXED };
    char path[4096];
    ct_status status =
        dcgan_open(&run->gan, options->loss, shape, options->batch, options->lr, options->beta1, &weights, error);
    if (status == CT_OK)
        status = make_folder(options->out, error);
    if (status == CT_OK)
        status = data_open(&run->data, options, error);
    if (status != CT_OK)
        return status;

    run->noise = (ct_random){ .seed = options->seed, .stream = NOISE };
    run->mix = (ct_random){ .seed = options->seed, .stream = MIX };
    run->fixed = ct_tensor_zeros(CT_F32, CT_SHAPE(GRID, shape->nz, 1, 1));
    run->report = calloc((size_t)options->steps, sizeof *run->report);
    run->zoom = shape->size <= 32 ? 3 : shape->size == 64 ? 2 : 1;
    if (run->fixed == NULL || run->report == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld steps of %d images", (long long)options->steps,
                            options->batch);
    ct_normal(run->fixed, 0, 1, &fixed);

    run->log = fopen(file_in(run, "log.csv", path), "w");
    if (run->log == NULL)
        return ct_error_set(error, CT_IO_ERROR, "cannot create %s: %s", path, strerror(errno));
    fprintf(run->log, "step,d_loss,g_loss,d_real,d_fake,d_fake_after,images_per_second\n");

    data_next(&run->data, run->gan.real, options->seed, 0);
    return picture_grid(file_in(run, "real.png", path), run->gan.real, COLUMNS, run->zoom, error);
}

static ct_status run_close(struct run *run, ct_status status, ct_error *error)
{
    if (run->log != NULL && fclose(run->log) != 0 && status == CT_OK)
        status = ct_error_set(error, CT_IO_ERROR, "cannot write the log: %s", strerror(errno));
    data_close(&run->data);
    dcgan_close(&run->gan);
    ct_tensor_release(run->fixed);
    free(run->report);
    return status;
}

static ct_status draw(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error)
{
    (void)error;
    struct run *run = context;
    if (real != NULL)
        data_next(&run->data, real, run->options->seed, run->drawn++);
    if (noise != NULL)
        ct_normal(noise, 0, 1, &run->noise);
    if (mix != NULL)
        ct_uniform(mix, 0, 1, &run->mix);
    return CT_OK;
}

static ct_status run_steps(struct run *run, ct_error *error)
{
    const struct train_options *options = run->options;
    struct progress progress;
    ct_status status = CT_OK;
    int64_t step = 0;
    progress_start(&progress, options->steps);
    while (step < options->steps && !interrupted && status == CT_OK) {
        struct dcgan_report *report = &run->report[step];
        status = dcgan_step(&run->gan, draw, run, report, error);
        if (status != CT_OK)
            break;
        step++;
        fprintf(run->log, "%lld,%.6g,%.6g,%.6g,%.6g,%.6g,%.1f\n", (long long)step, report->d_loss, report->g_loss, report->d_real,
                report->d_fake, report->d_fake_after, progress_rate(&progress, step, options->batch));
        progress_show(&progress, step, options->batch, report);
        if (!isfinite(report->d_loss) || !isfinite(report->g_loss))
            status = ct_error_set(error, CT_NOT_FINITE, "the losses of step %lld are not finite; try a smaller --lr", (long long)step);
        else if (step % options->sample_every == 0 && step < options->steps)
            status = write_samples(run, step, error);
    }
    progress_end(&progress);
    if (status == CT_OK)
        status = write_all(run, step, error);
    if (status == CT_OK)
        printf("%s %lld steps. Look at %s/samples-%06lld.png; draw more with\n  dcgan sample --model %s/generator.safetensors\n",
               interrupted ? "stopped after" : "done:", (long long)step, options->out, (long long)step, options->out);
    return status;
}

ct_status train(const struct train_options *options, ct_error *error)
{
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND }; /* the second Ctrl-C is final */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct run run = { .options = options };
    ct_status status = run_open(&run, error);
    if (status == CT_OK)
        status = run_steps(&run, error);
    return run_close(&run, status, error);
}
