/* The fuzzers' seeds, and what fuzzing once found, through every parser. `make fuzz` looks for more. */
#include <dirent.h>

#include <criterion/criterion.h>

#include "files.h"
#include "fuzz/targets.h"

Test(fuzz, seeds)
{
    for (int i = 0; i < fuzz_target_count; i++) {
        char path[300];
        int count = 0;
        snprintf(path, sizeof path, "tests/fuzz/corpus/%s", fuzz_targets[i].name);
        DIR *seeds = opendir(path);
        cr_assert_not_null(seeds, "no seeds in %s", path);
        for (struct dirent *entry; (entry = readdir(seeds)) != NULL;) {
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%.200s", fuzz_targets[i].name, entry->d_name);
            size_t size;
            uint8_t *bytes = read_bytes(path, &size);
            for (int k = 0; k < fuzz_target_count; k++)
                fuzz_targets[k].run(bytes, size);
            for (size_t cut = 0; cut < size; cut += 1 + size / 64)
                fuzz_targets[i].run(bytes, cut);
            free(bytes);
            count++;
        }
        closedir(seeds);
        cr_assert(count >= 3, "%d seeds of %s", count, fuzz_targets[i].name);
    }
}
