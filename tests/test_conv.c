/* Convolutions by example: published outputs, the construction of a transposed conv, padding rules, and refused arguments. */
#include <criterion/criterion.h>
#include <cotangent/conv.h>
#include <math.h>
#include <string.h>

static ct_tensor *numbers(ct_shape shape, int seed)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F64, shape);
    double *data = ct_tensor_data_mutable(tensor);
    uint32_t state = (uint32_t)seed * 2654435761u + 1;

    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        state = state * 1664525u + 1013904223u, data[i] = (double)(state >> 16) / 8192 - 4;
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        data[i] = round(data[i]);
    return tensor;
}

static void expect(const ct_tensor *tensor, int64_t count, const double expected[], double tolerance)
{
    cr_assert_not_null(tensor);
    cr_assert_eq(ct_tensor_count(tensor), count);
    for (int64_t i = 0; i < count; i++)
        cr_expect(fabs(ct_tensor_at(tensor, i) - expected[i]) <= tolerance, "[%d] %.17g, not %.17g", (int)i,
                  ct_tensor_at(tensor, i), expected[i]);
}

static void expect_equal(ct_tape *tape, const ct_tensor *a, const ct_tensor *b)
{
    cr_assert(a && b, "%s", ct_tape_message(tape));
    cr_assert(ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)));
    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        cr_assert_eq(ct_tensor_at(a, i), ct_tensor_at(b, i));
}

/* Hand-worked transposed convs of [1 2 3; 4 5 6] by two equal kernels. */
Test(conv, published_transposed_outputs)
{
    static const struct {
        int64_t stride, padding, count;
        double expected[7];
    } cases[] = {
        { 1, 0, 5, { 5.5, 18.7, 41.8, 42.9, 29.7 } },
        { 2, 0, 7, { 5.5, 11, 24.2, 15.4, 33, 19.8, 29.7 } },
        { 2, 1, 5, { 11, 24.2, 15.4, 33, 19.8 } },
    };
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = ct_tensor_from(CT_F64, CT_SHAPE(1, 2, 3), (double[]){ 1, 2, 3, 4, 5, 6 });
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(2, 1, 3), (double[]){ 1.1, 2.2, 3.3, 1.1, 2.2, 3.3 });

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (ct_algorithm algorithm = CT_ALGORITHM_AUTO; algorithm <= CT_ALGORITHM_COLUMNS; algorithm++) {
            ct_tensor *x = ct_conv_transpose1d(tape, y, w, NULL, &(ct_conv_options){
                .stride = { cases[i].stride }, .padding = { cases[i].padding }, .algorithm = algorithm });
            expect(x, cases[i].count, cases[i].expected, 1e-14);
        }
    ct_tape_free(tape);
    ct_tensor_release(y), ct_tensor_release(w);
}

Test(conv, by_hand_with_bias_and_unbatched)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 4), (double[]){ 1, 2, 3, 4 });
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(2, 1, 2), (double[]){ 1, 10, 1, -1 });
    ct_tensor *b = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 0.5, 100 });
    ct_tensor *y = ct_conv1d(tape, x, w, b, NULL);

    cr_assert_not_null(y, "%s", ct_tape_message(tape));
    cr_expect(ct_shape_equal(ct_tensor_shape(y), CT_SHAPE(2, 3)));
    expect(y, 6, (double[]){ 21.5, 32.5, 43.5, 99, 99, 99 }, 0);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(b);
}

Test(conv, same_valid_and_uneven_padding)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 3), (double[]){ 1, 2, 3 });
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 2), (double[]){ 1, 10 });

    /* An even kernel: the extra zero is at the end. */
    expect(ct_conv1d(tape, x, w, NULL, &(ct_conv_options){ .padding_rule = CT_PADDING_SAME }), 3, (double[]){ 21, 32, 3 }, 0);
    expect(ct_conv1d(tape, x, w, NULL, &(ct_conv_options){ .padding_rule = CT_PADDING_VALID }), 2, (double[]){ 21, 32 }, 0);
    expect(ct_conv1d(tape, x, w, NULL, &(ct_conv_options){ .padding_begin = { 1 } }), 3, (double[]){ 10, 21, 32 }, 0);
    expect(ct_conv1d(tape, x, w, NULL, &(ct_conv_options){ .padding = { 1 } }), 4, (double[]){ 10, 21, 32, 3 }, 0);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w);
}

/* A border folded in by conv comes back by conv_transpose: adjoint in every mode. */
Test(conv, padding_modes)
{
    static const double expected[4][4] = {
        [CT_ZEROS] = { 10, 21, 32, 3 }, [CT_REFLECT] = { 12, 21, 32, 23 }, [CT_REPLICATE] = { 11, 21, 32, 33 },
        [CT_CIRCULAR] = { 13, 21, 32, 13 },
    };
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 3), (double[]){ 1, 2, 3 });
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 2), (double[]){ 1, 10 });

    for (ct_padding_mode mode = CT_ZEROS; mode <= CT_CIRCULAR; mode++) {
        ct_conv_options options = { .padding = { 1 }, .padding_mode = mode };
        ct_tensor *y = ct_conv1d(tape, x, w, NULL, &options);
        cr_assert_not_null(y, "%s", ct_tape_message(tape));
        expect(y, 4, expected[mode], 0);

        ct_tensor *g = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 4), (double[]){ 2, 3, 5, 7 });
        ct_tensor *back = ct_conv_transpose1d(tape, g, w, NULL, &options);
        cr_assert_not_null(back, "%s", ct_tape_message(tape));
        cr_assert_eq(ct_tensor_count(back), 3);
        double left = 0, right = 0;
        for (int64_t i = 0; i < 4; i++)
            left += ct_tensor_at(g, i) * ct_tensor_at(y, i);
        for (int64_t i = 0; i < 3; i++)
            right += ct_tensor_at(back, i) * ct_tensor_at(x, i);
        cr_expect_eq(left, right);
        ct_tensor_release(g);
    }
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w);
}

/* Inputs of 5 and 6 both give 3 with k = 3, p = 1, s = 2; output_padding, or output_size, tells them apart. */
Test(conv, both_inputs_of_one_output)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *w = numbers(CT_SHAPE(2, 3, 3), 1), *y = numbers(CT_SHAPE(1, 2, 3), 2);

    for (int64_t extra = 0; extra < 2; extra++) {
        ct_tensor *x = numbers(CT_SHAPE(1, 3, 5 + extra), 3);
        ct_conv_options options = { .stride = { 2 }, .padding = { 1 } };
        cr_expect_eq(ct_tensor_size(ct_conv1d(tape, x, w, NULL, &options), 2), 3);

        ct_conv_options by_padding = options, by_size = options;
        by_padding.output_padding[0] = extra, by_size.output_size[0] = 5 + extra;
        ct_tensor *a = ct_conv_transpose1d(tape, y, w, NULL, &by_padding), *b = ct_conv_transpose1d(tape, y, w, NULL, &by_size);
        cr_expect_eq(ct_tensor_size(a, 2), 5 + extra);
        expect_equal(tape, a, b);
        ct_tensor_release(x);
    }
    ct_tape_free(tape);
    ct_tensor_release(w), ct_tensor_release(y);
}

/* Spread y by stride, slide the flipped kernel over it, cut the border: a direct conv that gives the transposed one. */
static void construct(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, int64_t extra)
{
    const int64_t out = 2, in = 3, reach = dilation * (kernel - 1), spread = (size - 1) * stride + 1;
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = numbers(CT_SHAPE(2, out, size, size), 5), *w = numbers(CT_SHAPE(out, in, kernel, kernel), 6);
    ct_tensor *z = ct_tensor_zeros(CT_F64, CT_SHAPE(2, out, spread, spread));
    ct_tensor *flipped = ct_tensor_zeros(CT_F64, CT_SHAPE(in, out, kernel, kernel));
    double *to = ct_tensor_data_mutable(z), *turned = ct_tensor_data_mutable(flipped);

    for (int64_t plane = 0; plane < 2 * out; plane++)
        for (int64_t i = 0; i < size * size; i++)
            to[(plane * spread + i / size * stride) * spread + i % size * stride] = ct_tensor_at(y, plane * size * size + i);
    for (int64_t o = 0; o < out; o++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t k = 0; k < kernel * kernel; k++)
                turned[(c * out + o) * kernel * kernel + k] = ct_tensor_at(w, (o * in + c + 1) * kernel * kernel - 1 - k);

    int64_t border = reach - padding;
    ct_tensor *transposed = ct_conv_transpose2d(tape, y, w, NULL, &(ct_conv_options){ .stride = CT_ALL(stride),
        .padding = CT_ALL(padding), .dilation = CT_ALL(dilation), .output_padding = CT_ALL(extra) });
    ct_tensor *direct = ct_conv2d(tape, z, flipped, NULL, &(ct_conv_options){ .padding = CT_ALL(border),
        .padding_end = CT_ALL(extra), .dilation = CT_ALL(dilation) });
    expect_equal(tape, transposed, direct);
    ct_tape_free(tape);
    ct_tensor_release(y), ct_tensor_release(w), ct_tensor_release(z), ct_tensor_release(flipped);
}

Test(conv, spread_slide_cut)
{
    for (int64_t size = 1; size <= 4; size++)
        for (int64_t kernel = 1; kernel <= 4; kernel++)
            for (int64_t stride = 1; stride <= 3; stride++)
                for (int64_t dilation = 1; dilation <= 2; dilation++)
                    for (int64_t padding = 0; padding <= dilation * (kernel - 1); padding++)
                        for (int64_t extra = 0; extra < stride; extra++)
                            if ((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + extra > 0)
                                construct(size, kernel, stride, padding, dilation, extra);
}

Test(conv, empty_batch)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_empty(CT_F64, CT_SHAPE(0, 2, 5)), *w = numbers(CT_SHAPE(4, 2, 3), 1);
    ct_tensor *y = ct_conv1d(tape, x, w, NULL, NULL), *dw = ct_conv_weight(tape, x, y, (int64_t[]){ 3 }, NULL);

    cr_assert(y && dw, "%s", ct_tape_message(tape));
    cr_expect(ct_shape_equal(ct_tensor_shape(y), CT_SHAPE(0, 4, 3)));
    cr_expect(ct_shape_equal(ct_tensor_shape(ct_conv_transpose1d(tape, y, w, NULL, NULL)), CT_SHAPE(0, 2, 5)));
    for (int64_t i = 0; i < 24; i++)
        cr_expect_eq(ct_tensor_at(dw, i), 0);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w);
}

/* ---- derivatives ---- */

static double inner(const ct_tensor *a, const ct_tensor *b)
{
    double sum = 0;

    cr_assert(a && b && ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)));
    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        sum += ct_tensor_at(a, i) * ct_tensor_at(b, i);
    return sum;
}

static const ct_conv_options geometry = { .stride = { 2, 3 }, .padding = { 1, 2 }, .dilation = { 2, 1 }, .groups = 2 };

static ct_tensor *map_conv(ct_tape *tape, ct_tensor *x, ct_tensor *w) { return ct_conv2d(tape, x, w, NULL, &geometry); }

static ct_tensor *map_transpose(ct_tape *tape, ct_tensor *y, ct_tensor *w)
{
    ct_conv_options options = geometry;
    options.output_size[0] = 8, options.output_size[1] = 9;
    return ct_conv_transpose2d(tape, y, w, NULL, &options);
}

static ct_tensor *map_weight(ct_tape *tape, ct_tensor *x, ct_tensor *y)
{
    return ct_conv_weight(tape, x, y, (int64_t[]){ 2, 3 }, &geometry);
}

/* Each map is linear in each operand, so in integers its derivatives are exact: with f(a, b), for any direction h of a,
 * <ga, h> = <g, f(h, b)>, the tangent along h is f(h, b), and the derivative of <ga, h> in b along k is <g, f(h, k)>. */
Test(conv, derivatives_of_every_map)
{
    const ct_shape x = CT_SHAPE(2, 4, 8, 9), w = CT_SHAPE(6, 2, 2, 3), y = CT_SHAPE(2, 6, 4, 4);
    const struct {
        ct_tensor *(*map)(ct_tape *, ct_tensor *, ct_tensor *);
        ct_shape in[2], out;
    } maps[] = { { map_conv, { x, w }, y }, { map_transpose, { y, w }, x }, { map_weight, { x, y }, w } };

    for (size_t m = 0; m < 3; m++) {
        ct_tape *tape = ct_tape_new();
        ct_tensor *in[2], *along[2], *g = numbers(maps[m].out, 7), *gradient[2], *second, *tangent;
        for (int i = 0; i < 2; i++) {
            in[i] = numbers(maps[m].in[i], 1 + i), along[i] = numbers(maps[m].in[i], 3 + i);
            ct_requires_grad(in[i], true);
        }
        ct_tensor *out = maps[m].map(tape, in[0], in[1]);
        cr_assert(out && ct_shape_equal(ct_tensor_shape(out), maps[m].out), "%s", ct_tape_message(tape));
        cr_assert_eq(ct_grad(tape, 1, &out, &g, 2, in, gradient, CT_CREATE_GRAPH), CT_OK, "%s", ct_tape_message(tape));

        ct_tensor *both = maps[m].map(tape, along[0], along[1]);
        for (int i = 0; i < 2; i++) {
            ct_tensor *moved = maps[m].map(tape, i ? in[0] : along[0], i ? along[1] : in[1]);
            cr_expect_eq(inner(gradient[i], along[i]), inner(g, moved));

            cr_assert_eq(ct_push(tape, 1, &in[i], &along[i], 1, &out, &tangent, CT_RETAIN_GRAPH), CT_OK, "%s",
                         ct_tape_message(tape));
            expect_equal(tape, tangent, moved);

            cr_assert_eq(ct_grad(tape, 1, &gradient[i], &along[i], 1, &in[!i], &second, CT_CREATE_GRAPH), CT_OK, "%s",
                         ct_tape_message(tape));
            cr_expect_eq(inner(second, along[!i]), inner(g, both));
        }
        ct_tape_free(tape);
        for (int i = 0; i < 2; i++)
            ct_tensor_release(in[i]), ct_tensor_release(along[i]);
        ct_tensor_release(g);
    }
}

/* The bias's gradient is the sum of the output's cotangent over all but the channels. */
Test(conv, bias_gradient)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = numbers(CT_SHAPE(2, 3, 5), 1), *w = numbers(CT_SHAPE(4, 3, 2), 2), *b = numbers(CT_SHAPE(4), 3), *db;
    ct_tensor *g = numbers(CT_SHAPE(2, 4, 4), 4);
    ct_requires_grad(b, true);
    ct_tensor *y = ct_conv1d(tape, x, w, b, NULL);

    cr_assert_eq(ct_grad(tape, 1, &y, &g, 1, &b, &db, 0), CT_OK, "%s", ct_tape_message(tape));
    for (int64_t c = 0; c < 4; c++) {
        double sum = 0;
        for (int64_t i = 0; i < 8; i++)
            sum += ct_tensor_at(g, (i / 4 * 4 + c) * 4 + i % 4);
        cr_expect_eq(ct_tensor_at(db, c), sum);
    }
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(b), ct_tensor_release(g);
}

/* ---- refused ---- */

Test(conv, refused_arguments)
{
    enum { CONV, TRANSPOSED };
    static const struct {
        int map, rank;
        ct_shape input, weight;
        ct_conv_options options;
        ct_status status;
        const char *says[3];
    } cases[] = {
#define X1 { 3, { 1, 2, 5 } }
#define W1 { 3, { 2, 2, 3 } }
        { CONV, 1, { 2, { 4, 5 } }, { 2, { 2, 3 } }, { .groups = 0 }, CT_BAD_SHAPE, { "conv1d", "(2, 3)", "rank 3" } },
        { CONV, 2, X1, W1, { .groups = 0 }, CT_BAD_SHAPE, { "conv2d", "(2, 2, 3)", "rank 4" } },
        { CONV, 1, { 4, { 1, 2, 5, 5 } }, W1, { .groups = 0 }, CT_BAD_SHAPE, { "conv1d", "(1, 2, 5, 5)", "rank 3" } },
        { CONV, 1, X1, W1, { .stride = { -1 } }, CT_BAD_ARGUMENT, { "conv1d", "stride[0] = -1", "0 (the default)" } },
        { CONV, 1, X1, W1, { .padding = { -2 } }, CT_BAD_ARGUMENT, { "padding[0] = -2" } },
        { CONV, 1, X1, W1, { .padding_begin = { -3 } }, CT_BAD_ARGUMENT, { "padding_begin[0] = -3" } },
        { CONV, 1, X1, W1, { .padding_end = { -4 } }, CT_BAD_ARGUMENT, { "padding_end[0] = -4" } },
        { CONV, 1, X1, W1, { .dilation = { -5 } }, CT_BAD_ARGUMENT, { "dilation[0] = -5" } },
        { CONV, 1, X1, W1, { .stride = { INT64_MAX } }, CT_BAD_ARGUMENT, { "stride[0] = 9223372036854775807", "2^31" } },
        { CONV, 1, X1, W1, { .groups = -1 }, CT_BAD_ARGUMENT, { "groups = -1" } },
        { CONV, 1, X1, W1, { .groups = 3 }, CT_BAD_SHAPE, { "groups = 3", "in = 2" } },
        { CONV, 1, X1, W1, { .groups = 2 }, CT_BAD_SHAPE, { "groups = 2", "weight's 2" } },
        { CONV, 1, { 3, { 1, 3, 5 } }, W1, { .groups = 0 }, CT_BAD_SHAPE, { "(1, 3, 5)", "in = 3", "weight's 2" } },
        { CONV, 1, { 3, { 1, 2, 2 } }, W1, { .groups = 0 }, CT_BAD_SHAPE, { "(3 - 1) + 1 = 3", "2 + 0 + 0 = 2" } },
        { CONV, 1, X1, W1, { .dilation = { 3 } }, CT_BAD_SHAPE, { "= 3 (3 - 1) + 1 = 7", "5 + 0 + 0 = 5" } },
        { CONV, 1, { 3, { 1, 2, 0 } }, W1, { .padding = { 2 } }, CT_BAD_SHAPE, { "(1, 2, 0)", "from 1" } },
        { CONV, 1, X1, { 3, { 2, 2, 0 } }, { .groups = 0 }, CT_BAD_SHAPE, { "(2, 2, 0)", "from 1" } },
        { CONV, 1, X1, { 3, { 0, 2, 3 } }, { .groups = 0 }, CT_BAD_SHAPE, { "(0, 2, 3)", "from 1" } },
        { CONV, 1, X1, W1, { .output_padding = { 1 } }, CT_BAD_ARGUMENT, { "output_padding[0] = 1", "only conv_transpose" } },
        { CONV, 1, X1, W1, { .output_size = { 9 } }, CT_BAD_ARGUMENT, { "output_size[0] = 9", "only conv_transpose" } },
        { CONV, 1, X1, W1, { .padding_rule = CT_PADDING_SAME, .stride = { 2 } }, CT_BAD_ARGUMENT, { "same", "stride[0] = 2" } },
        { CONV, 1, X1, W1, { .padding_rule = CT_PADDING_SAME, .padding = { 1 } }, CT_BAD_ARGUMENT, { "padding 1 and 1", "same" } },
        { CONV, 1, X1, W1, { .padding_rule = CT_PADDING_VALID, .padding_end = { 1 } }, CT_BAD_ARGUMENT, { "0 and 1", "valid" } },
        { CONV, 1, X1, W1, { .padding_rule = (ct_padding_rule)7 }, CT_BAD_ARGUMENT, { "padding_rule = 7" } },
        { CONV, 1, X1, W1, { .padding_mode = (ct_padding_mode)9 }, CT_BAD_ARGUMENT, { "padding_mode = 9" } },
        { CONV, 1, X1, W1, { .algorithm = (ct_algorithm)11 }, CT_BAD_ARGUMENT, { "algorithm = 11" } },
        { CONV, 1, X1, W1, { .padding = { INT32_MAX } }, CT_BAD_SHAPE, { "exceeds 2^31 - 1" } },
        { CONV, 2, { 4, { 1, 2, 5, 5 } }, { 4, { 2, 2, 1, 1 } }, { .padding = { 1 << 30, 1 << 29 } }, CT_BAD_SHAPE,
          { "" } },
        { TRANSPOSED, 1, X1, { 3, { 3, 2, 3 } }, { .groups = 0 }, CT_BAD_SHAPE, { "conv_transpose1d", "in = 2", "weight's 3" } },
        { TRANSPOSED, 1, { 3, { 1, 3, 5 } }, { 3, { 3, 2, 3 } }, { .groups = 2 }, CT_BAD_SHAPE, { "in = 3", "groups = 2" } },
        { TRANSPOSED, 1, { 3, { 1, 2, 3 } }, W1, { .stride = { 2 }, .padding = { 1 }, .output_size = { 7 } }, CT_BAD_ARGUMENT,
          { "output_size 7", "5 (output_padding 0)", "6 (output_padding 1)" } },
        { TRANSPOSED, 1, { 3, { 1, 2, 3 } }, W1, { .stride = { 2 }, .padding = { 1 }, .output_size = { 4 } }, CT_BAD_ARGUMENT,
          { "output_size 4", "5 (output_padding 0)", "6 (output_padding 1)" } },
        { TRANSPOSED, 1, X1, W1, { .stride = { 2 }, .output_padding = { 2 } }, CT_BAD_ARGUMENT,
          { "output_padding 2", "11 (output_padding 0)", "12 (output_padding 1)" } },
        { TRANSPOSED, 1, X1, W1, { .stride = { 2 }, .output_padding = { 1 }, .output_size = { 11 } }, CT_BAD_ARGUMENT,
          { "output_size 11 needs output_padding 0", "1 is given" } },
        { TRANSPOSED, 1, { 3, { 1, 2, 1 } }, W1, { .padding = { 2 } }, CT_BAD_SHAPE, { "(1 - 1) 1 - 2 - 2", "= -1" } },
        { TRANSPOSED, 1, X1, W1, { .stride = { INT32_MAX } }, CT_BAD_SHAPE, { "8589934591", "2^31 - 1" } },
        { TRANSPOSED, 1, X1, W1, { .output_padding = { -1 } }, CT_BAD_ARGUMENT, { "output_padding[0] = -1" } },
        { TRANSPOSED, 1, X1, W1, { .output_size = { -1 } }, CT_BAD_ARGUMENT, { "output_size[0] = -1" } },
    };
    static ct_tensor *(*const maps[2][3])(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *) = {
        { ct_conv1d, ct_conv2d, ct_conv3d }, { ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ct_tape *tape = ct_tape_new();
        ct_tensor *a = ct_tensor_zeros(CT_F64, cases[i].input), *w = ct_tensor_zeros(CT_F64, cases[i].weight);
        cr_assert(a && w);
        cr_expect_null(maps[cases[i].map][cases[i].rank - 1](tape, a, w, NULL, &cases[i].options), "case %d", (int)i);
        cr_expect_eq(ct_tape_status(tape), cases[i].status, "case %d: %s", (int)i, ct_tape_message(tape));
        for (int j = 0; j < 3 && cases[i].says[j]; j++)
            cr_expect(strstr(ct_tape_message(tape), cases[i].says[j]), "case %d: no '%s' in: %s", (int)i, cases[i].says[j],
                      ct_tape_message(tape));
        ct_tape_free(tape);
        ct_tensor_release(a), ct_tensor_release(w);
    }
}

static void expect_failure(ct_tape *tape, const ct_tensor *result, ct_status status, const char *says)
{
    cr_expect_null(result);
    cr_expect_eq(ct_tape_status(tape), status);
    cr_expect(strstr(ct_tape_message(tape), says), "no '%s' in: %s", says, ct_tape_message(tape));
    ct_tape_clear_status(tape);
}

Test(conv, refused_operands)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = numbers(CT_SHAPE(1, 2, 5), 1), *w = numbers(CT_SHAPE(4, 2, 3), 2), *b = numbers(CT_SHAPE(3), 3);
    ct_tensor *narrow = ct_tensor_cast(w, CT_F32), *flat = numbers(CT_SHAPE(2, 5), 4);

    expect_failure(tape, ct_conv1d(tape, NULL, w, NULL, NULL), CT_BAD_ARGUMENT, "conv1d: the input is NULL");
    expect_failure(tape, ct_conv1d(tape, x, NULL, NULL, NULL), CT_BAD_ARGUMENT, "conv1d: the weight is NULL");
    expect_failure(tape, ct_conv1d(tape, x, narrow, NULL, NULL), CT_BAD_DTYPE, "input is float64, weight float32");
    expect_failure(tape, ct_conv1d(tape, x, w, b, NULL), CT_BAD_SHAPE, "bias (3,) must be (4,)");
    expect_failure(tape, ct_conv_weight(tape, x, NULL, (int64_t[]){ 3 }, NULL), CT_BAD_ARGUMENT, "y is NULL");
    expect_failure(tape, ct_conv_weight(tape, flat, flat, (int64_t[]){ 3 }, NULL), CT_BAD_SHAPE, "(2, 5)");
    expect_failure(tape, ct_conv_weight(tape, x, x, (int64_t[]){ 3 }, NULL), CT_BAD_SHAPE, "y (1, 2, 5) must be (1, 2, 3)");
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(b), ct_tensor_release(narrow), ct_tensor_release(flat);
}
