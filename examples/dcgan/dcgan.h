/* A DCGAN (Radford, Metz, Chintala 2015) as PyTorch's example has it: what the files of this program share. */
#ifndef DCGAN_H
#define DCGAN_H

#include <cotangent/cotangent.h>

/* ---- model.c: the two networks ---- */

struct dcgan_shape {
    ct_dtype dtype;
    int size;     /* of the square images: 16, 32, 64 or 128 */
    int channels; /* 1 grey, 3 RGB */
    int nz;       /* width of the noise */
    int ngf, ndf; /* feature maps of the generator's last and the discriminator's first hidden layer */
};

ct_module *dcgan_generator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);
ct_module *dcgan_discriminator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);

/* The same without batch statistics and without the sigmoid: layer norm (group norm of one group), an unbounded answer. */
ct_module *dcgan_critic_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);

/* The generator's pictures for noise, in evaluation mode; the caller's. */
ct_tensor *dcgan_sample(ct_module *generator, ct_tape *tape, ct_tensor *noise, ct_error *error);

/* ---- loss.c: one training step ---- */

/* What a step says of itself. GAN: PyTorch's numbers, the losses and the discriminator's mean answer to real, to fake, and to
 * fake after its step. WGAN: mean answers without bound, of the last critic step; penalty is the part of d_loss that it is. */
struct dcgan_report {
    double d_loss, g_loss, d_real, d_fake, d_fake_after, penalty;
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

/* ---- checkpoint.c ---- */

/* Weights and running statistics under PyTorch's names, "main.0.weight", …. */
ct_status dcgan_save(const ct_module *module, const char *path, ct_error *error);
ct_module *dcgan_load_generator(const char *path, struct dcgan_shape *shape, ct_error *error);

/* ---- data: glyphs.c draws, a folder's pictures are read at once ---- */

struct glyphs;
struct glyphs *glyphs_open(const char *folder, const char *characters, ct_error *error);
void glyphs_close(struct glyphs *glyphs);
int glyphs_fonts(const struct glyphs *glyphs);

/* batch (n, 1, size, size) ← letters; sample i of step t is a function of (seed, t, i) alone. */
void glyphs_draw(const struct glyphs *glyphs, ct_tensor *batch, uint64_t seed, uint32_t step);

/* ---- picture.c ---- */

/* images (n, channels, size, size) side by side, `columns` a row, each pixel drawn `zoom` times. */
ct_status picture_grid(const char *path, const ct_tensor *images, int columns, int zoom, ct_error *error);

/* Both losses over the steps: the discriminator's blue, the generator's orange. */
ct_status picture_losses(const char *path, const struct dcgan_report *report, int64_t count, ct_error *error);

/* ---- progress.c ---- */

struct progress {
    int64_t steps, shown;
    double start, last;
    bool terminal;
};

void progress_start(struct progress *progress, int64_t steps);
double progress_rate(const struct progress *progress, int64_t step, int batch); /* images a second so far */
void progress_show(struct progress *progress, int64_t step, int batch, const struct dcgan_report *report);
void progress_end(const struct progress *progress);

/* ---- train.c ---- */

struct train_options {
    const struct dcgan_loss *loss;
    struct dcgan_shape shape;
    const char *data, *fonts, *characters, *out;
    int64_t steps, sample_every;
    int batch;
    double lr, beta1;
    uint64_t seed;
};

ct_status train(const struct train_options *options, ct_error *error);

/* ---- bench.c ---- */

struct bench_options {
    struct dcgan_shape shape;
    int batch, warm_up, steps;
    bool json;
};

/* Prints the time of a step (median, minimum, the first with all that is made anew), images a second, memory. */
ct_status bench(const struct bench_options *options, ct_error *error);

#endif
