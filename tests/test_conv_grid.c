/* ⟨y, conv(x, w)⟩ = ⟨x, conv_transpose(y, w)⟩ = ⟨w, conv_weight(x, y)⟩, exact in integers, over whole grids of geometries; and the
 * algorithms equal to the bit. */
#include <criterion/criterion.h>
#include <cotangent/conv.h>
#include <stdlib.h>

static uint32_t state = 12345;

static int64_t draw(int64_t count)
{
    state = state * 1664525u + 1013904223u;
    return (int64_t)(state >> 8) % count;
}

/* Small integers: every product and sum below is exact, in float32 too. */
static ct_tensor *integers(ct_dtype dtype, ct_shape shape)
{
    ct_tensor *tensor = ct_tensor_empty(dtype, shape);
    void *data = ct_tensor_data_mutable(tensor);

    for (int64_t i = 0; i < ct_tensor_count(tensor); i++) {
        if (dtype == CT_F32)
            ((float *)data)[i] = (float)(draw(7) - 3);
        else
            ((double *)data)[i] = (double)(draw(7) - 3);
    }
    return tensor;
}

static double inner(const ct_tensor *a, const ct_tensor *b)
{
    double sum = 0;

    cr_assert(ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)));
    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        sum += ct_tensor_at(a, i) * ct_tensor_at(b, i);
    return sum;
}

typedef ct_tensor *conv_function(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *);
static conv_function *const conv[] = { NULL, ct_conv1d, ct_conv2d, ct_conv3d };
static conv_function *const transposed[] = { NULL, ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d };

struct maps {
    ct_tensor *y, *x, *w;
};

/* The three maps of one geometry. output_size makes the transposed one's extents x's. */
static struct maps three(ct_tape *tape, ct_tensor *x, ct_tensor *w, ct_tensor *y, ct_conv_options options)
{
    ct_shape shape = ct_tensor_shape(x), kernel = ct_tensor_shape(w);
    struct maps maps = { .y = conv[shape.rank - 2](tape, x, w, NULL, &options) };

    cr_assert(maps.y, "%s", ct_tape_message(tape));
    maps.w = ct_conv_weight(tape, x, y ? y : maps.y, kernel.extent + 2, &options);
    for (int i = 2; i < shape.rank; i++)
        options.output_size[i - 2] = shape.extent[i];
    maps.x = transposed[shape.rank - 2](tape, y ? y : maps.y, w, NULL, &options);
    cr_assert(maps.x && maps.w, "%s", ct_tape_message(tape));
    return maps;
}

static ct_shape y_shape(ct_tape *tape, ct_tensor *x, ct_tensor *w, const ct_conv_options *options)
{
    ct_tensor *y = conv[ct_tensor_rank(x) - 2](tape, x, w, NULL, options);
    cr_assert(y, "%s", ct_tape_message(tape));
    return ct_tensor_shape(y);
}

static void adjoint(ct_tape *tape, ct_shape x_shape, ct_shape w_shape, const ct_conv_options *options)
{
    ct_tensor *x = integers(CT_F64, x_shape), *w = integers(CT_F64, w_shape);
    ct_tensor *y = integers(CT_F64, y_shape(tape, x, w, options));
    struct maps maps = three(tape, x, w, y, *options);
    double form = inner(y, maps.y);

    cr_assert_eq(form, inner(x, maps.x));
    cr_assert_eq(form, inner(w, maps.w));
    ct_tape_reset(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(y);
}

/* 23,328 geometries: kernels 1 … 3, strides 1 … 3, paddings 0 … 2, dilations 1 … 2, each on either axis, two sizes, four channels
 * and groups; each by both algorithms. */
static void whole_grid(ct_algorithm algorithm)
{
    static const int64_t sizes[2][2] = { { 6, 7 }, { 8, 5 } };
    static const int64_t channels[4][3] = { { 1, 1, 1 }, { 2, 3, 1 }, { 4, 2, 2 }, { 2, 4, 2 } }; /* in, out, groups */
    ct_tape *tape = ct_tape_new();
    int count = 0;

    ct_set_num_threads(1); /* the sizes are tiny */
    for (int i = 0; i < 9 * 9 * 9 * 4 * 2 * 4; i++) {
        int64_t at = i, digit[6];
        static const int64_t base[6] = { 9, 9, 9, 4, 2, 4 };
        for (int j = 0; j < 6; j++)
            digit[j] = at % base[j], at /= base[j];
        const int64_t *channel = channels[digit[5]], *size = sizes[digit[4]];
        ct_conv_options options = {
            .stride = { 1 + digit[1] % 3, 1 + digit[1] / 3 },
            .padding = { digit[2] % 3, digit[2] / 3 },
            .dilation = { 1 + digit[3] % 2, 1 + digit[3] / 2 },
            .groups = channel[2],
            .algorithm = algorithm,
        };
        adjoint(tape, CT_SHAPE(2, channel[0], size[0], size[1]),
                CT_SHAPE(channel[1], channel[0] / channel[2], 1 + digit[0] % 3, 1 + digit[0] / 3), &options);
        count++;
    }
    cr_expect_eq(count, 23328);
    ct_tape_free(tape);
}

Test(conv_grid, adjoint_by_reference) { whole_grid(CT_ALGORITHM_REFERENCE); }
Test(conv_grid, adjoint_by_columns) { whole_grid(CT_ALGORITHM_COLUMNS); }

/* A geometry drawn at random, 1-D to 3-D, with groups, dilation, uneven padding. */
static void draw_geometry(int rank, ct_shape *x, ct_shape *w, ct_conv_options *options)
{
    int64_t groups = 1 + draw(3), in = 1 + draw(3), out = 1 + draw(3);

    *options = (ct_conv_options){ .groups = groups };
    *x = (ct_shape){ rank + 2, { 1 + draw(3), groups * in } };
    *w = (ct_shape){ rank + 2, { groups * out, in } };
    for (int i = 0; i < rank; i++) {
        options->stride[i] = 1 + draw(4), options->dilation[i] = 1 + draw(3);
        options->padding[i] = draw(3), options->padding_begin[i] = draw(2), options->padding_end[i] = draw(2);
        w->extent[2 + i] = 1 + draw(4);
        int64_t reach = options->dilation[i] * (w->extent[2 + i] - 1) + 1;
        int64_t padded = 2 * options->padding[i] + options->padding_begin[i] + options->padding_end[i];
        int64_t least = reach > padded ? reach - padded : 1;
        x->extent[2 + i] = least + draw(rank == 3 ? 4 : 9);
    }
}

static void expect_same(const ct_tensor *a, const ct_tensor *b)
{
    cr_assert(ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)));
    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        cr_assert_eq(ct_tensor_at(a, i), ct_tensor_at(b, i));
}

static void algorithms_agree(ct_tape *tape, ct_dtype dtype, ct_shape x_shape, ct_shape w_shape, ct_conv_options options)
{
    ct_tensor *x = integers(dtype, x_shape), *w = integers(dtype, w_shape);
    ct_tensor *y = integers(dtype, y_shape(tape, x, w, &options));

    options.algorithm = CT_ALGORITHM_REFERENCE;
    struct maps a = three(tape, x, w, y, options);
    options.algorithm = CT_ALGORITHM_COLUMNS;
    struct maps b = three(tape, x, w, y, options);
    expect_same(a.y, b.y), expect_same(a.x, b.x), expect_same(a.w, b.w);
    if (dtype == CT_F32) {
        options.algorithm = CT_ALGORITHM_DIRECT;
        struct maps c = three(tape, x, w, y, options);
        expect_same(a.y, c.y), expect_same(a.x, c.x), expect_same(a.w, c.w);
    }
    ct_tape_reset(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(y);
}

Test(conv_grid, random_geometries)
{
    ct_tape *tape = ct_tape_new();

    ct_set_num_threads(1);
    for (int i = 0; i < 3000; i++) {
        ct_shape x, w;
        ct_conv_options options;
        draw_geometry(1 + i % 3, &x, &w, &options);
        adjoint(tape, x, w, &options);
        algorithms_agree(tape, i % 2 ? CT_F32 : CT_F64, x, w, options);
    }
    ct_tape_free(tape);
}

/* Sizes that take several tiles, lanes and blocks of channels. */
Test(conv_grid, large_geometries)
{
    static const struct {
        ct_shape x, w;
        ct_conv_options options;
    } cases[] = {
        { { 4, { 2, 24, 61, 53 } }, { 4, { 8, 24, 3, 3 } }, { .padding = { 1, 1 } } },
        { { 4, { 1, 64, 16, 16 } }, { 4, { 32, 64, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
        { { 4, { 11, 6, 19, 17 } }, { 4, { 9, 2, 3, 5 } }, { .groups = 3, .stride = { 2, 1 }, .dilation = { 1, 2 } } },
        { { 3, { 1, 2, 40000 } }, { 3, { 3, 2, 9 } }, { .stride = { 3 }, .padding = { 4 } } },
        { { 4, { 37, 50, 4, 4 } }, { 4, { 70, 50, 4, 4 } }, { .stride = { 3, 1 } } }, /* the kernel covers x */
        { { 4, { 3, 20, 40, 41 } }, { 4, { 12, 10, 1, 1 } }, { .groups = 2 } },
        { { 5, { 1, 8, 9, 14, 13 } }, { 5, { 4, 8, 3, 3, 3 } }, { .padding = { 1, 0, 1 } } },
        /* few channels: wide rows, several images at a time, several groups at a time, every kind of stride */
        { { 4, { 5, 1, 30, 300 } }, { 4, { 6, 1, 5, 5 } }, { .padding = { 2, 2 } } },
        { { 4, { 40, 3, 7, 7 } }, { 4, { 8, 3, 3, 3 } }, { .padding = { 1, 1 } } },
        { { 4, { 3, 32, 20, 33 } }, { 4, { 32, 4, 3, 3 } }, { .groups = 8, .stride = { 1, 2 }, .padding = { 1, 1 } } },
        { { 4, { 6, 60, 9, 9 } }, { 4, { 40, 3, 3, 2 } }, { .groups = 20, .dilation = { 2, 3 } } },
        { { 4, { 2, 16, 25, 18 } }, { 4, { 3, 16, 4, 1 } }, { .stride = { 3, 3 } } },
        { { 5, { 2, 1, 12, 13, 14 } }, { 5, { 5, 1, 3, 3, 3 } }, { .stride = { 2, 1, 2 }, .padding = { 1, 1, 1 } } },
    };
    ct_tape *tape = ct_tape_new();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++)
            algorithms_agree(tape, dtype, cases[i].x, cases[i].w, cases[i].options);
    ct_tape_free(tape);
}

/* The same bits for any number of threads, with values that round. */
Test(conv_grid, threads_change_no_bit)
{
    static const struct {
        ct_shape x, w;
        ct_conv_options options;
    } cases[] = {
        { { 4, { 9, 12, 23, 21 } }, { 4, { 10, 12, 3, 3 } }, { .stride = { 2, 1 }, .padding = { 1, 1 } } },
        { { 4, { 20, 3, 23, 21 } }, { 4, { 20, 3, 3, 3 } }, { .padding = { 1, 1 }, .algorithm = CT_ALGORITHM_DIRECT } },
        { { 4, { 9, 32, 9, 7 } }, { 4, { 64, 4, 3, 3 } }, { .groups = 8, .padding = { 1, 1 }, .algorithm = CT_ALGORITHM_DIRECT } },
        { { 4, { 3, 40, 9, 7 } }, { 4, { 40, 1, 3, 3 } }, { .groups = 40, .padding = { 1, 1 }, .algorithm = CT_ALGORITHM_DIRECT } },
        { { 4, { 3, 40, 20, 20 } }, { 4, { 50, 40, 3, 3 } }, { .padding = { 1, 1 }, .algorithm = CT_ALGORITHM_DIRECT } },
    };
    ct_tape *tape = ct_tape_new();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ct_tensor *x = ct_tensor_empty(CT_F32, cases[i].x), *w = ct_tensor_empty(CT_F32, cases[i].w);
        ct_random random = { .seed = 1 };
        ct_normal(x, 0, 1, &random), ct_normal(w, 0, 1, &random);
        struct maps one = { 0 };

        for (int threads = 1; threads <= 4; threads++) {
            ct_set_num_threads(threads);
            struct maps maps = three(tape, x, w, NULL, cases[i].options);
            if (threads == 1)
                one = maps;
            else
                expect_same(one.y, maps.y), expect_same(one.x, maps.x), expect_same(one.w, maps.w);
        }
        ct_tape_reset(tape);
        ct_tensor_release(x), ct_tensor_release(w);
    }
    ct_tape_free(tape);
}

/* Column by column, the matrices of conv and conv_transpose: one is the other transposed. */
Test(conv_grid, dense_matrices)
{
    ct_tape *tape = ct_tape_new();

    ct_set_num_threads(1);
    for (int i = 0; i < 150; i++) {
        ct_shape xs, ws;
        ct_conv_options options;
        int rank = 1 + i % 2;
        draw_geometry(rank, &xs, &ws, &options);
        xs.extent[0] = 1;
        ct_tensor *w = integers(CT_F64, ws), *x = ct_tensor_zeros(CT_F64, xs);
        ct_tensor *y = ct_tensor_zeros(CT_F64, y_shape(tape, x, w, &options));
        int64_t columns = ct_tensor_count(x), rows = ct_tensor_count(y);
        double *matrix = malloc((size_t)(rows * columns) * sizeof *matrix);

        for (int64_t c = 0; c < columns; c++) {
            ((double *)ct_tensor_data_mutable(x))[c] = 1;
            ct_tensor *column = conv[rank](tape, x, w, NULL, &options);
            for (int64_t r = 0; r < rows; r++)
                matrix[r * columns + c] = ct_tensor_at(column, r);
            ((double *)ct_tensor_data_mutable(x))[c] = 0;
        }
        for (int a = 0; a < rank; a++)
            options.output_size[a] = xs.extent[2 + a];
        for (int64_t r = 0; r < rows; r++) {
            ((double *)ct_tensor_data_mutable(y))[r] = 1;
            ct_tensor *row = transposed[rank](tape, y, w, NULL, &options);
            cr_assert(row, "%s", ct_tape_message(tape));
            for (int64_t c = 0; c < columns; c++)
                cr_assert_eq(matrix[r * columns + c], ct_tensor_at(row, c));
            ((double *)ct_tensor_data_mutable(y))[r] = 0;
        }
        free(matrix);
        ct_tape_reset(tape);
        ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(y);
    }
    ct_tape_free(tape);
}
