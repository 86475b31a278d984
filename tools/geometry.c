/* cotangent geometry: the sizes of a convolution and of its transpose, from the formulas and held against the library. */
#include <stdlib.h>
#include <string.h>

#include "geometry.h"

static const char help[] =
    "cotangent geometry: what sizes a convolution has, and which it shares.\n"
    "\n"
    "  cotangent geometry --in 5 --kernel 3 --stride 2 --padding 1\n"
    "  cotangent geometry --in 8x6 --kernel 4x3 --stride 2 --padding 1 --groups 2 --channels 4\n"
    "  cotangent geometry --transposed --in 3 --kernel 3 --stride 2 --padding 1 --output-padding 1\n"
    "  cotangent geometry --in 5x6 --kernel 4 --padding 1:2x1:2\n"
    "\n"
    "  --in SIZES               the input's; one number an axis, as 5 or 5x6 or 4x5x6\n"
    "  --kernel SIZES           one number for all axes, or one an axis; so too the following\n"
    "  --stride SIZES           (1)\n"
    "  --padding SIZES          zeros at both ends; 1:2 is 1 at the beginning and 2 at the end           (0)\n"
    "  --dilation SIZES         distance of the kernel's taps                                            (1)\n"
    "  --groups N               (1)\n"
    "  --channels N, --out-channels N   of the input and the output                                      (groups)\n"
    "  --transposed             --in is the input of a transposed convolution\n"
    "  --output-padding SIZES   of the transposed convolution: of the way back, where --transposed is not given   (0)\n"
    "  --algorithm              also which algorithm the library chooses, and why; for\n"
    "    --batch N, --dtype float32|float64                                                              (1, float32)\n"
    "  --json                   for programs\n"
    "\n"
    "A window of reach e = dilation (kernel - 1) + 1 slides over the padded input in steps of the stride, so it fits\n"
    "o = floor((i + 2 padding - e) / stride) + 1 times (with two paddings: i + begin + end - e). The floor drops a remainder of 0 ... stride - 1: that many\n"
    "rows at the end are read by no window, and `stride` neighbouring input sizes share one output size. The way back\n"
    "must choose one of them: that, and nothing else, is output_padding. It pads nothing: it is the remainder.\n"
    "\n"
    "In the transposed convolution each number of the small side is spread over `kernel` positions, `stride` apart.\n"
    "Where these overlap they add. If stride does not divide kernel, neighbours get different numbers of summands: a\n"
    "checkerboard.\n"
    "\n"
    "The calls that it prints give the same numbers. On some reversed kernels JAX's compiler dies (0.10); it does not with\n"
    "XLA_FLAGS=--xla_disable_hlo_passes=algsimp.\n";

/* Far from the ends, position q gets a summand from each tap j with j·d ≡ q + begin (mod s). The taps go round s/gcd(d, s) classes of
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
                                 .begin = { axis->begin },
                                 .end = { axis->end },
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
                           .begin = conv->begin[a],
                           .end = conv->end[a],
                           .d = conv->dilation[a],
                           .e = reach(conv, a),
                           .remainder = conv->output_padding[a] };
    int64_t base = (axis->y - 1) * axis->s - axis->begin - axis->end + axis->e;
    axis->first_picks = base < 1 ? 1 - base : 0; /* with much padding the smallest sizes are none */
    axis->least = base + axis->first_picks;
    axis->inputs = axis->s - axis->first_picks;
    interior(axis);

    if ((double)axis->y * (double)axis->k > 0x1p31)
        return complain(FAILED, "geometry: axis %d: %.0f windows of %.0f numbers are too many to count", a, (double)axis->y, (double)axis->k);

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
        { "padding", .sizes = &request.padding, .low = 0, .high = LARGEST, .ends = true },
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
    code = resolve("geometry", &request, &conv);
    bool agree = true, there_and_back = !request.transposed && request.output_padding.count > 0;
    request.transposed |= there_and_back;
    for (int a = 0; code == 0 && a < conv.rank; a++) {
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
            if (there_and_back) {
                printf("conv%dd: ", conv.rank);
                print_extents(request.in.value, conv.rank);
                fputs(" -> ", stdout);
                print_extents(conv.y, conv.rank);
                puts(". The way back with this output_padding:");
            }
            geometry_print(&conv, axis, request.transposed, direct);
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
