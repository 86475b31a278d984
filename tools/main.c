/* cotangent: convolutions explained and gradients checked, on the command line. */
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct verb {
    const char *name, *summary;
    verb_run *run;
} verbs[] = {
    { "geometry", "sizes of a convolution and of its transpose, with the formulas filled in", geometry_run },
    { "steps", "a transposed convolution in three steps, on your numbers", steps_run },
    { "matrix", "the matrix of a convolution, its transpose, and the proof that they belong together", matrix_run },
    { "check", "the derivatives of every op, orders 1 to 3, in both precisions", check_run },
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void print_help(void)
{
    puts("cotangent: convolution and transposed convolution on the table, and gradients checked.\n\n"
         "A convolution with fixed weights is a matrix C. Transposed convolution multiplies by C^T: it is the convolution's\n"
         "gradient, not its inverse. The verbs show this on sizes and numbers of yours.\n");
    for (int i = 0; i < VERBS; i++)
        printf("  cotangent %-10s %s\n", verbs[i].name, verbs[i].summary);
    puts("\n`cotangent VERB --help` explains a verb; --json prints its result for programs.\n"
         "Exit codes: 0 done, 1 failed or found wrong, 2 wrong usage.");
}

/* What was printed is written, or has failed. */
static int finish(int code)
{
    return fflush(stdout) || ferror(stdout) ? complain(FAILED, "the output could not be written") : code;
}

int main(int argc, char **argv)
{
    const char *names[VERBS + 1] = { NULL };

    if (argc < 2)
        return complain(MISUSED, "needs a verb; cotangent --help lists them");
    const char *word = argv[1];
    if (!strcmp(word, "--version")) {
        printf("cotangent %s\n", ct_version());
        return finish(DONE);
    }
    if (!strcmp(word, "help") && argc > 2) { /* help VERB is VERB --help */
        argv[1] = argv[2];
        argv[2] = "--help";
        word = argv[1];
        argc = 3;
    } else if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h")) {
        print_help();
        return finish(DONE);
    }
    for (int i = 0; i < VERBS; i++) {
        if (!strcmp(word, verbs[i].name))
            return finish(verbs[i].run(argc - 1, argv + 1));
        names[i] = verbs[i].name;
    }
    return complain(MISUSED, "no verb \"%s\"; the nearest is %s", word, nearest_name(word, names));
}
