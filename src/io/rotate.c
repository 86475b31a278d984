/* Checkpoints in rotation: a link to the latest that is always valid, and the oldest removed. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define PATH_SIZE 4096

static ct_status failed(ct_error *error, const char *what, const char *path)
{
    return ct_error_set(error, CT_IO_ERROR, "cannot %s %s: %s", what, path, strerror(errno));
}

static ct_status check(const ct_rotation *rotation, int64_t number, ct_error *error)
{
    if (rotation == NULL || rotation->folder == NULL || rotation->prefix == NULL || rotation->suffix == NULL || number < 0)
        return ct_error_set(error, CT_BAD_ARGUMENT, "rotation: NULL, or the number %" PRId64, number);
    if (rotation->prefix[0] == '\0' || strchr(rotation->prefix, '/') != NULL || strchr(rotation->suffix, '/') != NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "rotation: \"%.80s\" and \"%.80s\" are not the beginning and the end of a name",
                            rotation->prefix, rotation->suffix);
    return CT_OK;
}

ct_status ct_rotation_path(const ct_rotation *rotation, int64_t number, char *path, size_t size, ct_error *error)
{
    ct_status status = check(rotation, number, error);
    if (status != CT_OK)
        return status;
    int length = snprintf(path, size, "%s/%s%06" PRId64 "%s", rotation->folder, rotation->prefix, number, rotation->suffix);
    if ((size_t)length >= size)
        return ct_error_set(error, CT_BAD_ARGUMENT, "rotation: the path in %.200s is longer than %zu bytes", rotation->folder, size);
    return CT_OK;
}

/* Whether the name is <prefix><digits><suffix>, and its number; *temporary: whether ".<pid>.tmp" follows. */
static bool of_rotation(const ct_rotation *rotation, const char *name, int64_t *number, bool *temporary)
{
    size_t prefix = strlen(rotation->prefix), suffix = strlen(rotation->suffix);
    if (strncmp(name, rotation->prefix, prefix) != 0)
        return false;
    const char *digits = name + prefix;
    size_t count = strspn(digits, "0123456789");
    bool latest = count == 0 && strncmp(digits, "latest", 6) == 0; /* the link has temporaries too */
    const char *rest = digits + (latest ? 6 : count);
    if ((count == 0 && !latest) || count > 18 || strncmp(rest, rotation->suffix, suffix) != 0)
        return false;
    rest += suffix;
    *number = latest ? -1 : strtoll(digits, NULL, 10);
    char written[32]; /* "7" and "0000000007" are not ours: the path of 7 is "000007" */
    snprintf(written, sizeof written, "%06" PRId64, *number);
    if (!latest && strlen(written) != count)
        return false;
    *temporary = rest[0] == '.' && strspn(rest + 1, "0123456789") > 0 && strcmp(rest + 1 + strspn(rest + 1, "0123456789"), ".tmp") == 0;
    return *temporary || (rest[0] == '\0' && !latest);
}

/* The link is made beside its place and renamed onto it. */
static ct_status point_latest(const ct_rotation *rotation, const char *target, ct_error *error)
{
    char link[PATH_SIZE], temporary[PATH_SIZE + 32];
    snprintf(link, sizeof link, "%s/%slatest%s", rotation->folder, rotation->prefix, rotation->suffix); /* no longer than a file's path */
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", link, (long)getpid());
    if (symlink(target, temporary) != 0 && (errno != EEXIST || unlink(temporary) != 0 || symlink(target, temporary) != 0))
        return failed(error, "make the link", temporary);
    if (rename(temporary, link) != 0) {
        ct_status status = failed(error, "rename to", link);
        unlink(temporary);
        return status;
    }
    return ct_folder_sync(link, error);
}

/* One pass over the folder: temporaries go; *count and *lowest of the checkpoints up to `newest`. */
static ct_status sweep(const ct_rotation *rotation, DIR *folder, int64_t newest, int *count, int64_t *lowest, ct_error *error)
{
    struct dirent *entry;
    *count = 0, *lowest = newest;
    rewinddir(folder);
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        int64_t number;
        bool temporary;
        if (!of_rotation(rotation, entry->d_name, &number, &temporary))
            continue;
        if (temporary && unlinkat(dirfd(folder), entry->d_name, 0) != 0 && errno != ENOENT)
            return failed(error, "remove", entry->d_name);
        if (!temporary && number <= newest) {
            ++*count;
            *lowest = number < *lowest ? number : *lowest;
        }
    }
    return errno != 0 ? failed(error, "list", rotation->folder) : CT_OK;
}

/* The lowest goes until `keep` are left. */
static ct_status remove_old(const ct_rotation *rotation, DIR *folder, int64_t newest, ct_error *error)
{
    for (;;) {
        int count;
        int64_t lowest;
        char path[PATH_SIZE];
        ct_status status = sweep(rotation, folder, newest, &count, &lowest, error);
        if (status != CT_OK || count <= rotation->keep)
            return status;
        ct_rotation_path(rotation, lowest, path, sizeof path, NULL); /* no longer than the newest's */
        if (unlink(path) != 0)
            return failed(error, "remove", path);
    }
}

ct_status ct_rotate(const ct_rotation *rotation, int64_t number, ct_error *error)
{
    char path[PATH_SIZE];
    struct stat about;
    ct_status status = ct_rotation_path(rotation, number, path, sizeof path, error);
    if (status != CT_OK)
        return status;
    if (rotation->keep < 1)
        return ct_error_set(error, CT_BAD_ARGUMENT, "rotation: %d files to keep; at least 1", rotation->keep);
    if (stat(path, &about) != 0)
        return failed(error, "find", path);
    status = point_latest(rotation, path + strlen(rotation->folder) + 1, error);
    if (status != CT_OK)
        return status;

    DIR *folder = opendir(rotation->folder);
    if (folder == NULL)
        return failed(error, "open the folder", rotation->folder);
    status = remove_old(rotation, folder, number, error);
    closedir(folder);
    return status;
}
