/* A DCGAN (Radford, Metz, Chintala 2015) as PyTorch's example has it: what the files of this program share. */
#ifndef DCGAN_H
#define DCGAN_H

#include <cotangent/cotangent.h>

/* ---- model.c: the two networks and one training step ---- */

struct dcgan_shape {
    ct_dtype dtype;
    int size;     /* of the square images: 16, 32, 64 or 128 */
    int channels; /* 1 grey, 3 RGB */
    int nz;       /* width of the noise */
    int ngf, ndf; /* feature maps of the generator's last and the discriminator's first hidden layer */
};

struct dcgan {
    struct dcgan_shape shape;
    ct_tape *tape;
    ct_module *generator, *discriminator;
    ct_optimizer *generator_optimizer, *discriminator_optimizer;
    ct_tensor *real_label, *fake_label; /* (batch): ones, zeros */
};

/* PyTorch's numbers: losses, and the discriminator's mean answer to real, to fake, and to fake after its step. */
struct dcgan_report {
    double d_loss, g_loss, d_real, d_fake, d_fake_after;
};

ct_module *dcgan_generator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);
ct_module *dcgan_discriminator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error);

ct_status dcgan_open(struct dcgan *gan, const struct dcgan_shape *shape, int batch, double lr, double beta1, ct_random *random,
                     ct_error *error);
void dcgan_close(struct dcgan *gan);

/* One step on real (batch, channels, size, size) and noise (batch, nz, 1, 1). */
ct_status dcgan_step(struct dcgan *gan, ct_tensor *real, ct_tensor *noise, struct dcgan_report *report, ct_error *error);

/* The generator's pictures for noise, in evaluation mode; the caller's. */
ct_tensor *dcgan_sample(ct_module *generator, ct_tape *tape, ct_tensor *noise, ct_error *error);

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
    struct dcgan_shape shape;
    const char *data, *fonts, *characters, *out;
    int64_t steps, sample_every;
    int batch;
    double lr, beta1;
    uint64_t seed;
};

ct_status train(const struct train_options *options, ct_error *error);

#endif
