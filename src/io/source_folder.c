/* A folder of images: the paths are kept, the files are read when asked for. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

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
    ct_release(bytes, size);
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

/* ---- the walk: by name, folders where they stand among the files ---- */

struct walk {
    struct ct_source *source;
    ct_error *error;
    char path[PATH_MAX];
};

/* The folders above: a link back to one of them would lead round for ever. */
struct level {
    const struct level *above;
    dev_t device;
    ino_t inode;
};

static ct_status cannot_list(const struct walk *walk)
{
    return ct_error_set(walk->error, errno == ENOMEM ? CT_NO_MEMORY : CT_IO_ERROR, "cannot list %.300s: %s", walk->path, strerror(errno));
}

static bool is_image(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static ct_status visit_folder(struct walk *walk, const struct stat *about, const struct level *above);

/* What the path says, a link's target too; a link that leads nowhere is left out. */
static ct_status visit(struct walk *walk, const struct level *above)
{
    struct stat about;
    if (stat(walk->path, &about) != 0)
        return errno == ENOENT || errno == ELOOP ? CT_OK : cannot_list(walk);
    if (S_ISDIR(about.st_mode))
        return visit_folder(walk, &about, above);
    if (S_ISREG(about.st_mode) && is_image(walk->path) && !add(walk->source, walk->path))
        return ct_error_set(walk->error, CT_NO_MEMORY, "out of memory for the list of images at %s", walk->path);
    return CT_OK;
}

static ct_status visit_folder(struct walk *walk, const struct stat *about, const struct level *above)
{
    const struct level here = { above, about->st_dev, about->st_ino };
    for (; above != NULL; above = above->above)
        if (above->device == here.device && above->inode == here.inode)
            return CT_OK;
    struct dirent **entry;
    ct_status status = CT_OK;
    size_t length = strlen(walk->path), room = sizeof walk->path - length;
    int count = scandir(walk->path, &entry, visible, by_name);
    if (count < 0)
        return cannot_list(walk);
    for (int i = 0; i < count; i++) {
        const char *slash = walk->path[length - 1] == '/' ? "" : "/";
        if (status == CT_OK && (size_t)snprintf(walk->path + length, room, "%s%s", slash, entry[i]->d_name) >= room)
            errno = ENAMETOOLONG, status = cannot_list(walk);
        if (status == CT_OK)
            status = visit(walk, &here);
        walk->path[length] = '\0';
        free(entry[i]);
    }
    free(entry);
    return status;
}

/* The whole folder, or a message. */
static ct_status walk_from(struct ct_source *source, const char *path, ct_error *error)
{
    struct walk walk = { .source = source, .error = error };
    struct stat about;
    snprintf(walk.path, sizeof walk.path, "%s", path);
    if (stat(path, &about) != 0) /* also when it is too long */
        return cannot_list(&walk);
    ct_status status = visit_folder(&walk, &about, NULL);
    if (status == CT_OK && source->count == 0)
        return ct_error_set(error, CT_BAD_FORMAT, "%s holds no PNG or JPEG", path);
    return status;
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

    ct_status status = walk_from(source, path, error);
    if (status == CT_OK)
        return source;
    folder_close(source);
    return NULL;
}
