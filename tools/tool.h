/* The `cotangent` command: what its files share. One file a verb; main.c lists them. */
#ifndef TOOL_H
#define TOOL_H

#include <cotangent/cotangent.h>
#include <jansson.h>

enum { DONE = 0, FAILED = 1, MISUSED = 2 }; /* exit codes */

/* ---- verbs: main.c lists them ---- */

typedef int verb_run(int argc, char **argv); /* returns the exit code; argv[0] is the verb */
verb_run geometry_run, steps_run, matrix_run, check_run;

/* ---- options.c ---- */

/* "5x6": one number an axis, or one for all. Of a padding "1:2" is the beginning's and the end's; "1" is both. */
struct sizes {
    int count;
    int64_t value[CT_MAX_SPATIAL], end[CT_MAX_SPATIAL];
};

/* An option is a flag, a text, a whole number from low to high, or sizes, each of them from low to high. */
struct setting {
    const char *name;
    bool *flag;
    const char **text;
    int64_t *whole;
    struct sizes *sizes;
    int64_t low, high;
    bool ends; /* sizes: each may be a pair */
};

/* Reads options (and one operand, where the verb has one). −1: go on; else the exit code: help was printed, or usage is wrong. */
int read_settings(int argc, char **argv, const struct setting *settings, int count, const char **operand, const char *help);

/* The name nearest to `word` by edits; names end with NULL. */
const char *nearest_name(const char *word, const char *const names[]);

/* One line on stderr, "cotangent: …"; returns the exit code. */
int complain(int code, const char *format, ...) CT_PRINTF(2, 3);

/* Prints and frees; the exit code. */
int print_json(json_t *json);

/* ---- convolution.c: a convolution as the command line describes it ---- */

struct convolution {
    int rank;
    int64_t groups, x_channels, y_channels;
    int64_t x[CT_MAX_SPATIAL], kernel[CT_MAX_SPATIAL], y[CT_MAX_SPATIAL];
    int64_t stride[CT_MAX_SPATIAL], dilation[CT_MAX_SPATIAL], output_padding[CT_MAX_SPATIAL];
    int64_t begin[CT_MAX_SPATIAL], end[CT_MAX_SPATIAL]; /* the padding */
    ct_padding_mode mode;
};

/* What was typed. `in` is x, or y where `transposed`. An output_padding without `transposed` is for the way back: from in to y, and
 * from there to x. */
struct request {
    struct sizes in, kernel, stride, padding, dilation, output_padding;
    int64_t groups, channels, out_channels; /* of the input and the output of the op that was asked for; 0: groups */
    bool transposed;
    const char *padding_mode;
};

/* Fills in what was left out, spreads single numbers over the axes and lets the library find the other extents. 0, or the
 * exit code after a complaint. */
int resolve(const char *verb, const struct request *request, struct convolution *conv);

ct_conv_options options_of(const struct convolution *conv, bool transposed);
ct_shape x_shape(const struct convolution *conv, int64_t batch);
ct_shape w_shape(const struct convolution *conv);
ct_shape y_shape(const struct convolution *conv, int64_t batch);

/* dilation (kernel − 1) + 1 of an axis. */
int64_t reach(const struct convolution *conv, int axis);

/* The padding has the same numbers at both ends. */
bool is_symmetric(const struct convolution *conv);

/* The library's conv or conv_transpose of this rank. */
ct_tensor *convolve(ct_tape *tape, const struct convolution *conv, bool transposed, ct_tensor *input, ct_tensor *weight);

/* The transposed convolution as a direct one: the input spread with stride − 1 zeros, the kernel flipped and its channels
 * swapped, stride 1, padding reach − 1 − padding at either end and output_padding more at the last. Zero padding only. */
ct_tensor *corresponding_direct(ct_tape *tape, const struct convolution *conv, ct_tensor *y, ct_tensor *weight);

/* ---- calls.c: the same call in three libraries, allocated ---- */

char *call_pytorch(const struct convolution *conv, bool transposed);
char *call_jax(const struct convolution *conv, bool transposed);
char *call_cotangent(const struct convolution *conv, bool transposed);

/* ---- algorithm.c: which algorithm the library chooses, and why ---- */

void print_algorithms(const struct convolution *conv, int64_t batch, ct_dtype dtype);
json_t *algorithms_json(const struct convolution *conv, int64_t batch, ct_dtype dtype);

#endif
