/* Jansson's memory, of which one allocation fails. */
#ifndef TESTS_JSON_MEMORY_H
#define TESTS_JSON_MEMORY_H

#include <errno.h>
#include <stdlib.h>

static long allocations, failing; /* so far; the one that fails, counted from 1 */

static void *allocate_or_fail(size_t size)
{
    if (++allocations == failing) {
        errno = ENOMEM; /* as malloc does */
        return NULL;
    }
    return malloc(size);
}

#endif
