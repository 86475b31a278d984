/* Whole files: read at once, replaced at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static ct_status system_error(ct_error *error, const char *what, const char *path)
{
    return ct_error_set(error, CT_IO_ERROR, "cannot %s %s: %s", what, path, strerror(errno));
}

bool ct_descriptor_write(int descriptor, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, data, size < (1u << 30) ? size : 1u << 30);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

bool ct_descriptor_sync(int descriptor)
{
    int status;
    do
        status = fsync(descriptor);
    while (status != 0 && errno == EINTR);
    return status == 0;
}

/* folder, of strlen(path) + 2 bytes, ← the one that the path is in. */
static const char *folder_of(const char *path, char *folder)
{
    strcpy(folder, path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    return folder;
}

/* The rename is on disk only once the folder is; file systems that cannot sync a folder say EINVAL. */
static bool sync_folder_of(const char *path, char *scratch)
{
    int folder = open(folder_of(path, scratch), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    bool synced = ct_descriptor_sync(folder) || errno == EINVAL;
    return close(folder) == 0 && synced;
}

ct_status ct_folder_sync(const char *path, ct_error *error)
{
    size_t length = strlen(path) + 2;
    char *scratch = ct_allocate(length);
    if (scratch == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "cannot sync the folder of %s: out of memory", path);
    ct_status status = sync_folder_of(path, scratch) ? CT_OK : system_error(error, "sync the folder of", path);
    ct_release(scratch, length);
    return status;
}

/* A file beside the path that has no name, and so is gone with a process that is killed; −1 where the system has none. */
static int open_nameless(const char *path, char *scratch)
{
    return access("/proc/self/fd", X_OK) == 0 ? open(folder_of(path, scratch), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
}

static bool give_name(int descriptor, const char *name)
{
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", descriptor);
    unlink(name); /* of a process that had this number before */
    return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

ct_status ct_file_replace(const char *path, int count, const struct ct_piece pieces[], ct_error *error)
{
    size_t length = strlen(path) + 48;
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) /* the rename would put a file in a device's place */
        return ct_error_set(error, CT_IO_ERROR, "cannot write %s: it is there, and no regular file", path);
    char *temporary = ct_allocate(length);
    if (temporary == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "cannot write %s: out of memory", path);
    ct_status status = CT_OK;
    int descriptor = open_nameless(path, temporary);
    const bool nameless = descriptor >= 0;
    snprintf(temporary, length, "%s.%ld.tmp", path, (long)getpid());
    if (!nameless)
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        status = system_error(error, "create", path);
    } else {
        bool good = true;
        for (int i = 0; i < count && good; i++)
            good = ct_descriptor_write(descriptor, pieces[i].data, pieces[i].size);
        if (!good || !ct_descriptor_sync(descriptor))
            status = system_error(error, "write", path);
        if (status == CT_OK && nameless && !give_name(descriptor, temporary)) /* for a moment: no call puts it in another's place */
            status = system_error(error, "name", path);
        if (close(descriptor) != 0 && status == CT_OK)
            status = system_error(error, "close", path);
        if (status == CT_OK && rename(temporary, path) != 0)
            status = system_error(error, "rename to", path);
        if (status != CT_OK)
            unlink(temporary);
        else if (!sync_folder_of(path, temporary))
            status = system_error(error, "sync the folder of", path);
    }
    ct_release(temporary, length);
    return status;
}

ct_status ct_file_write(const char *path, const void *data, size_t size, ct_error *error)
{
    if (path == NULL || (data == NULL && size > 0))
        return ct_error_set(error, CT_BAD_ARGUMENT, "file_write: the path or the data are NULL");
    return ct_file_replace(path, 1, &(struct ct_piece){ data, size }, error);
}

ct_status ct_file_read(const char *path, size_t limit, void **data, size_t *size, ct_error *error)
{
    /* A named pipe must not block the open. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return system_error(error, "open", path);

    ct_status status = CT_OK;
    struct stat about;
    char *bytes = NULL;
    size_t total = 0, filled = 0;
    if (fstat(descriptor, &about) != 0) {
        status = system_error(error, "look at", path);
    } else if (!S_ISREG(about.st_mode)) {
        status = ct_error_set(error, CT_IO_ERROR, "cannot read %s: not a regular file", path);
    } else if ((uintmax_t)about.st_size > limit) {
        status = ct_error_set(error, CT_BAD_FORMAT, "%s has %lld bytes; at most %zu are read", path, (long long)about.st_size,
                              limit);
    } else {
        total = (size_t)about.st_size;
        bytes = ct_allocate(total);
        if (bytes == NULL)
            status = ct_error_set(error, CT_NO_MEMORY, "cannot read %s: out of memory for %zu bytes", path, total);
    }
    while (status == CT_OK && filled < total) {
        ssize_t got = read(descriptor, bytes + filled, total - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = system_error(error, "read", path);
        else if (got == 0)
            status = ct_error_set(error, CT_IO_ERROR, "%s became shorter while it was read", path);
        else
            filled += (size_t)got;
    }
    close(descriptor);
    if (status != CT_OK) {
        ct_release(bytes, total);
        return status;
    }
    *data = bytes;
    *size = total;
    return CT_OK;
}

void *ct_wrong_file(const char *path, ct_error *error)
{
    if (error != NULL) {
        const ct_error why = *error;
        ct_error_set(error, why.status, "%.300s: %s", path, why.message);
    }
    return NULL;
}
