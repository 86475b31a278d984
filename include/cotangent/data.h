/* Data for training: where images come from, and batches of them in an order that can be resumed. */
#ifndef COTANGENT_DATA_H
#define COTANGENT_DATA_H

#include <cotangent/io.h>

/* ---- sources: images, each of which can be read by itself ---------------------------- */

typedef struct ct_source ct_source;

/* Every image comes as float32 (channels, size, size) in −1 … 1: the largest centred square, resampled. Grey spreads over three
 * channels; three become luminance. */
typedef struct ct_source_options {
    int channels; /* 1 or 3; 0: 3 */
    int64_t size; /* 1 … 4,096 */
    ct_filter filter;
} ct_source_options;

/* All PNG and JPEG files in a folder and the folders in it, by path; names that begin with a dot are left out. CT_BAD_FORMAT if
 * there are none. The files are read when an image is asked for. The caller's, for ct_source_free; NULL on failure, as all makers. */
CT_API ct_source *ct_source_folder(const char *path, const ct_source_options *options, ct_error *error);

/* Held in memory as they are stored: IDX images (n, h, w) of bytes; CIFAR-10 batches; .npy arrays (n, h, w), (n, c, h, w) or
 * (n, h, w, c) with c = 1 or 3, of bytes 0 … 255, or of another type with values in −1 … 1. */
CT_API ct_source *ct_source_idx(const char *path, const ct_source_options *options, ct_error *error);
CT_API ct_source *ct_source_cifar10(int count, const char *const paths[], const ct_source_options *options, ct_error *error);
CT_API ct_source *ct_source_npy(const char *path, const ct_source_options *options, ct_error *error);

/* A float32 tensor (n, 1 or 3, h, w) in −1 … 1, which the source retains. */
CT_API ct_source *ct_source_tensor(ct_tensor *images, const ct_source_options *options, ct_error *error);

/* By what is there: a .npy or IDX file, a CIFAR-10 batch (.bin), or a folder with CIFAR-10's data_batch_*.bin, with MNIST's
 * train-images-idx3-ubyte or train-images.idx3-ubyte (.gz), also in raw/ as torchvision leaves them, or with images. */
CT_API ct_source *ct_source_open(const char *path, const ct_source_options *options, ct_error *error);
CT_API void ct_source_free(ct_source *source);

CT_API int64_t ct_source_count(const ct_source *source);
CT_API ct_shape ct_source_shape(const ct_source *source); /* (channels, size, size) */

/* Image `index` into channels · size · size floats. From any thread. CT_BAD_FORMAT or CT_IO_ERROR: this image is no good. */
CT_API ct_status ct_source_read(const ct_source *source, int64_t index, float *to, ct_error *error);

/* A name to tell it by, "folder/cat.png" or "data_batch_1.bin, image 7", into text (size bytes, always terminated); returns text. */
CT_API char *ct_source_name(const ct_source *source, int64_t index, char *text, size_t size);

/* ---- letters, drawn when they are needed --------------------------------------------- */

/* The .ttf and .otf files in a folder and the folders in it, by path, each once, that have an outline for each of the characters (ASCII's
 * without the space), no two the same; at most 1,000, and no more behind the one with the outlines' 8,388,609th point. Left out are files of
 * over 32 MiB, fonts thinner than light, and what this user may not read; any other file that cannot be read is an error. FreeType may take
 * 64 MiB and a second of processor time a font (one takes half a thousandth), and finish the letter at hand, or that font is left out.
 * CT_BAD_FORMAT when no font is left. The caller's, for ct_glyphs_close; NULL on failure. */
typedef struct ct_glyphs ct_glyphs;
CT_API ct_glyphs *ct_glyphs_open(const char *folder, const char *characters, ct_error *error);
CT_API void ct_glyphs_close(ct_glyphs *glyphs);
CT_API int ct_glyphs_fonts(const ct_glyphs *glyphs); /* how many */

/* batch, float32 (n, 1, size, size), size 1 … 4,096 ← letters, −1 where there is nothing, 1 inside. Picture i is a function of (seed, step,
 * i) alone: its font and character, turned by up to 0.12 radians; capitals 0.63 to 0.73 of the side high, wider or longer letters made to
 * fit; shifted by up to 1/32 of the side each way. Allocates nothing. By one thread at a time. CT_BAD_SHAPE, CT_BAD_ARGUMENT. */
CT_API ct_status ct_glyphs_draw(ct_glyphs *glyphs, ct_tensor *batch, uint64_t seed, uint32_t step, ct_error *error);

/* ---- the loader: batches, decoded ahead of time -------------------------------------- */

/* Threads decode ahead, at most two batches and at most 256 images; the order of the images, and every bit of a batch, depend on
 * none of that. In epoch e the images come in the order of ct_permutation with (seed, stream, e, step 0). An image that
 * cannot be read is left out, and the next takes its place. An epoch's last batch is smaller when the images run out. */
typedef struct ct_loader_options {
    int64_t batch; /* ≥ 1 */
    uint64_t seed;
    uint32_t stream; /* of random numbers */
    bool in_order;   /* no shuffling */
    bool flip;       /* mirrors half of the images, others in every epoch: ct_philox({index, 1, stream, epoch}, seed) & 1 */
    bool drop_last;  /* leaves an epoch's last batch out if it is smaller */
    int threads;     /* 1 … 64; 0: 2 */
    void (*skipped)(void *context, const char *name, const ct_error *why); /* may be NULL; called inside ct_loader_next */
    void *context;
} ct_loader_options;

/* Where the loader is, after the last batch it gave: all that has to be saved to go on exactly. */
typedef struct ct_loader_position {
    uint32_t epoch;
    int64_t index; /* images of this epoch's order that are done with */
} ct_loader_position;

typedef struct ct_loader ct_loader;

/* The source stays the caller's and must outlive the loader. NULL on failure; CT_BAD_ARGUMENT when drop_last would drop
 * everything. */
CT_API ct_loader *ct_loader_new(const ct_source *source, const ct_loader_options *options, ct_error *error);
CT_API void ct_loader_free(ct_loader *loader);

/* The next batch, float32 (n, channels, size, size), the caller's; epoch follows epoch. NULL on failure, after which another call
 * tries the same batch again. CT_BAD_FORMAT when a whole epoch holds no batch of images that can be read. */
CT_API ct_tensor *ct_loader_next(ct_loader *loader, ct_error *error);

/* The same into a batch that is there, float32 (batch, channels, size, size): nothing is allocated. Only with drop_last, which makes all
 * batches as large. */
CT_API ct_status ct_loader_fill(ct_loader *loader, ct_tensor *batch, ct_error *error);

CT_API ct_loader_position ct_loader_tell(const ct_loader *loader);
CT_API ct_status ct_loader_seek(ct_loader *loader, ct_loader_position position, ct_error *error); /* index 0 … the source's count */
CT_API int64_t ct_loader_skipped(const ct_loader *loader); /* images left out so far */

#endif
