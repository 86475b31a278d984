/* A folder of images: the paths are kept, the files are read when asked for. */
#include <errno.h>
#include <fts.h>
#include <string.h>
#include <strings.h>

#include "source.h"

/* Paths, each after the other with its zero, and where each begins. Both blocks double. */
struct paths {
    char *text;
    size_t text_size, text_room;
    size_t *begin;
    size_t begin_room; /* entries */
};

static bool grow(void **block, size_t *room, size_t size, size_t used)
{
    size_t larger = *room == 0 ? 256 : *room * 2;
    void *memory = ct_allocate_array(larger, size);
    if (memory == NULL)
        return false;
    if (used > 0)
        memcpy(memory, *block, used * size);
    ct_release(*block, *room * size);
    *block = memory, *room = larger;
    return true;
}

static bool add(struct ct_source *source, const char *path)
{
    struct paths *paths = source->content;
    size_t length = strlen(path) + 1;
    while (paths->text_size + length > paths->text_room)
        if (!grow((void **)&paths->text, &paths->text_room, 1, paths->text_size))
            return false;
    if ((size_t)source->count == paths->begin_room &&
        !grow((void **)&paths->begin, &paths->begin_room, sizeof *paths->begin, (size_t)source->count))
        return false;
    memcpy(paths->text + paths->text_size, path, length);
    paths->begin[source->count++] = paths->text_size;
    paths->text_size += length;
    return true;
}

static const char *path_of(const struct ct_source *source, int64_t index)
{
    const struct paths *paths = source->content;
    return paths->text + paths->begin[index];
}

static ct_status folder_read(const struct ct_source *source, int64_t index, float *to, ct_error *error)
{
    const char *path = path_of(source, index);
    void *bytes;
    size_t size;
    struct ct_view pixels;
    ct_status status = ct_file_read(path, CT_LARGEST_IMAGE_FILE, &bytes, &size, error);
    if (status != CT_OK)
        return status;
    status = ct_pixels_decode(bytes, size, source->channels, source->size, &pixels, error);
    ct_file_free(bytes, size);
    if (status != CT_OK)
        return status;
    status = ct_view_resize(&pixels, ct_view_square(&pixels), source->filter, source->channels, source->size, source->size, to, error);
    ct_heap_free((void *)(uintptr_t)pixels.data);
    return status;
}

static char *folder_name(const struct ct_source *source, int64_t index, char *text, size_t size)
{
    snprintf(text, size, "%s", path_of(source, index));
    return text;
}

static void folder_close(struct ct_source *source)
{
    struct paths *paths = source->content;
    ct_release(paths->text, paths->text_room);
    ct_release(paths->begin, paths->begin_room * sizeof *paths->begin);
    ct_source_drop(source, sizeof *paths);
}

static bool is_image(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int by_name(const FTSENT **a, const FTSENT **b) { return strcmp((*a)->fts_name, (*b)->fts_name); }

static ct_status walk(struct ct_source *source, FTS *tree, const char *path, ct_error *error)
{
    FTSENT *entry;
    while (errno = 0, (entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || (entry->fts_info == FTS_NS && entry->fts_level == 0))
            return ct_error_set(error, CT_IO_ERROR, "cannot list %s: %s", entry->fts_path, strerror(entry->fts_errno));
        if (entry->fts_info == FTS_D && entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info == FTS_F && is_image(entry->fts_name) && !add(source, entry->fts_path))
            return ct_error_set(error, CT_NO_MEMORY, "out of memory for the list of %s", path);
    }
    if (errno != 0)
        return ct_error_set(error, CT_IO_ERROR, "cannot list %s: %s", path, strerror(errno));
    return source->count > 0 ? CT_OK : ct_error_set(error, CT_BAD_FORMAT, "%s holds no PNG or JPEG", path);
}

ct_source *ct_source_folder(const char *path, const ct_source_options *options, ct_error *error)
{
    if (path == NULL || path[0] == '\0') {
        ct_error_set(error, CT_BAD_ARGUMENT, "source: no path");
        return NULL;
    }
    struct ct_source *source = ct_source_new(options, sizeof(struct paths), error);
    if (source == NULL)
        return NULL;
    source->read = folder_read, source->name = folder_name, source->close = folder_close;

    FTS *tree = fts_open((char *[]){ (char *)(uintptr_t)path, NULL }, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    ct_status status = tree == NULL ? ct_error_set(error, CT_IO_ERROR, "cannot list %s: %s", path, strerror(errno))
                                    : walk(source, tree, path, error);
    if (tree != NULL)
        fts_close(tree);
    if (status == CT_OK)
        return source;
    folder_close(source);
    return NULL;
}
