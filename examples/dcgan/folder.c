/* The folder of a run: made, locked while the run lasts, cleared of what was there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dcgan.h"

ct_status cannot(const char *what, const char *path, ct_error *error)
{
    return ct_error_set(error, errno == ENOMEM ? CT_NO_MEMORY : CT_IO_ERROR, "cannot %s %.300s: %s", what, path, strerror(errno));
}

static ct_status make(const char *path, ct_error *error)
{
    char part[4096];
    if (strlen(path) >= 4000)
        return ct_error_set(error, CT_BAD_ARGUMENT, "the path of the output folder is too long");
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return cannot("make the folder", part, error);
    }
    return CT_OK;
}

static ct_status remove_matching(const char *folder, const char *pattern, ct_error *error)
{
    struct dirent *entry;
    ct_status status = CT_OK;
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return cannot("list", folder, error);
    while (status == CT_OK && (errno = 0, entry = readdir(stream)) != NULL)
        if (fnmatch(pattern, entry->d_name, 0) == 0 && unlinkat(dirfd(stream), entry->d_name, 0) != 0 && errno != ENOENT)
            status = cannot("remove", entry->d_name, error);
    if (status == CT_OK && errno != 0)
        status = cannot("list", folder, error);
    closedir(stream);
    return status;
}

/* The lock goes with the process, however it ends. */
ct_status folder_open(const char *path, int *lock, ct_error *error)
{
    ct_status status = make(path, error);
    if (status != CT_OK)
        return status;
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0)
        return cannot("open the folder", path, error);
    if (flock(*lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return ct_error_set(error, CT_BAD_STATE, "another dcgan is training in %.300s", path);
    return remove_matching(path, "*.tmp", error); /* what a killed run was writing */
}

void folder_close(int lock)
{
    if (lock >= 0)
        close(lock);
}

ct_status folder_holds(const char *folder, const char *name, bool *there, ct_error *error)
{
    char path[4200];
    snprintf(path, sizeof path, "%.4000s/%.100s", folder, name);
    *there = access(path, F_OK) == 0;
    return *there || errno == ENOENT ? CT_OK : cannot("look for", path, error);
}

ct_status folder_clear(const char *path, bool overwrite, ct_error *error)
{
    static const char *const patterns[] = { "checkpoint-latest.safetensors", /* first, so that it never leads nowhere */
                                            "checkpoint-*.safetensors", "samples-*.png", "events.out.tfevents.*" };
    bool there;
    ct_status status = folder_holds(path, "checkpoint-latest.safetensors", &there, error);
    if (status == CT_OK && there && !overwrite)
        return ct_error_set(error, CT_BAD_ARGUMENT,
                            "%.150s holds a run already: go on with --resume %.150s, or give another --out, or --overwrite", path, path);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns && status == CT_OK; i++)
        status = remove_matching(path, patterns[i], error);
    return status;
}
