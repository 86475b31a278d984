/* Files: safetensors checkpoints, arrays and images. Paths are the system's; nothing here follows a name found inside a file.
 *
 * Writers replace a file whole or leave it as it was: temporary, fsync, rename. A process that is killed while it writes leaves nothing more;
 * where the file system has no files without a name (O_TMPFILE), <path>.<pid>.tmp may stay, which nobody reads. Readers trust nothing and say what is wrong.
 */
#ifndef COTANGENT_IO_H
#define COTANGENT_IO_H

#include <cotangent/tensor.h>

/* path ← size bytes: whole, or as it was. CT_IO_ERROR when the system refuses. */
CT_API ct_status ct_file_write(const char *path, const void *data, size_t size, ct_error *error);

/* ---- safetensors -------------------------------------------------------------------- */

/* Writes count tensors as F32 or F64 under names that are not empty, not "__metadata__", valid UTF-8, all different. A float64 scalar
 * whose name ends in "num_batches_tracked" and whose value is whole is written as I64, which is what PyTorch has there. */
CT_API ct_status ct_safetensors_write(const char *path, int count, const char *const names[], ct_tensor *const tensors[],
                                      ct_error *error);

/* The same with `pairs` pairs of texts, { key, value, key, value … }, as the file's __metadata__; keys all different. */
CT_API ct_status ct_safetensors_write_with(const char *path, int count, const char *const names[], ct_tensor *const tensors[],
                                           int pairs, const char *const metadata[], ct_error *error);

/* A file that was read: named tensors, in the order of their data. NULL on failure. What float32 holds exactly becomes float32
 * (F16, BF16, BOOL, integers of 8 and 16 bits), wider integers float64; other types are CT_BAD_DTYPE. Every rule of the format is checked before anything is allocated for the tensors. */
typedef struct ct_safetensors ct_safetensors;
CT_API ct_safetensors *ct_safetensors_read(const char *path, ct_error *error);
CT_API ct_safetensors *ct_safetensors_parse(const void *bytes, size_t size, ct_error *error);
CT_API void ct_safetensors_free(ct_safetensors *file);

/* Tensors and names stay the file's (ct_tensor_retain keeps one longer). */
CT_API int ct_safetensors_count(const ct_safetensors *file);
CT_API const char *ct_safetensors_name(const ct_safetensors *file, int position);
CT_API ct_tensor *ct_safetensors_tensor(const ct_safetensors *file, int position);
CT_API ct_tensor *ct_safetensors_find(const ct_safetensors *file, const char *name); /* NULL if there is none */

/* The text of a key of __metadata__, the file's; NULL if there is none. */
CT_API const char *ct_safetensors_metadata(const ct_safetensors *file, const char *key);

/* ---- rotation of checkpoints -------------------------------------------------------- */

/* For checkpoints <prefix><number><suffix> in a folder, as "checkpoint-000200.safetensors" (the number in at least six digits).
 * ct_rotation_path writes the path of one into path (size bytes): CT_BAD_ARGUMENT if it does not fit, number is negative, or prefix
 * or suffix hold a slash.
 * ct_rotate, called when that file is written: points the symbolic link <prefix>latest<suffix> at it, in one step, so that the
 * link is valid at any moment; then removes temporaries that a killed process left, and of the checkpoints up to this number all
 * but the `keep` (≥ 1) highest. Higher ones, from before a run went back, stay. Errors: CT_BAD_ARGUMENT, CT_IO_ERROR (also when the file is not there), CT_NO_MEMORY. */
typedef struct ct_rotation {
    const char *folder, *prefix, *suffix;
    int keep;
} ct_rotation;
CT_API ct_status ct_rotation_path(const ct_rotation *rotation, int64_t number, char *path, size_t size, ct_error *error);
CT_API ct_status ct_rotate(const ct_rotation *rotation, int64_t number, ct_error *error);

/* ---- arrays ------------------------------------------------------------------------- */

/* NumPy's .npy, versions 1 to 3, either byte order, C or Fortran order; element types and their conversion as for safetensors. The
 * result is the caller's; NULL on failure. Whatever follows the array is refused. Written: version 1, little-endian, C order. */
CT_API ct_tensor *ct_npy_read(const char *path, ct_error *error);
CT_API ct_tensor *ct_npy_parse(const void *bytes, size_t size, ct_error *error);
CT_API ct_status ct_npy_write(const char *path, const ct_tensor *tensor, ct_error *error);

/* IDX, the format of MNIST and its relatives: the array as it is stored, (n, 28, 28) or (n), bytes as 0 … 255. A file compressed by
 * gzip is recognised. Element types and conversion as for safetensors. Up to 2 GiB. */
CT_API ct_tensor *ct_idx_read(const char *path, ct_error *error);
CT_API ct_tensor *ct_idx_parse(const void *bytes, size_t size, ct_error *error);

/* CIFAR-10's binary batches (also gzipped): float32 images (n, 3, 32, 32), 0 … 255 as −1 … 1, and, unless labels is NULL, *labels
 * as float32 (n), 0 … 9. Both are the caller's. */
CT_API ct_tensor *ct_cifar10_read(const char *path, ct_tensor **labels, ct_error *error);
CT_API ct_tensor *ct_cifar10_parse(const void *bytes, size_t size, ct_tensor **labels, ct_error *error);

/* ---- images ------------------------------------------------------------------------- */

/* Rows from top to bottom, pixels of `channels` bytes (1 grey, 3 RGB). */
CT_API ct_status ct_png_write(const char *path, int width, int height, int channels, const uint8_t *pixels, ct_error *error);

/* The same with several frames, each shown for so many milliseconds, for ever. Programs that know no animated PNG show the first. */
CT_API ct_status ct_apng_write(const char *path, int width, int height, int channels, int frames, const uint8_t *const pixels[],
                               int milliseconds, ct_error *error);

/* A PNG or JPEG file as a new float32 tensor (channels, height, width), 0 … 255 as −1 … 1. channels 1 or 3 converts. Sides up
 * to 4,096; a larger JPEG comes at a half, quarter or eighth of its size. Decoders use at most 64 MiB. NULL on failure. */
CT_API ct_tensor *ct_image_read(const char *path, int channels, ct_error *error);
CT_API ct_tensor *ct_image_parse(const void *bytes, size_t size, int channels, ct_error *error);

/* How images are resampled. Either way a smaller image takes every pixel of the larger into account. */
typedef enum ct_filter {
    CT_AREA = 0, /* the mean of the area that a pixel covers */
    CT_LANCZOS   /* sharper: sinc(x) sinc(x/3), |x| < 3, in units of the coarser of the two grids; the result is kept in −1 … 1 */
} ct_filter;

/* (C, h, w), C = 1 or 3 → (C, height, width), and → (C, size, size) from the largest centred square by area. New tensors. Sides
 * 1 … 4,096. */
CT_API ct_tensor *ct_image_resize(const ct_tensor *image, int64_t height, int64_t width, ct_filter filter, ct_error *error);
CT_API ct_tensor *ct_image_square(const ct_tensor *image, int64_t size, ct_error *error);

#endif
