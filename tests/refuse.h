/* System calls that fail: a seccomp filter on a thread of its own, with which it ends. */
#ifndef TESTS_REFUSE_H
#define TESTS_REFUSE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>

struct refusal {
    int call, error;
};

struct refused {
    struct sock_fprog program;
    void (*run)(void);
    bool done;
};

static void *run_refused(void *argument)
{
    struct refused *refused = argument;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &refused->program) == 0) {
        refused->run();
        refused->done = true;
    }
    return NULL;
}

/* Runs it while these calls fail with these errors; where the system knows no such filter (as valgrind), nothing is run. */
__attribute__((unused)) static void refuse(int count, const struct refusal refusals[], void (*run)(void))
{
    enum { MOST = 4 };
    struct sock_filter filter[2 * MOST + 2] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
    cr_assert(count <= MOST);
    int length = 1;
    for (int i = 0; i < count; i++) {
        filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refusals[i].call, 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)refusals[i].error);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct refused refused = { { (unsigned short)length, filter }, run, false };
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, run_refused, &refused) == 0 && pthread_join(thread, NULL) == 0);
    if (!refused.done)
        cr_log_warn("not run: no seccomp filters here");
}

#define REFUSE(run, ...) refuse(sizeof((struct refusal[]){ __VA_ARGS__ }) / sizeof(struct refusal), (struct refusal[]){ __VA_ARGS__ }, run)

#endif
