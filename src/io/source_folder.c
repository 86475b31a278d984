/* A folder of images: the paths are kept, the files are read when asked for. */
#include <string.h>

#include "source.h"
#include "walk.h"

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
    ct_release(bytes, size);
    if (status != CT_OK)
        return status;
    status = ct_view_resize(&pixels, ct_view_square(&pixels), source->filter, source->channels, source->size, source->size, to, error);
    ct_pixels_free(&pixels);
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

static ct_status add_image(struct ct_walk *walk, struct ct_file_id id)
{
    static const char *const extensions[] = { "png", "jpg", "jpeg", NULL };
    (void)id;
    if (ct_extension_is(walk->path, extensions) && !add(walk->context, walk->path))
        return ct_error_set(walk->error, CT_NO_MEMORY, "out of memory for the list of images at %s", walk->path);
    return CT_OK;
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
    struct ct_walk walk = { .file = add_image, .error = error, .context = source };
    ct_status status = ct_walk(&walk, path);
    if (status == CT_OK && source->count == 0)
        status = ct_error_set(error, CT_BAD_FORMAT, "%s holds no PNG or JPEG", path);
    if (status == CT_OK)
        return source;
    folder_close(source);
    return NULL;
}
