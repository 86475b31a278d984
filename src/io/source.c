/* What all sources of images share, and the choice among them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define PATH_SIZE 4096

struct ct_source *ct_source_new(const ct_source_options *options, size_t content_size, ct_error *error)
{
    int channels = options == NULL ? -1 : options->channels == 0 ? 3 : options->channels;
    if ((channels != 1 && channels != 3) || options->size < 1 || options->size > CT_LARGEST_SIDE ||
        (options->filter != CT_AREA && options->filter != CT_LANCZOS)) {
        ct_error_set(error, CT_BAD_ARGUMENT, "source: %d channels of size %lld; channels are 1 or 3, sizes 1 … %d", channels,
                     options == NULL ? -1 : (long long)options->size, CT_LARGEST_SIDE);
        return NULL;
    }
    struct ct_source *source = ct_allocate_zeroed(sizeof *source);
    void *content = ct_allocate_zeroed(content_size);
    if (source == NULL || content == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "source: out of memory");
        ct_release(source, sizeof *source);
        ct_release(content, content_size);
        return NULL;
    }
    *source = (struct ct_source){ .channels = channels, .size = options->size, .filter = options->filter, .content = content };
    return source;
}

void ct_source_drop(struct ct_source *source, size_t content_size)
{
    ct_release(source->content, content_size);
    ct_release(source, sizeof *source);
}

void ct_source_free(ct_source *source)
{
    if (source != NULL)
        source->close(source);
}

int64_t ct_source_count(const ct_source *source) { return source->count; }

ct_shape ct_source_shape(const ct_source *source) { return CT_SHAPE(source->channels, source->size, source->size); }

ct_status ct_source_read(const ct_source *source, int64_t index, float *to, ct_error *error)
{
    if (source == NULL || to == NULL || index < 0 || index >= source->count)
        return ct_error_set(error, CT_BAD_ARGUMENT, "source: image %lld of %lld", (long long)index,
                            source == NULL ? 0 : (long long)source->count);
    return source->read(source, index, to, error);
}

char *ct_source_name(const ct_source *source, int64_t index, char *text, size_t size)
{
    return source->name(source, index, text, size);
}

/* ---- by what is there ---- */

static bool path_in(char path[PATH_SIZE], const char *folder, const char *name)
{
    return snprintf(path, PATH_SIZE, "%s/%s", folder, name) < PATH_SIZE && access(path, F_OK) == 0;
}

static ct_source *open_folder(const char *folder, const ct_source_options *options, ct_error *error)
{
    /* In raw/: where torchvision puts it. */
    static const char *const mnist[] = { "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte",
                                         "train-images.idx3-ubyte.gz", "raw/train-images-idx3-ubyte", "raw/train-images-idx3-ubyte.gz" };
    char path[5][PATH_SIZE], name[32];
    const char *batch[5];
    int batches = 0;
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        if (path_in(path[batches], folder, name)) {
            batch[batches] = path[batches];
            batches++;
        }
    }
    if (batches > 0)
        return ct_source_cifar10(batches, batch, options, error);
    for (size_t i = 0; i < sizeof mnist / sizeof *mnist; i++)
        if (path_in(path[0], folder, mnist[i]))
            return ct_source_idx(path[0], options, error);
    return ct_source_folder(folder, options, error);
}

/* The first bytes of a file; false after a message. */
static bool read_head(const char *path, uint8_t head[4], ct_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = descriptor < 0 ? -1 : read(descriptor, head, 4);
    if (got < 0)
        ct_error_set(error, CT_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return got >= 0;
}

ct_source *ct_source_open(const char *path, const ct_source_options *options, ct_error *error)
{
    struct stat about;
    uint8_t head[4] = { 255 };
    if (path == NULL) {
        ct_error_set(error, CT_BAD_ARGUMENT, "source: no path");
        return NULL;
    }
    if (stat(path, &about) != 0) {
        ct_error_set(error, CT_IO_ERROR, "cannot find %s: %s", path, strerror(errno));
        return NULL;
    }
    if (S_ISDIR(about.st_mode))
        return open_folder(path, options, error);
    if (!read_head(path, head, error))
        return NULL;
    const char *dot = strrchr(path, '.');
    if (memcmp(head, "\x93NUM", 4) == 0)
        return ct_source_npy(path, options, error);
    if (dot != NULL && strcmp(dot, ".bin") == 0)
        return ct_source_cifar10(1, &path, options, error);
    if (memcmp(head, "\x1f\x8b", 2) == 0 || memcmp(head, "\0\0\x08", 3) == 0)
        return ct_source_idx(path, options, error);
    ct_error_set(error, CT_BAD_FORMAT, "%s: not a folder of images, IDX (.gz), CIFAR-10 (.bin) or .npy", path);
    return NULL;
}
