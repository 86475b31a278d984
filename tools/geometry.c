/* cotangent geometry: the sizes of a convolution and of its transpose, from the formulas and held against the library. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define D "%" PRId64
#define LONGEST_ROW 32 /* positions that are shown one by one */

static const char help[] =
    "cotangent geometry: what sizes a convolution has, and which it shares.\n"
    "\n"
    "  cotangent geometry --in 5 --kernel 3 --stride 2 --padding 1\n"
    "  cotangent geometry --in 8x6 --kernel 4x3 --stride 2 --padding 1 --groups 2 --channels 4\n"
    "  cotangent geometry --transposed --in 3 --kernel 3 --stride 2 --padding 1 --output-padding 1\n"
    "\n"
    "  --in SIZES               the input's; one number an axis, as 5 or 5x6 or 4x5x6\n"
    "  --kernel SIZES           one number for all axes, or one an axis; so too the following\n"
    "  --stride SIZES           (1)\n"
    "  --padding SIZES          zeros at both ends                                                       (0)\n"
    "  --dilation SIZES         distance of the kernel's taps                                            (1)\n"
    "  --groups N               (1)\n"
    "  --channels N, --out-channels N   of the input and the output                                      (groups)\n"
    "  --transposed             --in is the input of a transposed convolution\n"
    "  --output-padding SIZES   of the transposed convolution; says --transposed                         (0)\n"
    "  --algorithm              also which algorithm the library chooses, and why; for\n"
    "    --batch N, --dtype float32|float64                                                              (1, float32)\n"
    "  --json                   for programs\n"
    "\n"
    "A window of reach e = dilation (kernel - 1) + 1 slides over the padded input in steps of the stride, so it fits\n"
    "o = floor((i + 2 padding - e) / stride) + 1 times. The floor drops a remainder of 0 ... stride - 1: that many\n"
    "rows at the end are read by no window, and `stride` neighbouring input sizes share one output size. The way back\n"
    "must choose one of them: that, and nothing else, is output_padding. It pads nothing: it is the remainder.\n"
    "\n"
    "In the transposed convolution each number of the small side is spread over `kernel` positions, `stride` apart.\n"
    "Where these overlap they add. If stride does not divide kernel, neighbours get different numbers of summands: a\n"
    "checkerboard.\n";

/* One axis: what the library says about it. */
struct axis {
    int64_t x, y, k, s, p, d, e, remainder;
    int64_t inputs, least; /* the sizes least … least + inputs − 1 give y */
    int64_t first_picks;   /* the output_padding that gives `least` back: 0, but where 0 would give no size */
    ct_tensor *overlap;    /* (1, 1, x): how many windows read a position */
    int64_t unread;        /* positions of x that none reads */
    int64_t fewest, most;  /* summands of a position far from the ends */
    bool agrees;           /* the library confirms every line */
};

/* Far from the ends, position q gets a summand from each tap j with j·d ≡ q + p (mod s). The taps go round s/gcd(d, s) classes of
 * positions; where d and s share a factor the other classes get none. */
static void interior(struct axis *axis)
{
    int64_t classes = 1;
    while (classes * axis->d % axis->s)
        classes++;
    axis->most = (axis->k + classes - 1) / classes;
    axis->fewest = classes < axis->s ? 0 : axis->k / classes;
}

static struct convolution one_axis(const struct axis *axis)
{
    return (struct convolution){ .rank = 1,
                                 .groups = 1,
                                 .x_channels = 1,
                                 .y_channels = 1,
                                 .x = { axis->x },
                                 .y = { axis->y },
                                 .kernel = { axis->k },
                                 .stride = { axis->s },
                                 .padding = { axis->p },
                                 .dilation = { axis->d } };
}

/* Asks the library: does every size that we list give y, do its neighbours not, and does each output_padding give its size? */
static bool confirm(ct_tape *tape, const struct axis *axis)
{
    struct convolution conv = one_axis(axis);
    ct_tensor *w = ct_tensor_zeros(CT_F64, w_shape(&conv)), *y = ct_tensor_zeros(CT_F64, y_shape(&conv, 0));
    bool agrees = true;

    for (int64_t i = -1; i <= axis->inputs && agrees; i++) {
        if (i == LONGEST_ROW && i < axis->inputs - LONGEST_ROW)
            i = axis->inputs - LONGEST_ROW; /* of many, both ends */
        bool listed = i >= 0 && i < axis->inputs;
        conv.x[0] = axis->least + i;
        ct_tensor *x = conv.x[0] < 1 ? NULL : ct_tensor_zeros(CT_F64, x_shape(&conv, 0));
        ct_tensor *result = x ? convolve(tape, &conv, false, x, w) : NULL;
        agrees = listed == (result != NULL && ct_tensor_size(result, 2) == axis->y);
        if (listed && agrees) {
            conv.output_padding[0] = axis->first_picks + i;
            ct_tensor *back = convolve(tape, &conv, true, y, w);
            agrees = back != NULL && ct_tensor_size(back, 2) == conv.x[0];
        }
        ct_tape_clear_status(tape);
        ct_tensor_release(x);
    }
    ct_tensor_release(y);
    ct_tensor_release(w);
    return agrees;
}

static int measure(const struct convolution *conv, int a, struct axis *axis)
{
    *axis = (struct axis){ .x = conv->x[a],
                           .y = conv->y[a],
                           .k = conv->kernel[a],
                           .s = conv->stride[a],
                           .p = conv->padding[a],
                           .d = conv->dilation[a],
                           .e = reach(conv, a),
                           .remainder = conv->output_padding[a] };
    int64_t base = (axis->y - 1) * axis->s - 2 * axis->p + axis->e;
    axis->first_picks = base < 1 ? 1 - base : 0; /* with much padding the smallest sizes are none */
    axis->least = base + axis->first_picks;
    axis->inputs = axis->s - axis->first_picks;
    interior(axis);

    struct convolution single = one_axis(axis);
    single.output_padding[0] = axis->remainder;
    ct_tape *tape = ct_tape_new();
    ct_tensor *ones = ct_tensor_ones(CT_F64, y_shape(&single, 1)), *kernel = ct_tensor_ones(CT_F64, w_shape(&single));
    ct_tensor *overlap = convolve(tape, &single, true, ones, kernel);
    int code = 0;
    if (overlap == NULL) {
        code = complain(FAILED, "geometry: %s", tape ? ct_tape_message(tape) : "out of memory");
    } else {
        axis->overlap = ct_tensor_retain(overlap);
        for (int64_t i = 0; i < axis->x; i++)
            axis->unread += ct_tensor_at(overlap, i) == 0;
        axis->agrees = confirm(tape, axis);
    }
    ct_tensor_release(ones);
    ct_tensor_release(kernel);
    ct_tape_free(tape);
    return code;
}

/* Small ones: sums are exact, so that equality is of bits. */
static ct_tensor *integers(ct_shape shape)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F64, shape);
    double *value = tensor ? ct_tensor_data_mutable(tensor) : NULL;
    for (int64_t i = 0; tensor != NULL && i < ct_tensor_count(tensor); i++)
        value[i] = (double)(i * 7919 % 19 - 9);
    return tensor;
}

/* −1: the direct convolution was not tried, it is too large; else whether it gives the transposed one's numbers. */
static int direct_agrees(const struct convolution *conv)
{
    double work = (double)conv->x_channels * (double)conv->y_channels;
    for (int a = 0; a < conv->rank; a++)
        work *= (double)conv->x[a] * (double)conv->kernel[a];
    if (work > 2e8)
        return -1;

    ct_tape *tape = ct_tape_new();
    ct_tensor *y = integers(y_shape(conv, 1)), *w = integers(w_shape(conv));
    ct_tensor *a = convolve(tape, conv, true, y, w), *b = corresponding_direct(tape, conv, y, w);
    int agrees = a != NULL && b != NULL && ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)) &&
                 memcmp(ct_tensor_data(a), ct_tensor_data(b), (size_t)ct_tensor_count(a) * sizeof(double)) == 0;
    ct_tensor_release(y);
    ct_tensor_release(w);
    ct_tape_free(tape);
    return agrees;
}

/* ---- as text ---- */

static const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

static const char *padding_name(const struct axis *axis)
{
    if (axis->s != 1)
        return NULL;
    if (axis->p == 0)
        return "no padding (\"valid\"): o = i - (e - 1)";
    if (2 * axis->p == axis->e - 1)
        return "half padding (\"same\"): o = i";
    if (axis->p == axis->e - 1)
        return "full padding: o = i + (e - 1)";
    return NULL;
}

static void print_formulas(const struct axis *axis, bool transposed)
{
    printf("  e = dilation (kernel - 1) + 1 = " D " (" D " - 1) + 1 = " D "\n", axis->d, axis->k, axis->e);
    if (transposed)
        printf("  i = (o - 1) stride - 2 padding + e + output_padding = (" D " - 1) " D " - 2*" D " + " D " + " D " = " D "\n",
               axis->y, axis->s, axis->p, axis->e, axis->remainder, axis->x);
    int64_t free = axis->x + 2 * axis->p - axis->e;
    printf("  o = floor((i + 2 padding - e) / stride) + 1 = floor((" D " + 2*" D " - " D ") / " D ") + 1 = floor(" D " / " D
           ") + 1 = " D ", remainder " D "\n",
           axis->x, axis->p, axis->e, axis->s, free, axis->s, free / axis->s + 1, free % axis->s);
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
        int64_t rows = dropped <= axis->p ? 0 : dropped - axis->p < size ? dropped - axis->p : size;
        printf("    i = " D "  output_padding " D, size, dropped);
        if (dropped > 0)
            printf(", dropped at the end: " D " of the padding, " D " of the input", dropped < axis->p ? dropped : axis->p, rows);
        puts(size == axis->x ? "  <- this one" : "");
    }
    if (axis->inputs > LONGEST_ROW)
        printf("    ... up to i = " D "\n", axis->least + axis->inputs - 1);
}

/* One line a window; '#' what it reads of the input, 'o' what it reads of the padding. */
static void print_windows(const struct axis *axis)
{
    if (axis->x + 2 * axis->p > 2 * LONGEST_ROW || axis->y > LONGEST_ROW)
        return;
    puts("  Windows, one a line ('#' reads the input, 'o' the padding):");
    for (int64_t o = 0; o < axis->y; o++) {
        char line[4 * LONGEST_ROW + 1] = "";
        int length = 0;
        for (int64_t q = -axis->p; q < axis->x + axis->p; q++) {
            int64_t tap = q + axis->p - o * axis->s;
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

static void print_extents(const int64_t value[], int rank)
{
    for (int a = 0; a < rank; a++)
        printf("%s" D, a ? "x" : "", value[a]);
}

static void print_direct(const struct convolution *conv, const struct axis axis[], int agrees)
{
    puts("\nThe transposed convolution as a direct one: spread the input, flip the kernel, swap its channels, stride 1");
    for (int a = 0; a < conv->rank; a++) {
        const struct axis *at = &axis[a];
        int64_t spread = (at->y - 1) * at->s + 1, begin = at->e - 1 - at->p;
        printf("  axis %d: " D " -> " D " (" D " zero%s between neighbours), padding e - 1 - p = " D " before, " D " after: " D
               " + " D " + " D " - " D " + 1 = " D "\n",
               a, at->y, spread, at->s - 1, plural(at->s - 1), begin, begin + at->remainder, spread, begin, begin + at->remainder,
               at->e, at->x);
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

static void print_text(const struct convolution *conv, const struct axis axis[], bool transposed, int agrees)
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
    return json_pack("{sI sI sI sI sI sI sI sI so so sI sb sI sI sb}", "x", (json_int_t)axis->x, "y", (json_int_t)axis->y,
                     "kernel", (json_int_t)axis->k, "stride", (json_int_t)axis->s, "padding", (json_int_t)axis->p, "dilation",
                     (json_int_t)axis->d, "reach", (json_int_t)axis->e, "output_padding", (json_int_t)axis->remainder, "inputs",
                     inputs, "overlap", overlap, "ignored", (json_int_t)axis->unread, "checkerboard", axis->fewest != axis->most,
                     "direct_padding_begin", (json_int_t)(axis->e - 1 - axis->p), "direct_padding_end",
                     (json_int_t)(axis->e - 1 - axis->p + axis->remainder), "confirmed", axis->agrees);
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

static json_t *geometry_json(const struct convolution *conv, const struct axis axis[], bool transposed, int agrees)
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

int geometry_run(int argc, char **argv)
{
    enum { LARGEST = 1 << 20 };
    struct request request = { .groups = 1 };
    int64_t batch = 1;
    const char *dtype_name = "float32";
    bool json = false, algorithm = false;
    const struct setting settings[] = {
        { "in", .sizes = &request.in, .low = 1, .high = LARGEST },
        { "kernel", .sizes = &request.kernel, .low = 1, .high = LARGEST },
        { "stride", .sizes = &request.stride, .low = 1, .high = LARGEST },
        { "padding", .sizes = &request.padding, .low = 0, .high = LARGEST },
        { "dilation", .sizes = &request.dilation, .low = 1, .high = LARGEST },
        { "output-padding", .sizes = &request.output_padding, .low = 0, .high = LARGEST },
        { "groups", .whole = &request.groups, .low = 1, .high = LARGEST },
        { "channels", .whole = &request.channels, .low = 1, .high = LARGEST },
        { "out-channels", .whole = &request.out_channels, .low = 1, .high = LARGEST },
        { "transposed", .flag = &request.transposed },
        { "algorithm", .flag = &algorithm },
        { "batch", .whole = &batch, .low = 1, .high = LARGEST },
        { "dtype", .text = &dtype_name },
        { "json", .flag = &json },
    };
    struct convolution conv;
    struct axis axis[CT_MAX_SPATIAL] = { { .x = 0 } };
    int code = read_settings(argc, argv, settings, sizeof settings / sizeof settings[0], NULL, help);
    if (code >= 0)
        return code;
    ct_dtype dtype = strcmp(dtype_name, "float64") ? CT_F32 : CT_F64;
    if (strcmp(dtype_name, ct_dtype_name(dtype)) != 0)
        return complain(MISUSED, "geometry: --dtype %s is neither float32 nor float64", dtype_name);
    request.transposed |= request.output_padding.count > 0;
    code = resolve("geometry", &request, &conv);
    bool agree = true;
    for (int a = 0; a < conv.rank && code == 0; a++) {
        code = measure(&conv, a, &axis[a]);
        agree &= axis[a].agrees;
    }
    if (code == 0) {
        int direct = direct_agrees(&conv);
        if (json) {
            json_t *whole = geometry_json(&conv, axis, request.transposed, direct);
            if (algorithm)
                json_object_set_new(whole, "algorithms", algorithms_json(&conv, batch, dtype));
            code = print_json(whole);
        } else {
            print_text(&conv, axis, request.transposed, direct);
            if (algorithm)
                print_algorithms(&conv, batch, dtype);
        }
        if (code == 0 && (!agree || direct == 0))
            code = complain(FAILED, "geometry: the library's sizes or numbers differ from the formulas");
    }
    for (int a = 0; a < CT_MAX_SPATIAL; a++)
        ct_tensor_release(axis[a].overlap);
    return code;
}
