/* Which instruction set's functions run. */
#include "isa.h"

#include <stdlib.h>
#include <string.h>

#include "conv/conv.h"
#include "vector/vector.h"

#define DECLARED(isa, nothing) extern CT_HIDDEN const ct_vectors ct_vectors_##isa;
#define ADDRESS(isa, nothing) &ct_vectors_##isa,
CT_ISAS(DECLARED, )

const ct_vectors *const ct_vectors_built[] = { CT_ISAS(ADDRESS, ) NULL };

bool ct_vectors_run_here(const ct_vectors *vectors)
{
#ifndef CT_BASELINE_ALONE
    if (vectors == &ct_vectors_v4)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (vectors == &ct_vectors_v3)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#endif
    return vectors == &ct_vectors_baseline;
}

static const ct_vectors *_Atomic chosen;

static atomic_int place = -1; /* of the kernels'; -1: not yet known */

void ct_vectors_use(const ct_vectors *vectors)
{
    atomic_store(&chosen, vectors);
    atomic_store(&place, -1);
}

const ct_vectors *ct_vectors_choose(char *names, size_t size)
{
    const ct_vectors *found = atomic_load(&chosen);
    const char *wish = getenv("CT_ISA");

    names[0] = '\0';
    for (int i = 0; !found && ct_vectors_built[i]; i++) {
        const char *name = ct_vectors_built[i]->name;
        if (!ct_vectors_run_here(ct_vectors_built[i]))
            continue;
        if (!wish || !strcmp(wish, name))
            return ct_vectors_built[i];
        size_t used = strlen(names);
        snprintf(names + used, size - used, "%s%s", used ? ", " : "", name);
    }
    return found;
}

const ct_vectors *ct_conv_vectors(ct_tape *tape)
{
    char names[128];
    const ct_vectors *vectors = ct_vectors_choose(names, sizeof names);

    if (!vectors)
        ct_fail(tape, CT_BAD_ARGUMENT, "CT_ISA = %s is no instruction set of this build and machine; there are: %s", getenv("CT_ISA"),
                names);
    return vectors;
}

/* An unknown name is the convolutions' to refuse: the last place runs everywhere. */
int ct_isa(void)
{
    int found = atomic_load_explicit(&place, memory_order_relaxed);
    if (found < 0) {
        char names[128];
        const ct_vectors *vectors = ct_vectors_choose(names, sizeof names);
        for (found = 0; ct_vectors_built[found + 1] && ct_vectors_built[found] != vectors; found++)
            ;
        atomic_store(&place, found);
    }
    return found;
}
