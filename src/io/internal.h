/* What the file formats share: whole files in and out, and a heap for libraries that want malloc. Not installed. */
#ifndef CT_IO_INTERNAL_H
#define CT_IO_INTERNAL_H

#include <cotangent/io.h>

#include "../tensor/internal.h"

/* Bytes in pieces, so that a checkpoint need not be copied together. */
struct ct_piece {
    const void *data;
    size_t size;
};

/* path ← the pieces, whole or not at all: a temporary beside it, without a name where the system can, fsync, rename, fsync of the folder. */
ct_status ct_file_replace(const char *path, int count, const struct ct_piece pieces[], ct_error *error);

/* All of it, whatever interrupts; false leaves the reason in errno. */
bool ct_descriptor_write(int descriptor, const char *data, size_t size);
bool ct_descriptor_sync(int descriptor);

/* A PNG file in memory; give it back with ct_release(data, room). `where` is for the message. */
struct ct_png {
    uint8_t *data;
    size_t size, room;
};
ct_status ct_png_encode(struct ct_png *png, const char *where, int width, int height, int channels, int frames,
                        const uint8_t *const pixels[], int milliseconds, ct_error *error);

/* Makes a rename to path durable: fsync of its folder. */
ct_status ct_folder_sync(const char *path, ct_error *error);

/* The whole file through ct_allocate; give *data back with ct_release. A file longer than limit is refused. */
ct_status ct_file_read(const char *path, size_t limit, void **data, size_t *size, ct_error *error);

/* The same, and what gzip compressed is inflated; limit holds for the result. */
ct_status ct_file_read_inflated(const char *path, size_t limit, void **data, size_t *size, ct_error *error);

/* Puts the path before a message about what is in the file. Returns NULL. */
void *ct_wrong_file(const char *path, ct_error *error);
bool ct_is_gzip(const void *bytes, size_t size);
ct_status ct_inflate(const char *path, const void *bytes, size_t size, size_t limit, void **data, size_t *result, ct_error *error);

/* An empty stream of zlib's that takes its memory from the library's allocator. */
struct z_stream_s;
void ct_zlib_memory(struct z_stream_s *stream);

/* malloc, realloc and free on the library's allocator, within a budget of the thread. */
void *ct_heap_allocate(size_t size);
void *ct_heap_resize(void *memory, size_t size);
void ct_heap_free(void *memory);
void ct_heap_budget(size_t bytes); /* what may still be taken; SIZE_MAX: anything */
/* Why the last refusal since the budget was set. */
enum ct_heap_refusal { CT_HEAP_REFUSED_NOTHING, CT_HEAP_OVER_BUDGET, CT_HEAP_NO_MEMORY };
enum ct_heap_refusal ct_heap_refusal(void);

/* What PNG and IDX files store their sizes as. */
static inline uint32_t ct_big_endian(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

#endif
