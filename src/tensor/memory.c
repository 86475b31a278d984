/* Memory: the allocator that everything passes through, and a tape's pool of blocks. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static void *default_allocate(void *context, size_t size)
{
    (void)context;
    void *memory = NULL;
    return posix_memalign(&memory, CT_ALIGNMENT, size) == 0 ? memory : NULL;
}

static void default_release(void *context, void *memory, size_t size)
{
    (void)context, (void)size;
    free(memory);
}

static const ct_allocator default_allocator = { default_allocate, default_release, NULL };
static ct_allocator allocator = { default_allocate, default_release, NULL };

void ct_set_allocator(const ct_allocator *replacement) { allocator = replacement ? *replacement : default_allocator; }

/* A size of 0 asks for a byte, so that NULL always means that memory is out. */
static size_t at_least_one(size_t size) { return size ? size : 1; }

void *ct_allocate(size_t size) { return allocator.allocate(allocator.context, at_least_one(size)); }

void *ct_allocate_zeroed(size_t size)
{
    void *memory = ct_allocate(size);
    return memory ? memset(memory, 0, size) : NULL;
}

void *ct_allocate_array(size_t count, size_t size)
{
    size_t bytes;
    return ct_size_multiply(count, size, &bytes) ? ct_allocate(bytes) : NULL;
}

void ct_release(void *memory, size_t size)
{
    if (memory)
        allocator.release(allocator.context, memory, at_least_one(size));
}

/* ---- the pool ----
 *
 * Block sizes are 2^k · {1, 1.25, 1.5, 1.75}, from 64 bytes on: at most a quarter is wasted, and a class is found
 * from the highest bits of the size. A free block holds the link to the next one. */

enum { SMALLEST_LOG = 6, LARGEST_LOG = 48, CLASSES = (LARGEST_LOG - SMALLEST_LOG) * 4 + 1 };

struct block {
    struct block *next;
};

struct ct_pool {
    struct block *kept[CLASSES];
    size_t bytes; /* in use and kept */
    size_t in_use; /* blocks */
    bool closed;
};

/* The class of a size of 1 … 2^48 bytes, and that class's block size. */
static int size_class(size_t size, size_t *block_size)
{
    size_t last = (size > 64 ? size : 64) - 1; /* the class's size is the next quarter step above last */
    int log = 63 - __builtin_clzll(last);
    size_t quarters = last >> (log - 2); /* 4 … 7 */
    *block_size = (quarters + 1) << (log - 2);
    return (log - SMALLEST_LOG) * 4 + (int)quarters - 3;
}

static size_t size_of_class(int class)
{
    return class ? (size_t)(4 + (class - 1) % 4 + 1) << (SMALLEST_LOG + (class - 1) / 4 - 2) : 64;
}

struct ct_pool *ct_pool_new(void) { return ct_allocate_zeroed(sizeof(struct ct_pool)); }

static void free_kept(struct ct_pool *pool)
{
    for (int class = 0; class < CLASSES; class++) {
        while (pool->kept[class]) {
            struct block *block = pool->kept[class];
            pool->kept[class] = block->next;
            size_t size = size_of_class(class);
            pool->bytes -= size;
            ct_release(block, size);
        }
    }
}

void ct_pool_close(struct ct_pool *pool)
{
    if (!pool)
        return;
    pool->closed = true;
    free_kept(pool);
    if (pool->in_use == 0)
        ct_release(pool, sizeof *pool);
}

void *ct_pool_take(struct ct_pool *pool, size_t size)
{
    if (!pool)
        return ct_allocate(size);
    if (size > (size_t)1 << LARGEST_LOG)
        return NULL;
    size_t block_size;
    int class = size_class(size, &block_size);
    struct block *block = pool->kept[class];
    if (block) {
        pool->kept[class] = block->next;
    } else {
        block = ct_allocate(block_size);
        if (!block) { /* what other classes keep may be enough */
            free_kept(pool);
            block = ct_allocate(block_size);
        }
        if (!block)
            return NULL;
        pool->bytes += block_size;
    }
    pool->in_use++;
    return block;
}

/* A kept block of up to twice the size is better than a new one: tensors of many sizes then share what the pool holds. */
void *ct_pool_take_near(struct ct_pool *pool, size_t *size)
{
    enum { LARGE = 1 << 16, DOUBLE = 4 };
    if (pool && *size >= LARGE && *size <= (size_t)1 << (LARGEST_LOG - 1)) {
        size_t block_size;
        const int class = size_class(*size, &block_size);
        for (int near = class; near <= class + DOUBLE; near++)
            if (pool->kept[near]) {
                *size = size_of_class(near);
                break;
            }
    }
    return ct_pool_take(pool, *size);
}

void ct_pool_give(struct ct_pool *pool, void *memory, size_t size)
{
    if (!memory)
        return;
    if (!pool) {
        ct_release(memory, size);
        return;
    }
    size_t block_size;
    int class = size_class(size, &block_size);
    pool->in_use--;
    if (pool->closed) {
        ct_release(memory, block_size);
        pool->bytes -= block_size;
        if (pool->in_use == 0)
            ct_release(pool, sizeof *pool);
    } else {
        struct block *block = memory;
        block->next = pool->kept[class];
        pool->kept[class] = block;
    }
}

size_t ct_pool_bytes(const struct ct_pool *pool) { return pool->bytes; }
