/* cotangent steps: a transposed convolution of one axis in three steps, on given numbers, each held against the library. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define D "%" PRId64
#define MOST_CHANNELS 16
#define MOST_NUMBERS 64

static const char help[] =
    "cotangent steps: how a transposed convolution comes about, on your numbers.\n"
    "\n"
    "  cotangent steps --x \"1,2,3;4,5,6\" --w \"1.1,2.2,3.3;1.1,2.2,3.3\" --stride 2 --padding 1\n"
    "\n"
    "  --x ROWS                 the input, one row a channel: numbers with commas, rows with semicolons   (1,2,3;4,5,6)\n"
    "  --w ROWS                 the kernel of each channel; one row serves all                           (1.1,2.2,3.3)\n"
    "  --stride N               (1)\n"
    "  --padding N              1:2 is 1 at the beginning and 2 at the end                               (0)\n"
    "  --output-padding N       (0)\n"
    "  --dilation N             (1)\n"
    "  --json                   for programs\n"
    "\n"
    "  1. Spread: stride - 1 zeros between neighbours.\n"
    "  2. Slide: the flipped kernel, in steps of one, over every place where it overlaps the spread row; channels add up.\n"
    "  3. Cut: `padding` numbers from each end (output_padding fewer at the last).\n"
    "\n"
    "The same numbers come without a flip if each input number scatters: it adds itself times the kernel, forwards,\n"
    "to the output at its position times the stride. An output that instead gathers meets the kernel's taps in the\n"
    "opposite order: whoever stands at the output looks back. That is all there is to the reversed weights.\n";

struct rows {
    int64_t count, length;
    double value[MOST_CHANNELS * MOST_NUMBERS];
};

/* "1,2,3;4,5,6": NULL, or what is wrong. */
static const char *read_rows(const char *text, struct rows *rows)
{
    *rows = (struct rows){ 0, 0, { 0 } };
    for (int64_t column = 0;; text++) {
        char *end;
        errno = 0;
        double value = strtod(text, &end);
        if (end == text || errno == ERANGE || !isfinite(value))
            return "needs numbers, with commas between, and semicolons between rows";
        if (column == MOST_NUMBERS || rows->count == MOST_CHANNELS)
            return "takes up to 16 rows of 64 numbers";
        rows->value[rows->count * MOST_NUMBERS + column++] = value;
        text = end;
        if (*text == ',')
            continue;
        if (*text != ';' && *text != '\0')
            return "needs numbers, with commas between, and semicolons between rows";
        if (rows->count > 0 && column != rows->length)
            return "has rows of different lengths";
        rows->length = column;
        rows->count++;
        column = 0;
        if (*text == '\0')
            return NULL;
    }
}

/* The library's tensors, row by row: (channels, 1, length), or as a sample (1, channels, length). */
static ct_tensor *tensor_of(const struct rows *rows, bool sample)
{
    ct_shape shape = sample ? CT_SHAPE(1, rows->count, rows->length) : CT_SHAPE(rows->count, 1, rows->length);
    ct_tensor *tensor = ct_tensor_empty(CT_F64, shape);
    double *value = tensor ? ct_tensor_data_mutable(tensor) : NULL;
    for (int64_t c = 0; value != NULL && c < rows->count; c++)
        memcpy(value + c * rows->length, rows->value + c * MOST_NUMBERS, (size_t)rows->length * sizeof *value);
    return tensor;
}

/* Everything that is shown. The wide row is the uncut result, of (o − 1) s + e numbers. */
struct steps {
    struct convolution conv;
    struct rows x, w;
    int64_t channels, e, spread_length, wide_length, length;
    double *spread;  /* channels × spread_length */
    double *scatter; /* channels × inputs × wide_length: what each input number adds where */
    double *wide;    /* their sum */
    double *cut;     /* length */
    double *gather;  /* length: the flipped kernel over the padded spread row */
    double scale;    /* the largest Σ |x| |w| of an output: what rounding is measured by */
    double off_transpose, off_direct, off_gather;
    bool equal;
};

static bool allocate_steps(struct steps *steps)
{
    size_t channels = (size_t)steps->channels, wide = (size_t)steps->wide_length;
    steps->spread = calloc(channels * (size_t)steps->spread_length, sizeof(double));
    steps->scatter = calloc(channels * (size_t)steps->x.length * wide, sizeof(double));
    steps->wide = calloc(wide, sizeof(double));
    steps->cut = calloc((size_t)steps->length, sizeof(double));
    steps->gather = calloc((size_t)steps->length, sizeof(double));
    return steps->spread && steps->scatter && steps->wide && steps->cut && steps->gather;
}

static void free_steps(struct steps *steps)
{
    free(steps->spread);
    free(steps->scatter);
    free(steps->wide);
    free(steps->cut);
    free(steps->gather);
}

static void compute(struct steps *steps)
{
    const struct convolution *conv = &steps->conv;
    int64_t s = conv->stride[0], d = conv->dilation[0], p = conv->begin[0], k = conv->kernel[0];
    double *absolute = steps->gather; /* for a moment */

    for (int64_t c = 0; c < steps->channels; c++)
        for (int64_t j = 0; j < steps->x.length; j++) {
            double value = steps->x.value[c * MOST_NUMBERS + j];
            steps->spread[c * steps->spread_length + j * s] = value;
            for (int64_t t = 0; t < k; t++) {
                double product = value * steps->w.value[c * MOST_NUMBERS + t];
                int64_t q = j * s + t * d;
                steps->scatter[(c * steps->x.length + j) * steps->wide_length + q] = product;
                steps->wide[q] += product;
                if (q - p >= 0 && q - p < steps->length)
                    absolute[q - p] += fabs(product);
            }
        }
    for (int64_t q = 0; q < steps->length; q++) {
        steps->cut[q] = q + p < steps->wide_length ? steps->wide[q + p] : 0; /* beyond: output_padding's empty end */
        steps->scale = fmax(steps->scale, absolute[q]);
        absolute[q] = 0;
    }
    for (int64_t q = 0; q < steps->length; q++)
        for (int64_t c = 0; c < steps->channels; c++)
            for (int64_t t = 0; t < k; t++) { /* from left to right: the flipped kernel */
                int64_t at = q + p - (steps->e - 1) + t * d;
                if (at >= 0 && at < steps->spread_length)
                    steps->gather[q] +=
                        steps->spread[c * steps->spread_length + at] * steps->w.value[c * MOST_NUMBERS + k - 1 - t];
            }
}

/* The largest difference of the library's result from ours; infinite when there is none. */
static double difference(const ct_tensor *result, const double *wanted, int64_t length)
{
    double worst = 0;
    if (result == NULL || ct_tensor_count(result) != length)
        return INFINITY;
    for (int64_t i = 0; i < length; i++)
        worst = fmax(worst, fabs(ct_tensor_at(result, i) - wanted[i]));
    return worst;
}

static void compare(struct steps *steps)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = tensor_of(&steps->x, true), *w = tensor_of(&steps->w, false);

    steps->off_transpose = difference(convolve(tape, &steps->conv, true, y, w), steps->cut, steps->length);
    steps->off_direct = difference(corresponding_direct(tape, &steps->conv, y, w), steps->cut, steps->length);
    for (int64_t q = 0; q < steps->length; q++)
        steps->off_gather = fmax(steps->off_gather, fabs(steps->gather[q] - steps->cut[q]));
    /* Two orders of one sum of n products differ by at most 2 n u Σ |products| (Higham, Accuracy and Stability, 3.1). */
    double bound = 2 * (double)(steps->channels * steps->conv.kernel[0]) * 0x1p-53 * steps->scale;
    steps->equal = steps->off_transpose <= bound && steps->off_direct <= bound && steps->off_gather <= bound;
    ct_tensor_release(y);
    ct_tensor_release(w);
    ct_tape_free(tape);
}

/* ---- as text ---- */

static int width_of(const double *value, int64_t count, int width)
{
    for (int64_t i = 0; i < count; i++) {
        int needed = snprintf(NULL, 0, "%.7g", value[i]);
        width = needed > width ? needed : width;
    }
    return width;
}

static void print_row(const char *label, const double *value, int64_t count, int64_t indent, int width)
{
    printf("  %-14s", label);
    for (int64_t i = 0; i < indent; i++)
        printf(" %*s", width, "");
    for (int64_t i = 0; i < count; i++)
        printf(" %*.7g", width, value[i]);
    putchar('\n');
}

static const char *named(char *label, size_t size, const char *name, int64_t c, int64_t channels)
{
    snprintf(label, size, channels > 1 ? "%s %lld" : "%s", name, (long long)c);
    return label;
}

static void print_gather(const struct steps *steps, int width)
{
    int64_t begin = steps->e - 1 - steps->conv.begin[0], k = steps->conv.kernel[0], d = steps->conv.dilation[0];
    double flipped[MOST_NUMBERS];
    char label[32];

    printf(
        "\nGather (who stands at an output looks back: the kernel is flipped). As a direct convolution: the spread row\n"
        "with padding e - 1 - padding = " D " before and " D " after, stride 1.\n",
        begin, steps->e - 1 - steps->conv.end[0] + steps->conv.output_padding[0]);
    for (int64_t c = 0; c < steps->channels; c++) {
        for (int64_t t = 0; t < k; t++)
            flipped[t] = steps->w.value[c * MOST_NUMBERS + k - 1 - t];
        print_row(named(label, sizeof label, "flipped", c, steps->channels), flipped, k, 0, width);
    }
    for (int64_t q = 0; q < steps->length && q < 3; q++) {
        printf("  out[" D "] =", q);
        bool any = false;
        for (int64_t c = 0; c < steps->channels; c++)
            for (int64_t t = 0; t < k; t++) {
                int64_t at = q - begin + t * d;
                if (at < 0 || at >= steps->spread_length || at % steps->conv.stride[0])
                    continue;
                printf("%s %.7g*%.7g", any ? " +" : "", steps->spread[c * steps->spread_length + at],
                       steps->w.value[c * MOST_NUMBERS + k - 1 - t]);
                any = true;
            }
        printf("%s = %.7g\n", any ? "" : " 0", steps->gather[q]);
    }
    if (steps->length > 3)
        puts("  ...");
    print_row("out", steps->gather, steps->length, 0, width);
}

static void print_text(const struct steps *steps)
{
    const struct convolution *conv = &steps->conv;
    int64_t s = conv->stride[0], begin = conv->begin[0], end = conv->end[0], op = conv->output_padding[0], n = steps->x.length;
    char ends[64], cut[64];
    int width = width_of(steps->wide, steps->wide_length, 2);
    char label[32];

    for (int64_t c = 0; c < steps->channels; c++)
        width =
            width_of(steps->w.value + c * MOST_NUMBERS, conv->kernel[0], width_of(steps->x.value + c * MOST_NUMBERS, n, width));
    if (begin == end) {
        snprintf(ends, sizeof ends, D, begin);
        snprintf(cut, sizeof cut, "2*" D, begin);
    } else {
        snprintf(ends, sizeof ends, D ":" D, begin, end);
        snprintf(cut, sizeof cut, D " - " D, begin, end);
    }
    printf("conv_transpose1d: input " D " x " D ", kernel " D ", stride " D ", padding %s, output_padding " D ", dilation " D
           " -> (" D " - 1) " D " - %s + " D " + " D " = " D " numbers\n",
           steps->channels, n, conv->kernel[0], s, ends, op, conv->dilation[0], n, s, cut, steps->e, op, steps->length);
    for (int64_t c = 0; c < steps->channels; c++)
        print_row(named(label, sizeof label, "x", c, steps->channels), steps->x.value + c * MOST_NUMBERS, n, 0, width);
    for (int64_t c = 0; c < steps->channels; c++)
        print_row(named(label, sizeof label, "w", c, steps->channels), steps->w.value + c * MOST_NUMBERS, conv->kernel[0], 0,
                  width);

    printf("\n1. Spread: stride - 1 = " D " zero%s between neighbours, i' = (" D " - 1) " D " + 1 = " D "\n", s - 1,
           s == 2 ? "" : "s", n, s, steps->spread_length);
    for (int64_t c = 0; c < steps->channels; c++)
        print_row(named(label, sizeof label, "spread", c, steps->channels), steps->spread + c * steps->spread_length,
                  steps->spread_length, 0, width);

    printf("\n2. Slide over every overlap: " D " + " D " = " D
           " numbers. Each input number adds itself times the kernel (scatter: no flip):\n",
           steps->spread_length, steps->e - 1, steps->wide_length);
    for (int64_t c = 0; c < steps->channels; c++)
        for (int64_t j = 0; j < n; j++) {
            snprintf(label, sizeof label, "%.7g * w", steps->x.value[c * MOST_NUMBERS + j]);
            print_row(label, steps->scatter + (c * n + j) * steps->wide_length + j * s, steps->e, j * s, width);
        }
    print_row("sum", steps->wide, steps->wide_length, 0, width);

    printf("\n3. Cut: padding = " D " from ", begin);
    if (begin == end)
        fputs("each end", stdout);
    else
        printf("the beginning, " D " from the end", end);
    if (op > 0)
        printf(", output_padding = " D " fewer from the last (beyond the sum: zeros)", op);
    putchar('\n');
    print_row("out", steps->cut, steps->length, begin, width);

    print_gather(steps, width);

    printf("\nHeld against the library:\n");
    printf("  ct_conv_transpose1d                      differs by %.2g\n", steps->off_transpose);
    printf("  ct_conv1d, spread and flipped            differs by %.2g\n", steps->off_direct);
    printf("  gather and scatter                       differ by %.2g\n", steps->off_gather);
    puts(steps->equal ? "  equal" : "  DIFFERENT");
}

/* ---- as JSON ---- */

static json_t *numbers(const double *value, int64_t count)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(array, json_real(value[i]));
    return array;
}

static json_t *rows_json(const double *value, int64_t count, int64_t length, int64_t stride)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(array, numbers(value + i * stride, length));
    return array;
}

static json_t *steps_json(const struct steps *steps)
{
    int64_t n = steps->x.length;
    return json_pack("{so so so so so so so sf sf sb}", "x", rows_json(steps->x.value, steps->channels, n, MOST_NUMBERS), "w",
                     rows_json(steps->w.value, steps->channels, steps->w.length, MOST_NUMBERS), "spread",
                     rows_json(steps->spread, steps->channels, steps->spread_length, steps->spread_length), "scatter",
                     rows_json(steps->scatter, steps->channels * n, steps->wide_length, steps->wide_length), "slid",
                     numbers(steps->wide, steps->wide_length), "out", numbers(steps->cut, steps->length), "gather",
                     numbers(steps->gather, steps->length), "conv_transpose_differs", steps->off_transpose, "direct_conv_differs",
                     steps->off_direct, "equal", steps->equal);
}

int steps_run(int argc, char **argv)
{
    struct request request = { .groups = 1, .transposed = true };
    const char *x = "1,2,3;4,5,6", *w = "1.1,2.2,3.3", *wrong;
    bool json = false;
    struct steps steps = { .channels = 0 };
    const struct setting settings[] = {
        { "x", .text = &x },
        { "w", .text = &w },
        { "stride", .sizes = &request.stride, .low = 1, .high = MOST_NUMBERS },
        { "padding", .sizes = &request.padding, .low = 0, .high = MOST_NUMBERS * MOST_NUMBERS, .ends = true },
        { "output-padding", .sizes = &request.output_padding, .low = 0, .high = MOST_NUMBERS },
        { "dilation", .sizes = &request.dilation, .low = 1, .high = MOST_NUMBERS },
        { "json", .flag = &json },
    };
    int code = read_settings(argc, argv, settings, sizeof settings / sizeof settings[0], NULL, help);
    if (code >= 0)
        return code;
    if ((wrong = read_rows(x, &steps.x)) != NULL)
        return complain(MISUSED, "steps: --x \"%s\" %s", x, wrong);
    if ((wrong = read_rows(w, &steps.w)) != NULL)
        return complain(MISUSED, "steps: --w \"%s\" %s", w, wrong);
    if (steps.w.count == 1)
        for (; steps.w.count < steps.x.count; steps.w.count++)
            memcpy(steps.w.value + steps.w.count * MOST_NUMBERS, steps.w.value, MOST_NUMBERS * sizeof(double));
    if (steps.w.count != steps.x.count)
        return complain(MISUSED, "steps: --w has %lld rows, --x %lld; one row a channel", (long long)steps.w.count,
                        (long long)steps.x.count);

    request.in = (struct sizes){ 1, { steps.x.length }, { 0 } };
    request.kernel = (struct sizes){ 1, { steps.w.length }, { 0 } };
    request.channels = steps.channels = steps.x.count;
    request.out_channels = 1;
    code = resolve("steps", &request, &steps.conv);
    if (code != 0)
        return code;

    steps.e = reach(&steps.conv, 0);
    steps.spread_length = (steps.x.length - 1) * steps.conv.stride[0] + 1;
    steps.wide_length = steps.spread_length + steps.e - 1;
    steps.length = steps.conv.x[0];
    if (allocate_steps(&steps)) {
        compute(&steps);
        compare(&steps);
        if (!isfinite(steps.scale))
            code = complain(FAILED, "steps: these numbers overflow float64");
        else if (json)
            code = print_json(steps_json(&steps));
        else
            print_text(&steps);
        if (code == 0 && !steps.equal)
            code = complain(FAILED, "steps: the library's numbers differ from the three steps'");
    } else {
        code = complain(FAILED, "steps: out of memory");
    }
    free_steps(&steps);
    return code;
}
