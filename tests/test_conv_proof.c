/* The proof: over whole grids of geometries, in 1-D to 3-D, the matrix of a transposed convolution is the transposed matrix of the
 * convolution, entry by entry, as equality of numbers; and both are the matrix that the definition writes down. Each algorithm, all four
 * ways to fill the border, padding at either end, dilation, groups, and every output_padding that the sizes call for. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cotangent/cotangent.h>

enum { SIZE, KERNEL, STRIDE, BEGIN, END, DILATION, DIGITS };

struct geometry {
    int rank;
    int64_t axis[3][DIGITS], groups, in, out; /* in, out: channels a group */
    ct_padding_mode mode;
};

typedef ct_tensor *conv_function(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *);
static conv_function *const conv[] = { NULL, ct_conv1d, ct_conv2d, ct_conv3d };
static conv_function *const transposed[] = { NULL, ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d };

struct context {
    conv_function *f;
    ct_tensor *w;
    ct_conv_options options;
};

static ct_tensor *apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    const struct context *c = context;
    return c->f(tape, in[0], c->w, NULL, &c->options);
}

static int64_t reach(const int64_t a[DIGITS]) { return a[DILATION] * (a[KERNEL] - 1) + 1; }
static int64_t outputs(const int64_t a[DIGITS]) { return (a[SIZE] + a[BEGIN] + a[END] - reach(a)) / a[STRIDE] + 1; }

/* What the library promises to accept. */
static bool valid(const struct geometry *g)
{
    for (int i = 0; i < g->rank; i++) {
        const int64_t *a = g->axis[i], most = g->mode == CT_REFLECT ? a[SIZE] - 1 : g->mode == CT_CIRCULAR ? a[SIZE] : 1 << 20;
        if (a[SIZE] + a[BEGIN] + a[END] < reach(a) || a[BEGIN] > most || a[END] > most)
            return false;
    }
    return true;
}

/* Where the window's place reads in the input; −1: from zeros. */
static int64_t source(int64_t p, int64_t n, ct_padding_mode mode)
{
    if (p >= 0 && p < n)
        return p;
    switch (mode) {
    case CT_REFLECT:
        return p < 0 ? -p : 2 * (n - 1) - p;
    case CT_REPLICATE:
        return p < 0 ? 0 : n - 1;
    case CT_CIRCULAR:
        return p < 0 ? p + n : p - n;
    default:
        return -1;
    }
}

/* y[o, q] += w[o, c, k] x[c, source(q·stride − begin + k·dilation)], as a matrix. */
static void define(const struct geometry *g, const double *w, int64_t columns, double *matrix)
{
    int64_t kernels = 1, places = 1, inputs = 1;
    for (int i = 0; i < g->rank; i++)
        kernels *= g->axis[i][KERNEL], places *= outputs(g->axis[i]), inputs *= g->axis[i][SIZE];
    for (int64_t o = 0; o < g->groups * g->out; o++)
        for (int64_t q = 0; q < places; q++)
            for (int64_t c = 0; c < g->in; c++)
                for (int64_t k = 0; k < kernels; k++) {
                    int64_t rest_q = q, rest_k = k, at = 0, step = 1;
                    for (int i = g->rank - 1; i >= 0 && at >= 0; i--) {
                        const int64_t *a = g->axis[i], n = outputs(a);
                        const int64_t p = source(rest_q % n * a[STRIDE] - a[BEGIN] + rest_k % a[KERNEL] * a[DILATION], a[SIZE], g->mode);
                        at = p < 0 ? -1 : at + p * step;
                        step *= a[SIZE], rest_q /= n, rest_k /= a[KERNEL];
                    }
                    if (at >= 0)
                        matrix[(o * places + q) * columns + (o / g->out * g->in + c) * inputs + at] += w[(o * g->in + c) * kernels + k];
                }
}

static void describe(const struct geometry *g, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%d-D, mode %d, groups %d (%d to %d channels each):", g->rank, (int)g->mode, (int)g->groups,
                                     (int)g->in, (int)g->out);
    for (int i = 0; i < g->rank; i++)
        length += (size_t)snprintf(text + length, size - length, " [in %d, kernel %d, stride %d, padding %d + %d, dilation %d]",
                                   (int)g->axis[i][SIZE], (int)g->axis[i][KERNEL], (int)g->axis[i][STRIDE], (int)g->axis[i][BEGIN],
                                   (int)g->axis[i][END], (int)g->axis[i][DILATION]);
}

/* Each algorithm's matrix: to the bit, for all numbers are whole; what the bilinear one sums are fractions. */
static const struct way {
    ct_algorithm algorithm;
    ct_dtype dtype;
    double error;
} ways[] = {
    { CT_ALGORITHM_REFERENCE, CT_F64, 0 },
    { CT_ALGORITHM_COLUMNS, CT_F64, 0 },
    { CT_ALGORITHM_DIRECT, CT_F32, 0 },
    { CT_ALGORITHM_BILINEAR, CT_F32, 2e-4 },
};

static double at(const ct_tensor *t, int64_t i)
{
    return ct_tensor_dtype(t) == CT_F64 ? ((const double *)ct_tensor_data(t))[i] : (double)((const float *)ct_tensor_data(t))[i];
}

static void prove(ct_tape *tape, const struct geometry *g, int number, const struct way *way)
{
    const int64_t c = g->groups * g->in, o = g->groups * g->out;
    ct_shape x = { g->rank + 2, { 1, c } }, y = { g->rank + 2, { 1, o } }, w = { g->rank + 2, { o, g->in } };
    struct context forward = { .f = conv[g->rank],
                               .options = { .groups = g->groups, .padding_mode = g->mode, .algorithm = way->algorithm } };
    for (int i = 0; i < g->rank; i++) {
        const int64_t *a = g->axis[i];
        x.extent[2 + i] = a[SIZE], y.extent[2 + i] = outputs(a), w.extent[2 + i] = a[KERNEL];
        forward.options.stride[i] = a[STRIDE], forward.options.dilation[i] = a[DILATION];
        forward.options.padding_begin[i] = a[BEGIN], forward.options.padding_end[i] = a[END];
    }
    forward.w = ct_tape_tensor(tape, way->dtype, w);
    const int64_t weights = ct_tensor_count(forward.w);
    double *values = calloc((size_t)weights, sizeof *values);
    void *own = ct_tensor_data_mutable(forward.w);
    for (int64_t i = 0; i < weights; i++) {
        values[i] = (double)((i * 7 + number) % 19 - 9); /* whole, mostly distinct */
        if (way->dtype == CT_F64)
            ((double *)own)[i] = values[i];
        else
            ((float *)own)[i] = (float)values[i];
    }
    struct context backward = forward;
    backward.f = transposed[g->rank];
    for (int i = 0; i < g->rank; i++)
        backward.options.output_size[i] = g->axis[i][SIZE];

    char text[600];
    describe(g, text, sizeof text);
    ct_tensor *a = ct_matrix(tape, &(ct_function){ apply, &forward, 1 }, way->dtype, x);
    ct_tensor *b = ct_matrix(tape, &(ct_function){ apply, &backward, 1 }, way->dtype, y);
    cr_assert(a && b, "%s: %s", text, ct_tape_message(tape));
    const int64_t rows = ct_tensor_size(a, 0), columns = ct_tensor_size(a, 1);
    cr_assert(ct_tensor_size(b, 0) == columns && ct_tensor_size(b, 1) == rows, "%s", text);
    double *wanted = calloc((size_t)(rows * columns), sizeof *wanted);
    define(g, values, columns, wanted);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            cr_assert(fabs(at(a, i * columns + j) - wanted[i * columns + j]) <= way->error &&
                          fabs(at(b, j * rows + i) - wanted[i * columns + j]) <= way->error,
                      "%s: algorithm %d, entry (%d, %d): conv %g, conv_transpose %g, by definition %g", text, (int)way->algorithm, (int)i,
                      (int)j, at(a, i * columns + j), at(b, j * rows + i), wanted[i * columns + j]);
    if (number % 16 == 0 && way->error == 0) { /* the same by the derivative of conv: a third way to its transpose */
        ct_tensor *v = ct_transpose_matrix(tape, &(ct_function){ apply, &forward, 1 }, way->dtype, x);
        cr_assert(v, "%s: %s", text, ct_tape_message(tape));
        for (int64_t i = 0; i < rows * columns; i++)
            cr_assert_eq(at(v, i), at(b, i), "%s: the derivative", text);
    }
    free(wanted);
    free(values);
    ct_tape_reset(tape);
}

/* How many proven geometries are of each kind; docs/gradcheck.md says so. */
struct proven {
    int all, mode[4], groups, dilated, uneven, output_padding;
};

static void count(const struct geometry *g, struct proven *proven)
{
    bool dilated = false, uneven = false, remainder = false;
    for (int i = 0; i < g->rank; i++) {
        const int64_t *a = g->axis[i];
        dilated |= a[DILATION] > 1 && a[KERNEL] > 1, uneven |= a[BEGIN] != a[END];
        remainder |= (a[SIZE] + a[BEGIN] + a[END] - reach(a)) % a[STRIDE] != 0;
    }
    proven->all++, proven->mode[g->mode]++;
    proven->groups += g->groups > 1, proven->dilated += dilated, proven->uneven += uneven, proven->output_padding += remainder;
}

static void expect_proven(struct proven got, struct proven wanted)
{
    cr_expect_eq(memcmp(&got, &wanted, sizeof got), 0, "%d: modes %d %d %d %d, groups %d, dilated %d, uneven %d, output_padding %d", got.all,
                 got.mode[0], got.mode[1], got.mode[2], got.mode[3], got.groups, got.dilated, got.uneven, got.output_padding);
}

/* Walks a grid in steps that are coprime to its size, so that no geometry comes twice, until `wanted` valid ones are proven. */
static struct proven walk(int rank, const int64_t most[DIGITS], int64_t step, int wanted)
{
    static const int64_t channels[3][3] = { { 1, 1, 1 }, { 1, 2, 1 }, { 2, 1, 2 } }; /* groups, in, out */
    const int64_t axes = most[SIZE] * most[KERNEL] * most[STRIDE] * most[BEGIN] * most[END] * most[DILATION];
    int64_t total = 4 * 3;
    for (int i = 0; i < rank; i++)
        total *= axes;
    ct_tape *tape = ct_tape_new();
    ct_set_num_threads(1);
    struct proven proven = { 0 };
    for (int64_t i = 0, at = 0; i < total && proven.all < wanted; i++, at = (at + step) % total) {
        struct geometry g = { .rank = rank };
        int64_t rest = at;
        g.mode = (ct_padding_mode)(rest % 4), rest /= 4;
        const int64_t *channel = channels[rest % 3];
        g.groups = channel[0], g.in = channel[1], g.out = channel[2], rest /= 3;
        for (int axis = 0; axis < rank; axis++)
            for (int digit = 0; digit < DIGITS; digit++) {
                g.axis[axis][digit] = rest % most[digit] + (digit != BEGIN && digit != END);
                rest /= most[digit];
            }
        if (valid(&g)) {
            for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
                prove(tape, &g, proven.all, &ways[way]);
            count(&g, &proven);
        }
    }
    ct_tape_free(tape);
    return proven;
}

/* Every geometry of the grid: inputs 1 … 6, kernels 1 … 4, strides 1 … 3, paddings 0 … 2 at either end, dilations 1 … 2. */
Test(conv_proof, one_axis)
{
    expect_proven(walk(1, (int64_t[]){ 6, 4, 3, 3, 3, 2 }, 1, INT32_MAX),
        (struct proven){ 12006, { 3231, 2574, 3231, 2970 }, .groups = 4002, .dilated = 3555, .uneven = 8028, .output_padding = 4464 });
}

Test(conv_proof, two_axes)
{
    expect_proven(walk(2, (int64_t[]){ 4, 3, 3, 3, 3, 2 }, 7919, 16000),
        (struct proven){ 16000, { 5036, 2193, 5033, 3738 }, .groups = 5329, .dilated = 7423, .uneven = 14249, .output_padding = 9656 });
}

Test(conv_proof, three_axes)
{
    expect_proven(walk(3, (int64_t[]){ 3, 2, 3, 2, 2, 2 }, 1000003, 6000),
        (struct proven){ 6000, { 1742, 795, 1730, 1733 }, .groups = 1998, .dilated = 2806, .uneven = 5279, .output_padding = 4454 });
}
