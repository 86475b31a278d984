/* Which instruction set's functions run. */
#include <stdlib.h>
#include <string.h>

#include "../vector/vector.h"
#include "conv.h"

extern CT_HIDDEN const ct_vectors ct_vectors_baseline;
#ifdef __x86_64__
extern CT_HIDDEN const ct_vectors ct_vectors_v4, ct_vectors_v3;
#endif

const ct_vectors *const ct_vectors_built[] = {
#ifdef __x86_64__
    &ct_vectors_v4, &ct_vectors_v3,
#endif
    &ct_vectors_baseline, NULL,
};

bool ct_vectors_run_here(const ct_vectors *vectors)
{
#ifdef __x86_64__
    if (vectors == &ct_vectors_v4)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (vectors == &ct_vectors_v3)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#endif
    return vectors == &ct_vectors_baseline;
}

static const ct_vectors *_Atomic chosen;

void ct_vectors_use(const ct_vectors *vectors) { atomic_store(&chosen, vectors); }

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
