/* How training says how far it is. */
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>

#include "files.h"

#include "../examples/dcgan/dcgan.h"

TestSuite(progress, .init = into_a_folder, .fini = remove_the_folder);

static const struct dcgan_report report = {
    .d_loss = 1.25, .g_loss = 0.5, .d_real = 0.75, .d_fake = 0.25, .d_fake_after = 0.125
};

/* What is said at the second of `steps` steps, a quarter of an hour after the first, and then at the end, on a terminal of `columns`; −1: in a file. */
static const char *said_on(int columns, int64_t steps)
{
    static char said[1000];
    struct progress progress;
    int terminal = -1, other = -1, file = -1;
    if (columns >= 0)
        cr_assert_eq(openpty(&terminal, &other, NULL, NULL, &(struct winsize){ .ws_row = 24, .ws_col = (unsigned short)columns }),
                     0);
    else
        file = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(dup2(columns >= 0 ? other : file, STDOUT_FILENO), 0);
    progress_start(&progress, 0, steps);
    progress.start -= 900, progress.last -= 900;
    progress_end(&progress); /* nothing is shown, and nothing to be ended */
    progress_show(&progress, 2, 4, &report);
    progress_end(&progress);
    fflush(stdout);
    said[0] = '\0';
    for (size_t length = 0; strchr(said, '\n') == NULL;) { /* a terminal gives it in pieces */
        const ssize_t more = columns >= 0 ? read(terminal, said + length, sizeof said - 1 - length) : pread(file, said, sizeof said - 1, 0);
        cr_assert_gt(more, 0);
        said[length += (size_t)more] = '\0';
    }
    return said;
}

/* A line that a terminal wraps could not be written over: each would scroll the last one up. */
Test(progress, a_line_stays_one)
{
    static const char whole[] =
        "\rstep 2/4  0:15:00 left  loss D 1.250 G 0.500  D(x) 0.75  D(G(z)) 0.25 → 0.12  0 images/s\033[K\r\n";
    cr_expect_str_eq(said_on(200, 4), whole);
    cr_expect_str_eq(said_on(0, 4), whole, "a terminal that does not know");
    cr_expect_str_eq(said_on(80, 4), "\rstep 2/4  0:15:00 left  loss D 1.250 G 0.500  D(x) 0.75  D(G(z)) 0.25 → 0.12  0\033[K\r\n");
    cr_expect_str_eq(said_on(72, 4), "\rstep 2/4  0:15:00 left  loss D 1.250 G 0.500  D(x) 0.75  D(G(z)) 0.25 →\033[K\r\n");
    cr_expect_str_eq(said_on(2, 4), "\rs\033[K\r\n");
    cr_expect_str_eq(said_on(-1, 4),
                     "step 2/4  0:15:00 left  loss D 1.250 G 0.500  D(x) 0.75  D(G(z)) 0.25 → 0.12  0 images/s\n");
}

/* 10⁸ steps of seven minutes: more seconds than an int holds. */
Test(progress, a_long_time_left_is_told)
{
    long long hours = 0;
    cr_expect_eq(sscanf(said_on(-1, 100000000), "step 2/100000000  %lld:", &hours), 1);
    cr_expect(hours >= 12499999 && hours < 12510000, "%lld hours", hours);
}
