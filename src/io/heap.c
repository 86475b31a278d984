/* malloc's manners on the library's allocator: the size stands in front of the memory. */
#include <string.h>

#include "internal.h"

static _Thread_local size_t budget = SIZE_MAX;
static _Thread_local enum ct_heap_refusal refusal;

void ct_heap_budget(size_t bytes)
{
    budget = bytes;
    refusal = CT_HEAP_REFUSED_NOTHING;
}

enum ct_heap_refusal ct_heap_refusal(void)
{
    return refusal;
}

void *ct_heap_allocate(size_t size)
{
    size_t whole;
    if (__builtin_add_overflow(size, (size_t)CT_ALIGNMENT, &whole) || whole > budget) {
        refusal = CT_HEAP_OVER_BUDGET;
        return NULL;
    }
    char *memory = ct_allocate(whole);
    if (memory == NULL) {
        refusal = CT_HEAP_NO_MEMORY;
        return NULL;
    }
    if (budget != SIZE_MAX)
        budget -= whole;
    memcpy(memory, &whole, sizeof whole);
    return memory + CT_ALIGNMENT;
}

void ct_heap_free(void *memory)
{
    if (memory == NULL)
        return;
    char *start = (char *)memory - CT_ALIGNMENT;
    size_t whole;
    memcpy(&whole, start, sizeof whole);
    if (budget != SIZE_MAX)
        budget += whole;
    ct_release(start, whole);
}

void *ct_heap_resize(void *memory, size_t size)
{
    void *larger = ct_heap_allocate(size);
    if (memory == NULL || larger == NULL)
        return larger;
    size_t whole;
    memcpy(&whole, (char *)memory - CT_ALIGNMENT, sizeof whole);
    size_t old = whole - CT_ALIGNMENT;
    memcpy(larger, memory, old < size ? old : size);
    ct_heap_free(memory);
    return larger;
}
