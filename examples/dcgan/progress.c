/* How training goes: one live line on a terminal, a line now and then elsewhere. */
#include <limits.h>
#include <math.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "dcgan.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void progress_start(struct progress *progress, int64_t step, int64_t steps)
{
    double start = now();
    *progress = (struct progress){ .first = step, .steps = steps, .start = start, .last = start, .terminal = isatty(STDOUT_FILENO) };
}

double progress_rate(const struct progress *progress, int64_t step, int batch)
{
    double seconds = now() - progress->start;
    return seconds > 0 ? (double)(step - progress->first) * batch / seconds : 0;
}

/* In the place of what was there before, and no wider than the terminal: what it wraps, \r does not take back. */
static void show_in_place(const char *line)
{
    struct winsize window = { .ws_col = 0 };
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
    int end = 0;
    for (int columns = window.ws_col > 0 ? window.ws_col - 1 : INT_MAX; line[end] != '\0'; end++)
        if ((line[end] & 0xc0) != 0x80 && columns-- == 0) /* the later bytes of a letter take no column */
            break;
    printf("\r%.*s\033[K", end, line);
}

void progress_show(struct progress *progress, int64_t step, int batch, const struct dcgan_report *report)
{
    double time = now();
    if (time - progress->last < (progress->terminal ? 0.1 : 10) && step < progress->steps && step > progress->first + 1)
        return;
    progress->last = time;
    progress->shown = step;
    double rate = progress_rate(progress, step, batch);
    long long left = rate > 0 ? llround((double)(progress->steps - step) * batch / rate) : 0; /* seconds */
    char line[300];
    snprintf(line, sizeof line,
             "step %lld/%lld  %lld:%02d:%02d left  loss D %.3f G %.3f  D(x) %.2f  D(G(z)) %.2f → %.2f  %.0f images/s",
             (long long)step, (long long)progress->steps, left / 3600, (int)(left / 60 % 60), (int)(left % 60), report->d_loss,
             report->g_loss, report->d_real, report->d_fake, report->d_fake_after, rate);
    if (progress->terminal)
        show_in_place(line);
    else
        puts(line);
    fflush(stdout);
}

void progress_end(const struct progress *progress)
{
    if (progress->terminal && progress->shown > 0)
        printf("\n");
}
