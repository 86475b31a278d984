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
            return ct_error_set(error, CT_IO_ERROR, "cannot make the folder %.300s: %s", part, strerror(errno));
    }
    return CT_OK;
}

static void remove_matching(const char *folder, const char *pattern)
{
    DIR *stream = opendir(folder);
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;)
        if (fnmatch(pattern, entry->d_name, 0) == 0)
            unlinkat(dirfd(stream), entry->d_name, 0);
    if (stream != NULL)
        closedir(stream);
}

/* The lock goes with the process, however it ends. */
ct_status folder_open(const char *path, int *lock, ct_error *error)
{
    ct_status status = make(path, error);
    if (status != CT_OK)
        return status;
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0)
        return ct_error_set(error, CT_IO_ERROR, "cannot open the folder %.300s: %s", path, strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return ct_error_set(error, CT_BAD_STATE, "another dcgan is training in %.300s", path);
    remove_matching(path, "*.tmp"); /* what a killed run was writing */
    return CT_OK;
}

void folder_close(int lock)
{
    if (lock >= 0)
        close(lock);
}

ct_status folder_clear(const char *path, bool overwrite, ct_error *error)
{
    char latest[4200];
    snprintf(latest, sizeof latest, "%.4000s/checkpoint-latest.safetensors", path);
    if (access(latest, F_OK) == 0 && !overwrite)
        return ct_error_set(error, CT_BAD_ARGUMENT,
                            "%.150s holds a run already: go on with --resume %.150s, or give another --out, or --overwrite", path, path);
    remove_matching(path, "checkpoint-*.safetensors");
    remove_matching(path, "samples-*.png");
    remove_matching(path, "events.out.tfevents.*");
    return CT_OK;
}
