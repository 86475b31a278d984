/* Tests of files run in an empty folder of their own: TestSuite(io, .init = into_a_folder, .fini = remove_the_folder). */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static char folder[64];

__attribute__((unused)) static void into_a_folder(void)
{
    strcpy(folder, "/tmp/cotangent-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert(chdir(folder) == 0);
}

__attribute__((unused)) static void remove_the_folder(void)
{
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0);
}

__attribute__((unused)) static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* The whole file, to be freed. */
__attribute__((unused)) static uint8_t *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s is not there", path);
    uint8_t *bytes = malloc(1 << 20);
    *size = fread(bytes, 1, 1 << 20, file);
    cr_assert(*size < 1 << 20 && fclose(file) == 0);
    return bytes;
}

/* Every truncation, and every byte of the first `head` changed to every value: parse refuses or reads, and does not crash. */
#define SURVIVES_DAMAGE(bytes, size, head, parse)                                               \
    do {                                                                                        \
        for (size_t cut_ = 0; cut_ < (size); cut_++) {                                          \
            uint8_t *damaged = malloc(cut_ + 1); /* of its own size, so that ASan sees the end */ \
            size_t length = cut_;                                                               \
            memcpy(damaged, bytes, length);                                                     \
            parse;                                                                              \
            free(damaged);                                                                      \
        }                                                                                       \
        for (size_t at_ = 0; at_ < (head); at_++)                                               \
            for (int value_ = 0; value_ < 256; value_++) {                                      \
                size_t length = (size);                                                         \
                uint8_t *damaged = malloc(length);                                              \
                memcpy(damaged, bytes, length);                                                 \
                damaged[at_] = (uint8_t)value_;                                                 \
                parse;                                                                          \
                free(damaged);                                                                  \
            }                                                                                   \
    } while (0)

#endif
