/* gzip, inflated by zlib into memory. */
#include <string.h>

#include <zlib.h>

#include "internal.h"

static void *allocate(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return ct_heap_allocate((size_t)count * size); /* both have 32 bits */
}

static void give_back(void *unused, void *memory)
{
    (void)unused;
    ct_heap_free(memory);
}

void ct_zlib_memory(z_stream *stream) { *stream = (z_stream){ .zalloc = allocate, .zfree = give_back }; }

bool ct_is_gzip(const void *bytes, size_t size) { return size >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0; }

/* What was written so far, in a block that doubles; a byte more than limit shows that there is more. */
struct output {
    uint8_t *data;
    size_t room, filled;
};

static bool grow(struct output *output, size_t limit)
{
    size_t room = output->room == 0 ? 1 << 16 : output->room * 2;
    room = room < limit + 1 ? room : limit + 1;
    uint8_t *data = ct_allocate(room);
    if (data == NULL)
        return false;
    if (output->filled > 0)
        memcpy(data, output->data, output->filled);
    ct_release(output->data, output->room);
    output->data = data, output->room = room;
    return true;
}

/* One call of inflate, over at most 16 MiB on either side: zlib's counts have 32 bits. */
static int step(z_stream *stream, const uint8_t **from, const uint8_t *end, struct output *output)
{
    size_t most = 1 << 24, in = (size_t)(end - *from), out = output->room - output->filled;
    stream->next_in = (uint8_t *)(uintptr_t)*from;
    stream->avail_in = (unsigned)(in < most ? in : most);
    stream->next_out = output->data + output->filled;
    stream->avail_out = (unsigned)(out < most ? out : most);
    int code = inflate(stream, Z_NO_FLUSH);
    *from = stream->next_in;
    output->filled = (size_t)(stream->next_out - output->data);
    return code;
}

static ct_status inflate_members(z_stream *stream, const char *path, const uint8_t *from, const uint8_t *end, size_t limit,
                                 struct output *output, ct_error *error)
{
    for (;;) {
        if (output->filled == output->room && !grow(output, limit))
            return ct_error_set(error, CT_NO_MEMORY, "gzip: out of memory for %s", path);
        int code = step(stream, &from, end, output);
        if (output->filled > limit)
            return ct_error_set(error, CT_BAD_FORMAT, "gzip: %s holds more than %zu bytes", path, limit);
        if (code == Z_MEM_ERROR)
            return ct_error_set(error, CT_NO_MEMORY, "gzip: out of memory for %s", path);
        if (code == Z_STREAM_END && from == end)
            return CT_OK;
        if (code == Z_STREAM_END) /* the next member */
            code = inflateReset(stream);
        if (code != Z_OK)
            return ct_error_set(error, CT_BAD_FORMAT, "gzip: %s is cut short or damaged%s%s", path, stream->msg ? ": " : "",
                                stream->msg ? stream->msg : "");
    }
}

ct_status ct_inflate(const char *path, const void *bytes, size_t size, size_t limit, void **data, size_t *result, ct_error *error)
{
    z_stream stream;
    ct_zlib_memory(&stream);
    if (inflateInit2(&stream, 15 + 16) != Z_OK) /* the largest window, gzip's wrapper */
        return ct_error_set(error, CT_NO_MEMORY, "gzip: out of memory for %s", path);
    struct output output = { NULL, 0, 0 };
    ct_status status = inflate_members(&stream, path, bytes, (const uint8_t *)bytes + size, limit, &output, error);
    inflateEnd(&stream);
    /* The block's size is what ct_release needs: a copy of just what there is. */
    *data = status == CT_OK ? ct_allocate(output.filled) : NULL;
    if (status == CT_OK && *data == NULL)
        status = ct_error_set(error, CT_NO_MEMORY, "gzip: out of memory for %s", path);
    if (status == CT_OK)
        memcpy(*data, output.data, output.filled);
    *result = output.filled;
    ct_release(output.data, output.room);
    return status;
}

ct_status ct_file_read_inflated(const char *path, size_t limit, void **data, size_t *size, ct_error *error)
{
    ct_status status = ct_file_read(path, limit, data, size, error);
    if (status != CT_OK || !ct_is_gzip(*data, *size))
        return status;
    void *packed = *data;
    size_t packed_size = *size;
    status = ct_inflate(path, packed, packed_size, limit, data, size, error);
    ct_release(packed, packed_size);
    return status;
}
