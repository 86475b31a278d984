/* Checkpoints in rotation: the link is valid, the highest stay, strangers are left alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(rotate, .init = into_a_folder, .fini = remove_the_folder);

static const ct_rotation rotation = { ".", "c-", ".st", 2 };

static void make(const char *name)
{
    FILE *file = fopen(name, "w");
    cr_assert_not_null(file);
    fputs(name, file);
    fclose(file);
}

static bool there(const char *name) { return access(name, F_OK) == 0; }

static ct_status make_and_rotate(int64_t number, ct_error *error)
{
    char path[64];
    cr_assert_eq(ct_rotation_path(&rotation, number, path, sizeof path, NULL), CT_OK);
    make(path);
    return ct_rotate(&rotation, number, error);
}

Test(rotate, keeps_the_highest_and_points_at_the_newest)
{
    static const int64_t numbers[] = { 5, 10, 1000000, 1000005 };
    char target[64];
    ct_error error = { CT_OK, "" };
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(make_and_rotate(numbers[i], &error), CT_OK, "%s", error.message);
        cr_expect(there("c-latest.st"));
    }
    cr_expect(!there("c-000005.st") && !there("c-000010.st") && there("c-1000000.st") && there("c-1000005.st"));
    ssize_t length = readlink("c-latest.st", target, sizeof target - 1);
    cr_expect(length == 12 && memcmp(target, "c-1000005.st", 12) == 0);
}

Test(rotate, a_run_that_went_back_keeps_its_own)
{
    for (int64_t number = 100; number <= 300; number += 100)
        cr_assert_eq(make_and_rotate(number, NULL), CT_OK);
    for (int64_t number = 110; number <= 130; number += 10)
        cr_assert_eq(make_and_rotate(number, NULL), CT_OK);
    cr_expect(there("c-000120.st") && there("c-000130.st") && !there("c-000110.st"));
    cr_expect(there("c-000200.st") && there("c-000300.st"));
}

Test(rotate, leaves_strangers_and_removes_stale_temporaries)
{
    static const char *const strangers[] = { "c-.st", "c-5.st", "c-0000005.st", "d-000001.st", "c-000001.st.bak", "c-000001", "c-1234567890123456789.st", "c-000001.st.1x.tmp",
                                             "c-latest", "notes.1.tmp" };
    static const char *const stale[] = { "c-000007.st.4711.tmp", "c-latest.st.4711.tmp" };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        make(strangers[i]);
    make(stale[0]), make(stale[1]);
    char own[64]; /* in the way of the link that is made beside its place */
    snprintf(own, sizeof own, "c-latest.st.%ld.tmp", (long)getpid());
    make(own);
    for (int64_t number = 10; number < 15; number++)
        cr_assert_eq(make_and_rotate(number, NULL), CT_OK);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        cr_expect(there(strangers[i]), "%s is gone", strangers[i]);
    cr_expect(!there(stale[0]) && !there(stale[1]));
}

Test(rotate, refuses)
{
    ct_error error = { CT_OK, "" };
    char path[12];
    cr_expect_eq(ct_rotate(&rotation, 3, &error), CT_IO_ERROR);
    cr_expect_str_eq(error.message, "cannot find ./c-000003.st: No such file or directory");
    cr_expect(!there("c-latest.st"));
    cr_expect_eq(ct_rotate(&rotation, -1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(NULL, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ ".", "a/b", "", 1 }, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ ".", "", "", 1 }, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ ".", "a", "/b", 1 }, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ NULL, "a", "", 1 }, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ ".", NULL, "", 1 }, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ ".", "a", NULL, 1 }, 1, NULL), CT_BAD_ARGUMENT);
    make("c-000003.st");
    snprintf(path, sizeof path, "%ld", (long)getpid()); /* a folder in the way of the link */
    char way[64];
    snprintf(way, sizeof way, "c-latest.st.%s.tmp", path);
    cr_assert(mkdir(way, 0777) == 0);
    cr_expect_eq(ct_rotate(&rotation, 3, &error), CT_IO_ERROR);
    cr_expect(strncmp(error.message, "cannot make the link ./c-latest.st.", 35) == 0 && !there("c-latest.st"), "%s", error.message);
    cr_assert(rmdir(way) == 0);
    cr_expect_eq(ct_rotate(&(ct_rotation){ ".", "c-", ".st", 0 }, 3, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotation_path(&rotation, 3, path, sizeof path, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_rotate(&(ct_rotation){ "nowhere", "c-", ".st", 1 }, 3, NULL), CT_IO_ERROR);
}
