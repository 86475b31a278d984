/* What is fuzzed: each parser as a function of bytes that returns when they are refused or read, and aborts when a promise breaks. */
#ifndef TESTS_FUZZ_TARGETS_H
#define TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
    const char *name; /* its seeds are in tests/fuzz/corpus/<name> */
    void (*run)(const uint8_t *bytes, size_t size);
};

extern const struct fuzz_target fuzz_targets[];
extern const int fuzz_target_count;

#endif
