/* Preloaded, makes one allocation of a program fail: any, whoever asks for it, from the moment that main begins.
 *   FAIL=3 LD_PRELOAD=… program …        the third; FAIL=3+: that one and all after it
 *   FAIL=0 COUNTED=FILE LD_PRELOAD=… …   none; how many there were */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);

static atomic_long calls;
static long first, last;
static atomic_bool begun;

static bool fails(void)
{
    if (!begun)
        return false;
    const long call = ++calls;
    const bool failing = call >= first && call <= last;
    if (failing)
        errno = ENOMEM;
    return failing;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return fails() ? NULL : __libc_realloc(memory, size); }
void *memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *block = memalign(alignment, size);
    if (block == NULL)
        return ENOMEM;
    *memory = block;
    return 0;
}

/* ---- main, and what is said at its end ---- */

typedef int main_function(int, char **, char **);
static main_function *program;

static void say(void)
{
    const char *path = getenv("COUNTED");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file != NULL)
        fprintf(file, "%ld\n", (long)calls), fclose(file);
}

static int begin(int argc, char **argv, char **environment)
{
    const char *fail = getenv("FAIL");
    first = fail != NULL ? strtol(fail, NULL, 10) : 0;
    last = first > 0 && strchr(fail, '+') == NULL ? first : first > 0 ? __LONG_MAX__ : -1;
    atexit(say);
    begun = true;
    int status = program(argc, argv, environment);
    begun = false;
    return status;
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                      void *stack_end);
int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                      void *stack_end)
{
    int (*start)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return start(begin, argc, argv, init, fini, rtld_fini, stack_end);
}
