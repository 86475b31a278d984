/* A file that cannot be written whole, whatever the disk takes of it: the old one stays as it was and nothing else is left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"
#include "refuse.h"

#ifdef SYS_access
enum { ACCESS = SYS_access };
#else
enum { ACCESS = SYS_faccessat };
#endif

TestSuite(faults, .init = into_a_folder, .fini = remove_the_folder);

enum { FLOATS = 10000, SIDE = 200 };

static ct_error error;

static ct_status write_safetensors(const char *path, int number)
{
    ct_tensor *x = ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number);
    ct_status status = ct_safetensors_write(path, 1, (const char *[]){ "x" }, &x, &error);
    ct_tensor_release(x);
    return status;
}

static ct_status write_npy(const char *path, int number)
{
    ct_tensor *x = ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number);
    ct_status status = ct_npy_write(path, x, &error);
    ct_tensor_release(x);
    return status;
}

static ct_status write_png(const char *path, int number)
{
    uint8_t pixels[SIDE * SIDE];
    uint32_t noise = (uint32_t)number; /* so that it is not compressed away */
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
    return ct_png_write(path, SIDE, SIDE, 1, pixels, &error);
}

static ct_status write_onnx(const char *path, int number)
{
    ct_onnx *graph = ct_onnx_new("g", NULL);
    ct_tensor *x = ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number);
    ct_onnx_initializer(graph, "x", x);
    ct_status status = ct_onnx_write(graph, path, &error);
    ct_onnx_free(graph), ct_tensor_release(x);
    return status;
}

static int files_here(void)
{
    int count = 0;
    DIR *here = opendir(".");
    for (struct dirent *entry; (entry = readdir(here)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(here);
    return count;
}

Test(faults, short_writes_at_every_4_KiB)
{
    static ct_status (*const writers[])(const char *path, int number) = { write_safetensors, write_npy, write_png, write_onnx };
    signal(SIGXFSZ, SIG_IGN); /* the limit is then an error of write, as a full disk is */
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        size_t size, now;
        cr_assert_eq(writers[i]("file", 1), CT_OK);
        uint8_t *old = read_bytes("file", &size);
        cr_assert(size > 8 * 4096);
        for (rlim_t cut = 0; cut < size; cut += 4096) {
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){ cut, before.rlim_max });
            cr_expect_eq(writers[i]("file", 2), CT_IO_ERROR);
            setrlimit(RLIMIT_FSIZE, &before);
            uint8_t *bytes = read_bytes("file", &now);
            cr_expect(now == size && memcmp(bytes, old, size) == 0, "writer %zu, cut %llu", i, (unsigned long long)cut);
            cr_expect_eq(files_here(), 1);
            free(bytes);
        }
        cr_expect_str_eq(error.message + strlen(error.message) - 15, " File too large");
        cr_assert_eq(writers[i]("file", 2), CT_OK);
        uint8_t *bytes = read_bytes("file", &now);
        cr_expect(now >= size - 64 && memcmp(bytes, old, now < size ? now : size) != 0);
        free(bytes), free(old);
        unlink("file");
    }
}

/* Killed in the middle of it, a save leaves nothing: what has no name is gone with its process. Where the file system knows no such files, a
 * temporary may stay. */
Test(faults, a_killed_save_leaves_nothing)
{
    write_npy("file", 1);
    const int nameless = open(".", O_TMPFILE | O_WRONLY, 0600);
    const pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, RLIM_INFINITY }); /* the signal ends the process */
        write_npy("file", 2);
        _exit(0);
    }
    int status;
    cr_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    ct_tensor *x = ct_npy_read("file", &error);
    cr_expect(x != NULL && ct_tensor_at(x, FLOATS - 1) == 1, "%s", error.message);
    cr_expect_eq(files_here(), nameless >= 0 ? 1 : 2);
    ct_tensor_release(x), close(nameless);
}

static void save_as_where_all_files_have_names(void)
{
    cr_expect_eq(write_npy("file", 2), CT_OK, "%s", error.message);
    cr_expect_eq(files_here(), 1);
    cr_expect_eq(write_npy("nowhere/file", 2), CT_IO_ERROR);
    cr_expect_str_eq(error.message, "cannot create nowhere/file: No such file or directory");
}

static void fail_where_all_files_have_names(void)
{
    cr_expect_eq(write_npy("file", 3), CT_IO_ERROR);
    cr_expect(strncmp(error.message, "cannot write file: ", 19) == 0, "%s", error.message);
    cr_expect_eq(files_here(), 1);
}

static void save_without_a_name(void)
{
    cr_expect_eq(write_npy("file", 3), CT_IO_ERROR);
    cr_expect(strncmp(error.message, "cannot name file: ", 18) == 0, "%s", error.message);
    cr_expect_eq(files_here(), 1);
}

Test(faults, temporaries_with_and_without_names)
{
    write_npy("file", 1);
    REFUSE(save_as_where_all_files_have_names, { ACCESS, ENOENT });
    REFUSE(fail_where_all_files_have_names, { ACCESS, ENOENT }, { SYS_write, EIO });
    REFUSE(save_without_a_name, { SYS_linkat, EIO });

    /* A temporary of a dead process that had our number is no obstacle. */
    char stale[40];
    snprintf(stale, sizeof stale, "file.%ld.tmp", (long)getpid());
    write_bytes(stale, "stale", 5);
    cr_expect_eq(write_npy("file", 4), CT_OK, "%s", error.message);
    cr_expect_eq(files_here(), 1);
}

/* As root, a rename would put the file in the place of a pipe, or of /dev/null. */
Test(faults, what_is_no_file_is_not_replaced)
{
    cr_assert(mkfifo("pipe", 0600) == 0 && mkdir("folder", 0700) == 0 && symlink("pipe", "link") == 0);
    static const char *const paths[] = { "pipe", "folder", "link" };
    for (int i = 0; i < 3; i++) {
        char message[80];
        struct stat about;
        snprintf(message, sizeof message, "cannot write %s: it is there, and no regular file", paths[i]);
        cr_expect_eq(write_npy(paths[i], 1), CT_IO_ERROR);
        cr_expect_str_eq(error.message, message);
        cr_expect(stat(paths[i], &about) == 0 && !S_ISREG(about.st_mode));
    }
    cr_expect_eq(files_here(), 3);
    cr_assert_eq(rmdir("folder"), 0);
}

/* ---- single calls that fail, which no limit of the system brings about ---- */

static void a_save_that_cannot_even_close(void)
{
    cr_expect_eq(write_npy("file", 2), CT_IO_ERROR);
    cr_expect(strncmp(error.message, "cannot write file: ", 19) == 0 && strstr(error.message, "No space left") != NULL, "%s",
              error.message);
}

static void records_that_cannot_be_taken_back(void)
{
    ct_events *events = ct_events_open(".", 0, &error);
    cr_assert_null(events);
    cr_expect(strncmp(error.message, "cannot take a torn record back from ./events", 43) == 0, "%s", error.message);
}

static void an_event_file_that_cannot_close(void)
{
    ct_events *events = ct_events_open(".", 0, &error);
    cr_expect_eq(ct_events_close(events, &error), CT_IO_ERROR);
    cr_expect(strncmp(error.message, "cannot sync ./events", 20) == 0, "%s", error.message);
}

Test(faults, the_first_failure_is_told)
{
    write_npy("file", 1);
    REFUSE(a_save_that_cannot_even_close, { SYS_fsync, ENOSPC }, { SYS_close, EIO });
    cr_expect_eq(files_here(), 1);
    REFUSE(records_that_cannot_be_taken_back, { SYS_write, ENOSPC }, { SYS_ftruncate, EIO });
    cr_expect_eq(files_here(), 1);
    REFUSE(an_event_file_that_cannot_close, { SYS_fsync, ENOSPC }, { SYS_close, EIO });
}

static const ct_rotation rotation = { ".", "c-", ".npy", 1 };

static void rotate_without_links(void)
{
    cr_expect_eq(ct_rotate(&rotation, 2, &error), CT_IO_ERROR);
    cr_expect(strncmp(error.message, "cannot make the link ./c-latest.npy.", 36) == 0, "%s", error.message);
}

static void rotate_over_what_stays(void)
{
    cr_expect_eq(ct_rotate(&rotation, 2, &error), CT_IO_ERROR);
    cr_expect_str_eq(error.message, "cannot remove c-000002.npy.1.tmp: Input/output error");
}

static void rotate_while_others_clean_up(void)
{
    cr_expect_eq(ct_rotate(&rotation, 2, &error), CT_OK, "%s", error.message);
    cr_expect(access("c-latest.npy", F_OK) == 0 && access("c-000001.npy", F_OK) != 0);
}

#ifdef SYS_symlink
enum { LINK = SYS_symlink };
#else
enum { LINK = SYS_symlinkat };
#endif

Test(faults, a_rotation)
{
    char temporary[64];
    snprintf(temporary, sizeof temporary, "c-latest.npy.%ld.tmp", (long)getpid());
    write_npy("c-000001.npy", 1), write_npy("c-000002.npy", 2);
    REFUSE(rotate_without_links, { LINK, EIO });
    write_bytes(temporary, "", 0);
    REFUSE(rotate_without_links, { LINK, EEXIST });
    write_bytes("c-000002.npy.1.tmp", "", 0);
    REFUSE(rotate_over_what_stays, { SYS_unlinkat, EIO });
    REFUSE(rotate_while_others_clean_up, { SYS_unlinkat, ENOENT });
}

static void a_loader_without_threads(void)
{
    ct_tensor *one = ct_tensor_ones(CT_F32, CT_SHAPE(1, 1, 4, 4));
    ct_source *source = ct_source_tensor(one, &(ct_source_options){ .channels = 1, .size = 4 }, &error);
    cr_expect_null(ct_loader_new(source, &(ct_loader_options){ .batch = 1 }, &error));
    cr_expect_str_eq(error.message, "loader: cannot start a thread: Resource temporarily unavailable");
    ct_source_free(source), ct_tensor_release(one);
}

Test(faults, threads_that_do_not_start) { REFUSE(a_loader_without_threads, { SYS_clone3, EAGAIN }, { SYS_clone, EAGAIN }); }

/* What is listed in part is not taken for the whole. */
static ct_status listing;

static void list_a_folder(void)
{
    cr_expect_null(ct_source_folder(".", &(ct_source_options){ .size = 4 }, &error));
    cr_expect(error.status == listing && strncmp(error.message, "cannot list .: ", 15) == 0, "%s", error.message);
}

Test(faults, a_folder_that_cannot_be_listed)
{
    write_bytes("a.png", "", 0);
    listing = CT_IO_ERROR;
    REFUSE(list_a_folder, { SYS_getdents64, EIO });
    listing = CT_NO_MEMORY;
    REFUSE(list_a_folder, { SYS_getdents64, ENOMEM });
}
