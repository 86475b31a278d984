/* The same tests without Criterion's own runner: each in a fork of this program, where it would start the program again and take the
 * place of main. That neither qemu's user mode nor ThreadSanitizer lives through, and valgrind would begin anew at every test.
 * Criterion's macros leave the tests and suites in sections of the program; what they call is either libcriterion's or stands here. */
#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[], *__stop_cr_sts[];

/* ---- within a test -------------------------------------------------------------------------- */

static const struct criterion_test *current;
static const struct criterion_test_extra_data *suite;
static jmp_buf given_up;
static bool failed;

static void call(void (*function)(void))
{
    if (function)
        function();
}

void criterion_internal_test_setup(void)
{
    if (suite)
        call(suite->init);
    call(current->data->init);
}

void criterion_internal_test_main(void (*test)(void))
{
    if (!setjmp(given_up))
        test();
}

void criterion_internal_test_teardown(void)
{
    call(current->data->fini);
    if (suite)
        call(suite->fini);
}

void criterion_abort_test(void) { longjmp(given_up, 1); }

void criterion_continue_test(void) { }

void cri_asserts_passed_incr(void) { }

void criterion_send_assert(struct criterion_assert_stats *assertion)
{
    failed = true;
    fprintf(stderr, "%s:%u: %s\n", assertion->file, assertion->line, assertion->message);
}

static void print_node(const struct cri_assert_node *node)
{
    if (node->repr)
        fprintf(stderr, " %s", node->repr);
    for (int i = 0; i < CRI_ASSERT_MAX_PARAMS && node->params[i].name; i++)
        if (node->params[i].type == CRI_ASSERT_RT_STR)
            fprintf(stderr, "; %s: %s", node->params[i].name, (const char *)node->params[i].data);
    for (uint32_t i = 0; i < node->nchild; i++)
        print_node(&node->children[i]);
}

void cri_assert_node_send(const char *file, size_t line, struct cri_assert_node *root)
{
    failed = true;
    fprintf(stderr, "%s:%zu: %s", file, line, root->message ? root->message : "");
    print_node(root);
    fputc('\n', stderr);
}

void cr_log(enum criterion_severity severity, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", current->data->identifier_);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    (void)severity;
}

static _Noreturn void run_current(void)
{
    for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++)
        if (*s && !strcmp((*s)->name, current->category))
            suite = (*s)->data;
    if (setjmp(given_up) == 0) /* for init; the test itself has its own */
        current->test();
    exit(failed);
}

/* ---- all of them ---------------------------------------------------------------------------- */

enum { MOST_JOBS = 256 };
static struct {
    pid_t process;
    const char *name;
} running[MOST_JOBS];
static int jobs, running_count, failures;
static bool verbose;

static void wait_for_one(void)
{
    struct rusage usage;
    int status, i = 0;
    pid_t process = wait4(-1, &status, 0, &usage);

    while (i < running_count && running[i].process != process)
        i++;
    if (i == running_count) {
        fprintf(stderr, "test-forked: wait: %s\n", strerror(errno));
        exit(1);
    }
    if (verbose)
        fprintf(stderr, "%7.1f s %s\n", (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6, running[i].name);
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: killed by signal %d\n", running[i].name, WTERMSIG(status));
    if (status != 0) {
        fprintf(stderr, "FAILED %s\n", running[i].name);
        failures++;
    }
    running[i] = running[--running_count];
}

static void start(const struct criterion_test *test)
{
    if (running_count == jobs)
        wait_for_one();
    pid_t process = fork();
    if (process < 0) {
        fprintf(stderr, "test-forked: fork: %s\n", strerror(errno));
        exit(1);
    }
    if (process == 0) {
        current = test;
        run_current();
    }
    running[running_count].process = process;
    running[running_count++].name = test->data->identifier_;
}

int main(int argc, char **argv)
{
    const char *filter = "*";
    int tests = 0;

    jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--verbose")) {
            verbose = true;
        } else if (i + 1 < argc && !strcmp(argv[i], "--filter")) {
            filter = argv[++i];
        } else if (i + 1 < argc && !strcmp(argv[i], "--jobs") && atoi(argv[i + 1]) > 0) {
            jobs = atoi(argv[++i]);
        } else {
            fprintf(stderr, "usage: test-forked [--filter PATTERN] [--jobs N] [--verbose]\n");
            return 2;
        }
    jobs = jobs < MOST_JOBS ? jobs : MOST_JOBS;
    for (struct criterion_test **test = __start_cr_tst; test < __stop_cr_tst; test++)
        if (*test && fnmatch(filter, (*test)->data->identifier_, FNM_EXTMATCH) == 0) {
            start(*test);
            tests++;
        }
    while (running_count > 0)
        wait_for_one();
    printf("%d tests, %d failed\n", tests, failures);
    return tests == 0 || failures > 0;
}
