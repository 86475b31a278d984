/* A DCGAN (Radford, Metz, Chintala 2015) as PyTorch's example has it: what the files of this program share. */
#ifndef DCGAN_H
#define DCGAN_H

#include <cotangent/cotangent.h>

#include "command.h"

/* ---- model.c: the two networks ---- */

struct dcgan_shape {
    ct_dtype dtype;
    int size;     /* of the square images: 16, 32, 64 or 128 */
    int channels; /* 1 grey, 3 RGB */
    int nz;       /* width of the noise */
    int ngf, ndf; /* feature maps of the generator's last and the discriminator's first hidden layer */
    int kernel;   /* of the layers that double or halve the side; 0: 4. One that 2 does not divide leaves a checkerboard */
};

ct_module *dcgan_generator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);
ct_module *dcgan_discriminator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);

/* How many weights their convolutions have, which are nearly all that there is to train. */
int64_t dcgan_generator_weights(const struct dcgan_shape *shape);
int64_t dcgan_discriminator_weights(const struct dcgan_shape *shape);

/* How the transposed convolution at a position of the generator goes. */
ct_conv_options dcgan_generator_options(const struct dcgan_shape *shape, int layer, int64_t kernel[2]);

/* The same without batch statistics and without the sigmoid: layer norm (group norm of one group), an unbounded answer. */
ct_module *dcgan_critic_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);

/* The generator's pictures for noise (n, nz, 1, 1) of its dtype, in evaluation mode; the caller's. Each is a function of its own noise
 * alone, to the bit: neither the others nor their number matter. */
ct_tensor *dcgan_sample(ct_module *generator, const struct dcgan_shape *shape, ct_tape *tape, ct_tensor *noise, ct_error *error);

/* ---- loss.c: one training step ---- */

/* What a step says of itself. GAN: PyTorch's numbers, the losses and the discriminator's mean answer to real, to fake, and to
 * fake after its step. WGAN: mean answers without bound, of the last critic step; penalty is the part of d_loss that it is. */
#define REPORT_FIELDS(X) X(d_loss) X(g_loss) X(d_real) X(d_fake) X(d_fake_after) X(penalty)
#define REPORT_FIELD(name) double name;
struct dcgan_report {
    REPORT_FIELDS(REPORT_FIELD)
};

/* Where a step takes its numbers: fills each tensor that is not NULL with the next real pictures (batch, channels, size, size),
 * noise (batch, nz, 1, 1), and weights in [0, 1) that mix real and fake (batch, 1, 1, 1). */
typedef ct_status (*dcgan_draw)(void *context, ct_tensor *real, ct_tensor *noise, ct_tensor *mix, ct_error *error);

struct dcgan;

/* One row a loss: which opponent the generator has, Adam's settings, and the step. */
struct dcgan_loss {
    const char *name;
    ct_module *(*discriminator_new)(const struct dcgan_shape *shape, ct_random *random, ct_error *error);
    int d_steps; /* of the discriminator, each on a new batch, for one of the generator */
    double lr, beta1, beta2;
    ct_status (*step)(struct dcgan *gan, dcgan_draw draw, void *context, struct dcgan_report *report, ct_error *error);
};

extern const struct dcgan_loss dcgan_gan, dcgan_wgan_gp;
const struct dcgan_loss *dcgan_loss_named(const char *name); /* NULL if there is none */

struct dcgan {
    struct dcgan_shape shape;
    const struct dcgan_loss *loss;
    ct_tape *tape;
    ct_module *generator, *discriminator;
    ct_optimizer *generator_optimizer, *discriminator_optimizer;
    ct_tensor *real, *noise, *mix;      /* the batch at hand */
    ct_tensor *real_label, *fake_label; /* (batch): ones, zeros */
};

/* Networks, optimizers and buffers. lr and beta1 below 0: the loss's own. */
ct_status dcgan_open(struct dcgan *gan, const struct dcgan_loss *loss, const struct dcgan_shape *shape, int batch, double lr,
                     double beta1, ct_random *random, ct_error *error);
void dcgan_close(struct dcgan *gan);

/* One step of the generator, and the loss's number of steps of the discriminator before it. */
ct_status dcgan_step(struct dcgan *gan, dcgan_draw draw, void *context, struct dcgan_report *report, ct_error *error);

/* λ · mean over the batch of (‖∂Σ critic(x̂)/∂x̂‖ − 1)², x̂ = mix · real + (1 − mix) · fake: the gradient penalty, recorded so
 * that it can be differentiated by the critic's weights. */
ct_tensor *dcgan_gradient_penalty(ct_tape *tape, ct_module *critic, ct_tensor *real, ct_tensor *fake, ct_tensor *mix,
                                  double lambda);

/* ---- weights.c: networks in and out, under the names of PyTorch's state_dict ---- */

/* Weights and running statistics as "main.0.weight", …. */
ct_status dcgan_save(const ct_module *module, const char *path, ct_error *error);

/* A generator that dcgan_save or PyTorch's example wrote, or the one inside a checkpoint. Its sizes follow from its weights. */
ct_module *dcgan_load_generator(const char *path, struct dcgan_shape *shape, ct_error *error);

/* ---- export.c ---- */

/* The generator in evaluation mode as an ONNX graph, noise to images, of any batch. */
ct_status dcgan_export_onnx(const ct_module *generator, const struct dcgan_shape *shape, const char *path, ct_error *error);

/* ---- checkpoint.c: all that a run needs to go on ---- */

struct dcgan_state {
    int64_t step;            /* steps done */
    ct_loader_position data; /* what the next step draws from */
    int64_t pictures;        /* among how many; 0: letters */
    ct_random noise, mix;
};

ct_status dcgan_checkpoint_save(const struct dcgan *gan, const struct dcgan_state *state, const char *path, ct_error *error);

/* Into a gan that dcgan_open made with the same loss, shape and seed. */
ct_status dcgan_checkpoint_load(struct dcgan *gan, struct dcgan_state *state, const char *path, ct_error *error);

/* ---- memory.c ---- */

/* Refuses networks whose float32 weights, moments and gradients alone are more than this machine's free memory. */
ct_status memory_check(const struct dcgan_shape *shape, ct_error *error);

/* ---- data.c: the real pictures ---- */

struct data_options {
    const char *source, *fonts, *characters, *resize;
    int64_t channels, size, seed;
    bool flip;
};

#define DATA_SETTINGS(type) \
    TEXT(type, data.source, "data", "glyphs|PATH", "glyphs", \
         "letters drawn from this machine's fonts; or a folder of PNG and JPEG files, MNIST's or CIFAR-10's, an IDX or .npy file"), \
    TEXT(type, data.fonts, "fonts", "FOLDER", "/usr/share/fonts", "where glyphs looks for .ttf and .otf"), \
    TEXT(type, data.characters, "characters", "TEXT", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", \
         "what glyphs draws"), \
    WHOLE(type, data.channels, "channels", "1", 1, 3, "1 grey, 3 colour; glyphs are grey"), \
    WHOLE(type, data.size, "size", "32", 16, 128, "side of the pictures, 16, 32, 64 or 128; each doubling adds a layer"), \
    WHOLE(type, data.seed, "seed", "1", 0, 9e15, "the same seed gives the same pictures, whatever the threads"), \
    TEXT(type, data.resize, "resize", "area|lanczos", "area", "how pictures of files are scaled; lanczos is sharper"), \
    FLAG(type, data.flip, "flip", "mirror half of the pictures of files")

/* Refuses sizes and channels that no network here has, and filters that are none. */
ct_status data_check(const struct data_options *options, ct_error *error);

struct data;

/* For batches of that many. data_close gives it back; NULL when the status is not CT_OK. */
ct_status data_open(struct data **opened, const struct data_options *options, int64_t batch, ct_error *error);
void data_close(struct data *data);
int data_channels(const struct data_options *options); /* of the pictures: 1 or 3 */
int64_t data_count(const struct data *data);           /* pictures; 0: as many as one likes */
int64_t data_unreadable(const struct data *data);      /* pictures left out so far, each with a line on stderr */
const char *data_description(const struct data *data); /* a sentence */

/* Prints a note if the first pictures of files look as if black were 0. */
void data_note(const struct data *data, const ct_tensor *pictures);

/* batch (n, channels, size, size) ← the next pictures: every one once an epoch, in a new order each. Where they are taken from next
 * is all the state there is; of glyphs, index counts batches. */
ct_status data_next(struct data *data, ct_tensor *batch, ct_error *error);
ct_loader_position data_tell(const struct data *data);
ct_status data_seek(struct data *data, ct_loader_position position, ct_error *error);

/* ---- ahead.c: the next batch, made by a thread of its own while a step works on this one ---- */

struct ahead;

/* From where the data are. They are its own until ahead_close, after which they stand behind a batch that nobody got. Batches are like
 * `like`. NULL on failure. */
struct ahead *ahead_open(struct data *data, const ct_tensor *like, ct_error *error);
void ahead_close(struct ahead *ahead);

/* What data_next would have given, by exchanging storages: nothing is copied or allocated. *position: where the data were after it. After a
 * failure every call fails the same. */
ct_status ahead_next(struct ahead *ahead, ct_tensor *batch, ct_loader_position *position, ct_error *error);

/* ---- picture.c ---- */

/* images (n, channels, size, size) side by side, `columns` a row, each pixel drawn `zoom` times. */
ct_status picture_grid(const char *path, const ct_tensor *images, int columns, int zoom, ct_error *error);
int picture_zoom(int size); /* for a comfortable grid */

/* Refuses a name for a picture that does not end in .png. */
ct_status picture_check(const char *option, const char *path, ct_error *error);

/* The same as bytes, for free(); *width · *height · channels of them. */
uint8_t *picture_pixels(const ct_tensor *images, int columns, int zoom, int *width, int *height, ct_error *error);

/* ---- folder.c: a folder holds one run, and one process at a time works on it ---- */

/* Makes and locks it; *lock (−1 before) goes to folder_close. Temporaries of a killed run are removed. */
ct_status folder_open(const char *path, int *lock, ct_error *error);
void folder_close(int lock);

/* "cannot <what> <path>: …", after a system call that failed. */
ct_status cannot(const char *what, const char *path, ct_error *error);

/* Whether a file is there; that it cannot be told is an error, not a no. */
ct_status folder_holds(const char *folder, const char *name, bool *there, ct_error *error);

/* Removes the run that is in it; refuses when there is one and `overwrite` is false. */
ct_status folder_clear(const char *path, bool overwrite, ct_error *error);

/* ---- log.c: what a run says of each step, in files ---- */

struct log;

/* log.csv (a function of the settings alone), log.jsonl (with times) and TensorBoard's events in a folder, after the rows up to
 * `step` of `steps`. */
struct log *log_open(const char *folder, int64_t step, int64_t steps, ct_error *error);
ct_status log_step(struct log *log, int64_t step, const struct dcgan_report *report, double images_per_second, ct_error *error);
ct_status log_picture(struct log *log, int64_t step, int width, int height, int channels, const uint8_t *pixels, ct_error *error);
ct_status log_flush(struct log *log, ct_error *error); /* all of it to the system */
ct_status log_sync(struct log *log, ct_error *error); /* all of it to the disk */
ct_status log_close(struct log *log, ct_error *error);

/* ---- report.c ---- */

/* folder/losses.svg and folder/report.html from what else is in the folder. */
ct_status report_write(const char *folder, ct_error *error);

/* ---- progress.c ---- */

struct progress {
    int64_t first, steps, shown;
    double start, last;
    bool terminal;
};

void progress_start(struct progress *progress, int64_t step, int64_t steps);
double progress_rate(const struct progress *progress, int64_t step, int batch); /* images a second so far */
void progress_show(struct progress *progress, int64_t step, int batch, const struct dcgan_report *report);
void progress_end(const struct progress *progress);

/* ---- the verbs, one file each ---- */

struct train_options {
    struct common common;
    struct data_options data;
    const char *loss, *schedule, *out, *resume;
    int64_t kernel, steps, batch, ngf, ndf, nz, every, save_every, keep;
    double lr, beta1;
    bool quiet, overwrite;
};

ct_status train(const struct train_options *options, ct_error *error);

extern const struct verb verb_train, verb_sample, verb_interpolate, verb_export, verb_evaluate, verb_report, verb_data, verb_bench;

/* between ← the point at t (0 … 1) of the way along the sphere, lengths interpolated with it. */
void slerp(int64_t count, const double *from, const double *to, double t, double *between);

#endif
