/* Every allocation of whole programs fails in its turn, once and for ever: no crash, nothing lost, and an error, or after a single
 * failure the very result that it would have been (a tape's pool gives back what it keeps and tries again). */
#ifndef TESTS_STARVE_H
#define TESTS_STARVE_H

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

#include <cotangent/cotangent.h>

static struct {
    atomic_llong calls, blocks, bytes; /* blocks and bytes that are out; atomic, as a data loader has threads */
    int64_t first, last;               /* calls first … last fail */
} ledger;

static bool fails(void)
{
    const int64_t call = ledger.calls++;
    const bool failing = call >= ledger.first && call <= ledger.last;
    if (failing)
        errno = ENOMEM; /* as malloc does */
    return failing;
}

static void *take(void *context, size_t size)
{
    (void)context;
    void *memory = fails() ? NULL : aligned_alloc(64, (size + 63) / 64 * 64);
    if (memory != NULL) {
        memset(memory, 0xa5, size); /* what is read before it is written shows */
        ledger.blocks++;
        ledger.bytes += (int64_t)size;
    }
    return memory;
}

static void give(void *context, void *memory, size_t size)
{
    (void)context;
    ledger.blocks--;
    ledger.bytes -= (int64_t)size;
    free(memory);
}

/* Jansson's memory is not the library's, but fails as well; its size is not given back. */
static void *take_json(size_t size)
{
    void *memory = fails() ? NULL : malloc(size);
    ledger.blocks += memory != NULL;
    return memory;
}

static void give_json(void *memory)
{
    ledger.blocks -= memory != NULL;
    free(memory);
}

struct outcome {
    ct_status status;
    double value; /* of a run without failure: the same each time */
};

typedef struct outcome program(void);

static struct outcome run(program *p, int64_t first, int64_t last)
{
    ledger.calls = 0;
    ledger.first = first, ledger.last = last;
    return p();
}

/* Runs the program with its first, second … allocation failing until none is left to fail. What reads ahead may fail at something
 * that is never asked for. */
static void starve_any(const char *name, program *p, bool reads_ahead)
{
    ct_set_num_threads(1);
    ct_set_allocator(&(ct_allocator){ take, give, NULL });
    json_set_alloc_funcs(take_json, give_json);
    const struct outcome whole = run(p, INT64_MAX, INT64_MAX);
    const int64_t count = ledger.calls;
    cr_assert(whole.status == CT_OK && isfinite(whole.value) && ledger.blocks == 0, "%s: %s, %lld blocks left", name,
              ct_status_string(whole.status), (long long)ledger.blocks);
    cr_assert(count > 10, "%s: only %lld allocations", name, (long long)count);
    for (int for_ever = 0; for_ever < 2; for_ever++)
        for (int64_t i = 0; i < count; i++) {
            const struct outcome got = run(p, i, for_ever ? INT64_MAX : i);
            cr_assert(ledger.blocks == 0 && ledger.bytes == 0, "%s, allocation %lld%s: %lld blocks, %lld bytes lost", name, (long long)i,
                      for_ever ? " and all after" : "", (long long)ledger.blocks, (long long)ledger.bytes);
            const bool same = got.status == CT_OK && got.value >= whole.value && got.value <= whole.value;
            cr_assert(got.status == CT_NO_MEMORY || (same && (!for_ever || reads_ahead)), "%s, allocation %lld%s: %s, %.17g where %.17g was due", name,
                      (long long)i, for_ever ? " and all after" : "", ct_status_string(got.status), got.value, whole.value);
        }
    json_set_alloc_funcs(malloc, free);
    ct_set_allocator(NULL);
}

__attribute__((unused)) static void starve(const char *name, program *p) { starve_any(name, p, false); }

#endif
