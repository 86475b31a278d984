/* Linked into a program with the linker's --wrap, makes one call of its own objects into the C library fail: an allocation, or one on files.
 * Sanitizers stay in force behind it, which a preloaded library (malloc.c) would shut out: so what a failure leaves behind is seen.
 *   FAIL=3 program …                 the third such call fails
 *   FAIL=0 COUNTED=FILE program …    none does; how many there were */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static long chosen;
static const char *counted;

FILE *__real_fopen(const char *, const char *);
int __real_fclose(FILE *);

/* What the program calls ends here; what counts lines of it (--coverage) is still to write its files, by the same calls. */
static void end(void)
{
    FILE *file = counted != NULL ? __real_fopen(counted, "w") : NULL;
    if (file != NULL)
        fprintf(file, "%ld\n", (long)calls), __real_fclose(file);
    chosen = 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *fail = getenv("FAIL");
    chosen = fail != NULL ? strtol(fail, NULL, 10) : 0;
    counted = getenv("COUNTED");
    atexit(end);
}

static bool fails(int code)
{
    if (++calls != chosen)
        return false;
    errno = code;
    return true;
}

/* The call is not made. */
#define REFUSE(type, failure, code, name, parameters, arguments)                  \
    type __real_##name parameters;                                                \
    type __wrap_##name parameters;                                                \
    type __wrap_##name parameters { return fails(code) ? (failure) : __real_##name arguments; }

/* The call is made, and its success denied: what it closes is closed. */
#define DENY(type, failure, code, name, parameters, arguments)                    \
    type __real_##name parameters;                                                \
    type __wrap_##name parameters;                                                \
    type __wrap_##name parameters                                                 \
    {                                                                             \
        type result = __real_##name arguments;                                    \
        return fails(code) ? (failure) : result;                                  \
    }

REFUSE(void *, NULL, ENOMEM, malloc, (size_t size), (size))
REFUSE(void *, NULL, ENOMEM, calloc, (size_t count, size_t size), (count, size))
REFUSE(void *, NULL, ENOMEM, realloc, (void *memory, size_t size), (memory, size))
REFUSE(int, ENOMEM, ENOMEM, posix_memalign, (void **memory, size_t alignment, size_t size), (memory, alignment, size))
REFUSE(char *, NULL, ENOMEM, strdup, (const char *text), (text))
REFUSE(int, EAGAIN, EAGAIN, pthread_create, (pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument),
       (thread, how, run, argument))

/* As the call would, the stream remembers (glibc's _IO_ERR_SEEN). */
static bool fails_on(FILE *file, int code)
{
    const bool failing = fails(code);
    if (failing)
        file->_flags |= 0x20;
    return failing;
}

#define SPOIL(type, failure, code, name, parameters, arguments)                   \
    type __real_##name parameters;                                                \
    type __wrap_##name parameters;                                                \
    type __wrap_##name parameters { return fails_on(file, code) ? (failure) : __real_##name arguments; }

REFUSE(FILE *, NULL, EIO, fopen, (const char *path, const char *mode), (path, mode))
SPOIL(size_t, 0, EIO, fread, (void *data, size_t size, size_t count, FILE *file), (data, size, count, file))
SPOIL(ssize_t, -1, EIO, getline, (char **line, size_t *room, FILE *file), (line, room, file))
SPOIL(ssize_t, -1, EIO, __getdelim, (char **line, size_t *room, int delimiter, FILE *file), (line, room, delimiter, file))
REFUSE(int, -1, EIO, fseek, (FILE *file, long offset, int from), (file, offset, from))
REFUSE(long, -1, EIO, ftell, (FILE *file), (file))
SPOIL(int, EOF, ENOSPC, fflush, (FILE *file), (file))
DENY(int, EOF, ENOSPC, fclose, (FILE *file), (file))
REFUSE(ssize_t, -1, EIO, read, (int descriptor, void *data, size_t size), (descriptor, data, size))
REFUSE(ssize_t, -1, ENOSPC, write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
REFUSE(int, -1, EIO, fsync, (int descriptor), (descriptor))
REFUSE(int, -1, EIO, ftruncate, (int descriptor, off_t size), (descriptor, size))
DENY(int, -1, EIO, close, (int descriptor), (descriptor))
REFUSE(int, -1, EIO, rename, (const char *from, const char *to), (from, to))
REFUSE(int, -1, EIO, unlink, (const char *path), (path))
REFUSE(int, -1, EIO, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
REFUSE(int, -1, EIO, symlink, (const char *target, const char *path), (target, path))
REFUSE(ssize_t, -1, EIO, readlink, (const char *path, char *target, size_t size), (path, target, size))
REFUSE(int, -1, EIO, mkdir, (const char *path, mode_t mode), (path, mode))
REFUSE(int, -1, EIO, access, (const char *path, int mode), (path, mode))
REFUSE(int, -1, EIO, stat, (const char *path, struct stat *about), (path, about))
REFUSE(int, -1, EIO, lstat, (const char *path, struct stat *about), (path, about))
REFUSE(int, -1, EIO, fstat, (int descriptor, struct stat *about), (descriptor, about))
REFUSE(DIR *, NULL, EIO, opendir, (const char *path), (path))
REFUSE(struct dirent *, NULL, EIO, readdir, (DIR *folder), (folder))
REFUSE(int, -1, EIO, scandir,
       (const char *path, struct dirent ***list, int (*filter)(const struct dirent *), int (*order)(const struct dirent **, const struct dirent **)),
       (path, list, filter, order))

int __real_open(const char *, int, mode_t);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode) { return fails(EIO) ? -1 : __real_open(path, flags, mode); }
