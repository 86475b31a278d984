/* Folders, listed whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "walk.h"

/* The folders above: a link back to one of them would lead round for ever. */
struct level {
    const struct level *above;
    struct ct_file_id id;
};

bool ct_file_same(struct ct_file_id a, struct ct_file_id b) { return memcmp(&a, &b, sizeof a) == 0; }

static ct_status cannot_list(const struct ct_walk *walk)
{
    return ct_error_set(walk->error, errno == ENOMEM ? CT_NO_MEMORY : CT_IO_ERROR, "cannot list %.300s: %s", walk->path, strerror(errno));
}

static bool forbidden(const struct ct_walk *walk) { return errno == EACCES && walk->readable_only; }

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static ct_status visit_folder(struct ct_walk *walk, struct ct_file_id id, const struct level *above);

/* What the path says, a link's target too. */
static ct_status visit(struct ct_walk *walk, const struct level *above)
{
    struct stat about;
    if (stat(walk->path, &about) != 0)
        return errno == ENOENT || errno == ELOOP || forbidden(walk) ? CT_OK : cannot_list(walk);
    const struct ct_file_id id = { about.st_dev, about.st_ino };
    if (S_ISDIR(about.st_mode))
        return visit_folder(walk, id, above);
    return S_ISREG(about.st_mode) ? walk->file(walk, id) : CT_OK;
}

static ct_status visit_folder(struct ct_walk *walk, struct ct_file_id id, const struct level *above)
{
    const struct level here = { above, id };
    for (const struct level *level = above; level != NULL; level = level->above)
        if (ct_file_same(level->id, id))
            return CT_OK;
    struct dirent **entry;
    ct_status status = CT_OK;
    size_t length = strlen(walk->path), room = sizeof walk->path - length;
    int count = scandir(walk->path, &entry, visible, by_name);
    if (count < 0)
        return above != NULL && forbidden(walk) ? CT_OK : cannot_list(walk);
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

ct_status ct_walk(struct ct_walk *walk, const char *folder)
{
    struct stat about;
    snprintf(walk->path, sizeof walk->path, "%s", folder);
    return stat(folder, &about) == 0 ? visit_folder(walk, (struct ct_file_id){ about.st_dev, about.st_ino }, NULL) : cannot_list(walk); /* as when it is too long */
}

bool ct_extension_is(const char *path, const char *const extensions[])
{
    const char *dot = strrchr(path, '.');
    for (; dot != NULL && *extensions != NULL; extensions++)
        if (strcasecmp(dot + 1, *extensions) == 0)
            return true;
    return false;
}
