/* The files below a folder. Not installed. */
#ifndef CT_IO_WALK_H
#define CT_IO_WALK_H

#include <limits.h>
#include <sys/stat.h>

#include "internal.h"

/* Which file it is, whatever name leads to it. */
struct ct_file_id {
    dev_t device;
    ino_t inode;
};
bool ct_file_same(struct ct_file_id a, struct ct_file_id b);

/* Calls `file` for each regular file in a folder and the folders in it, by name, folders where they stand among the files, until it
 * fails. Links are followed, but not round; those that lead nowhere, and names that begin with a dot, are left out. What
 * cannot be listed is an error, but for what this user may never list below the folder, if `readable_only`. */
struct ct_walk {
    ct_status (*file)(struct ct_walk *walk, struct ct_file_id id); /* which: path */
    bool readable_only;
    ct_error *error;
    void *context;
    char path[PATH_MAX];
};
ct_status ct_walk(struct ct_walk *walk, const char *folder);

/* Whether the path ends in a dot and one of these, in capitals or not; NULL ends the list. */
bool ct_extension_is(const char *path, const char *const extensions[]);

#endif
