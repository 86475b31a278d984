/* libFuzzer's entry: FUZZ=<name of a target> build/fuzz/fuzzer <libFuzzer's arguments>. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct fuzz_target *chosen(void)
{
    const char *name = getenv("FUZZ");
    for (int i = 0; name != NULL && i < fuzz_target_count; i++)
        if (strcmp(fuzz_targets[i].name, name) == 0)
            return &fuzz_targets[i];
    fprintf(stderr, "fuzzer: FUZZ=%s is none of:", name != NULL ? name : "");
    for (int i = 0; i < fuzz_target_count; i++)
        fprintf(stderr, " %s", fuzz_targets[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct fuzz_target *target;
    if (target == NULL)
        target = chosen();
    target->run(bytes, size);
    return 0;
}
