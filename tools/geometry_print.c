/* What cotangent geometry found, as text and as JSON. */
#include <inttypes.h>
#include <stdlib.h>

#include "geometry.h"

#define D "%" PRId64

static const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

static const char *padding_name(const struct axis *axis)
{
    if (axis->s != 1)
        return NULL;
    if (axis->begin + axis->end == 0)
        return "no padding (\"valid\"): o = i - (e - 1)";
    if (axis->begin + axis->end == axis->e - 1)
        return "half padding (\"same\"): o = i";
    if (axis->begin == axis->e - 1 && axis->end == axis->e - 1)
        return "full padding: o = i + (e - 1)";
    return NULL;
}

/* In a formula, by name or by number: "+ 2 padding", "+ 2*1"; of two paddings "+ begin + end", "+ 1 + 2". */
struct term {
    char name[64], number[64];
};

static struct term padding_term(const struct axis *axis, char sign)
{
    struct term term;
    if (axis->begin == axis->end) {
        snprintf(term.name, sizeof term.name, "%c 2 padding", sign);
        snprintf(term.number, sizeof term.number, "%c 2*" D, sign, axis->begin);
    } else {
        snprintf(term.name, sizeof term.name, "%c begin %c end", sign, sign);
        snprintf(term.number, sizeof term.number, "%c " D " %c " D, sign, axis->begin, sign, axis->end);
    }
    return term;
}

static void print_formulas(const struct axis *axis, bool transposed)
{
    printf("  e = dilation (kernel - 1) + 1 = " D " (" D " - 1) + 1 = " D "\n", axis->d, axis->k, axis->e);
    const struct term less = padding_term(axis, '-'), more = padding_term(axis, '+');
    if (transposed)
        printf("  i = (o - 1) stride %s + e + output_padding = (" D " - 1) " D " %s + " D " + " D " = " D "\n", less.name, axis->y,
               axis->s, less.number, axis->e, axis->remainder, axis->x);
    int64_t free = axis->x + axis->begin + axis->end - axis->e;
    printf("  o = floor((i %s - e) / stride) + 1 = floor((" D " %s - " D ") / " D ") + 1 = floor(" D " / " D ") + 1 = " D
           ", remainder " D "\n",
           more.name, axis->x, more.number, axis->e, axis->s, free, axis->s, free / axis->s + 1, free % axis->s);
    if (free / axis->s + 1 != axis->y)
        printf("  Note: output_padding " D " >= stride " D ", so the convolution of " D " does not give " D
               " back. PyTorch allows it "
               "below dilation.\n",
               axis->remainder, axis->s, axis->x, axis->y);
    if (padding_name(axis))
        printf("  %s\n", padding_name(axis));
}

static void print_inputs(const struct axis *axis)
{
    printf("  %s " D ":\n", axis->inputs == 1 ? "The only input size that gives" : "Input sizes that give", axis->y);
    for (int64_t i = 0; i < axis->inputs && i < LONGEST_ROW; i++) {
        int64_t size = axis->least + i, dropped = axis->first_picks + i; /* first of the padding, then of the input */
        int64_t rows = dropped <= axis->end ? 0 : dropped - axis->end < size ? dropped - axis->end : size;
        printf("    i = " D "  output_padding " D, size, dropped);
        if (dropped > 0)
            printf(", dropped at the end: " D " of the padding, " D " of the input", dropped < axis->end ? dropped : axis->end, rows);
        puts(size == axis->x ? "  <- this one" : "");
    }
    if (axis->inputs > LONGEST_ROW)
        printf("    ... up to i = " D "\n", axis->least + axis->inputs - 1);
}

/* One line a window; '#' what it reads of the input, 'o' what it reads of the padding. */
static void print_windows(const struct axis *axis)
{
    if (axis->x + axis->begin + axis->end > 2 * LONGEST_ROW || axis->y > LONGEST_ROW)
        return;
    puts("  Windows, one a line ('#' reads the input, 'o' the padding):");
    for (int64_t o = 0; o < axis->y; o++) {
        char line[4 * LONGEST_ROW + 1] = "";
        int length = 0;
        for (int64_t q = -axis->begin; q < axis->x + axis->end; q++) {
            int64_t tap = q + axis->begin - o * axis->s;
            bool inside = q >= 0 && q < axis->x, reads = tap >= 0 && tap < axis->e && tap % axis->d == 0;
            line[length++] = ' ';
            line[length++] = reads ? (inside ? '#' : 'o') : inside ? '.' : ' ';
        }
        while (length > 0 && line[length - 1] == ' ')
            length--;
        printf("    %3" PRId64 "  %.*s\n", o, length, line);
    }
}

static void print_overlap(const struct axis *axis)
{
    fputs("  Overlap, windows that read each position (= summands there in the transposed convolution):\n   ", stdout);
    for (int64_t i = 0; i < axis->x && i < LONGEST_ROW; i++)
        printf(" %.0f", ct_tensor_at(axis->overlap, i));
    puts(axis->x > LONGEST_ROW ? " ..." : "");
    if (axis->unread > 0)
        printf("  Ignored: " D " of " D " position%s %s read by no window; the transposed convolution leaves 0 there.\n",
               axis->unread, axis->x, plural(axis->x), axis->unread == 1 ? "is" : "are");
    if (axis->fewest != axis->most)
        printf("  Warning: checkerboard. kernel mod stride = " D " mod " D " = " D "%s: inside, positions get " D " or " D
               " summands.\n",
               axis->k, axis->s, axis->k % axis->s, axis->d > 1 ? " (and dilation counts)" : "", axis->fewest, axis->most);
}

void print_extents(const int64_t value[], int rank)
{
    for (int a = 0; a < rank; a++)
        printf("%s" D, a ? "x" : "", value[a]);
}

static void print_direct(const struct convolution *conv, const struct axis axis[], int agrees)
{
    puts("\nThe transposed convolution as a direct one: spread the input, flip the kernel, swap its channels, stride 1");
    for (int a = 0; a < conv->rank; a++) {
        const struct axis *at = &axis[a];
        int64_t spread = (at->y - 1) * at->s + 1, begin = at->e - 1 - at->begin, end = at->e - 1 - at->end + at->remainder;
        printf("  axis %d: " D " -> " D " (" D " zero%s between neighbours), padding e - 1 - p = " D " before, " D " after: " D
               " + " D " + " D " - " D " + 1 = " D "\n",
               a, at->y, spread, at->s - 1, plural(at->s - 1), begin, end, spread, begin, end, at->e, at->x);
    }
    if (agrees >= 0)
        printf("  checked on integers: the two give %s\n", agrees ? "the same numbers" : "DIFFERENT numbers");
}

static void print_calls(const struct convolution *conv)
{
    static const struct {
        const char *name;
        char *(*write)(const struct convolution *, bool);
    } library[] = { { "PyTorch", call_pytorch }, { "JAX", call_jax }, { "Cotangent", call_cotangent } };
    for (int transposed = 0; transposed < 2; transposed++) {
        printf("\n%s\n", transposed ? "And back, y to x:" : "The same call, x to y:");
        for (int i = 0; i < 3; i++) {
            char *call = library[i].write(conv, transposed);
            printf("  %-10s %s\n", library[i].name, call ? call : "");
            free(call);
        }
    }
}

void geometry_print(const struct convolution *conv, const struct axis axis[], bool transposed, int agrees)
{
    printf("conv%s%dd: ", transposed ? "_transpose" : "", conv->rank);
    print_extents(transposed ? conv->y : conv->x, conv->rank);
    fputs(" -> ", stdout);
    print_extents(transposed ? conv->x : conv->y, conv->rank);
    printf("; its transpose, conv%s%dd: ", transposed ? "" : "_transpose", conv->rank);
    print_extents(transposed ? conv->x : conv->y, conv->rank);
    fputs(" -> ", stdout);
    print_extents(transposed ? conv->y : conv->x, conv->rank);
    puts("");
    for (int a = 0; a < conv->rank; a++) {
        if (conv->rank > 1)
            printf("\naxis %d: x " D ", y " D "\n", a, axis[a].x, axis[a].y);
        print_formulas(&axis[a], transposed);
        print_inputs(&axis[a]);
        print_windows(&axis[a]);
        print_overlap(&axis[a]);
    }
    print_direct(conv, axis, agrees);
    print_calls(conv);
}

/* ---- as JSON ---- */

static json_t *axis_json(const struct axis *axis)
{
    json_t *inputs = json_array(), *overlap = json_array();
    for (int64_t i = 0; i < axis->inputs; i++)
        json_array_append_new(inputs, json_pack("{sI sI}", "in", (json_int_t)(axis->least + i), "output_padding",
                                                (json_int_t)(axis->first_picks + i)));
    for (int64_t i = 0; i < axis->x; i++)
        json_array_append_new(overlap, json_integer((json_int_t)ct_tensor_at(axis->overlap, i)));
    return json_pack("{sI sI sI sI sI sI sI sI sI so so sI sb sI sI sb}", "x", (json_int_t)axis->x, "y", (json_int_t)axis->y,
                     "kernel", (json_int_t)axis->k, "stride", (json_int_t)axis->s, "padding_begin", (json_int_t)axis->begin,
                     "padding_end", (json_int_t)axis->end, "dilation",
                     (json_int_t)axis->d, "reach", (json_int_t)axis->e, "output_padding", (json_int_t)axis->remainder, "inputs",
                     inputs, "overlap", overlap, "ignored", (json_int_t)axis->unread, "checkerboard", axis->fewest != axis->most,
                     "direct_padding_begin", (json_int_t)(axis->e - 1 - axis->begin), "direct_padding_end",
                     (json_int_t)(axis->e - 1 - axis->end + axis->remainder), "confirmed", axis->agrees);
}

static json_t *calls_json(const struct convolution *conv, bool transposed)
{
    char *pytorch = call_pytorch(conv, transposed), *jax = call_jax(conv, transposed), *own = call_cotangent(conv, transposed);
    json_t *calls = json_pack("{ss* ss* ss*}", "pytorch", pytorch, "jax", jax, "cotangent", own);
    free(pytorch);
    free(jax);
    free(own);
    return calls;
}

json_t *geometry_json(const struct convolution *conv, const struct axis axis[], bool transposed, int agrees)
{
    json_t *axes = json_array();
    for (int a = 0; a < conv->rank; a++)
        json_array_append_new(axes, axis_json(&axis[a]));
    return json_pack("{ss si sI sI sI so so so so}", "asked", transposed ? "conv_transpose" : "conv", "rank", conv->rank,
                     "groups", (json_int_t)conv->groups, "x_channels", (json_int_t)conv->x_channels, "y_channels",
                     (json_int_t)conv->y_channels, "axes", axes, "direct_equals_transposed",
                     agrees < 0 ? json_null() : json_boolean(agrees), "conv", calls_json(conv, false), "conv_transpose",
                     calls_json(conv, true));
}
