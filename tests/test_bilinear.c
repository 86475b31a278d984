/* The bilinear and the direct algorithms: every map against loops in float64, every instruction set that runs here, any number of threads. */
#include <criterion/criterion.h>
#include <cotangent/conv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../src/ops/vector/bilinear_tables.h"
#include "../src/ops/vector/vector.h"

static uint32_t state = 4711;

static int64_t draw(int64_t count)
{
    state = state * 1664525u + 1013904223u;
    return (int64_t)(state >> 8) % count;
}

static ct_tensor *normal(ct_shape shape, uint64_t seed)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F32, shape);
    ct_random random = { .seed = seed };
    cr_assert(tensor && ct_normal(tensor, 0, 1, &random) == CT_OK);
    return tensor;
}

typedef ct_tensor *conv_function(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *);
static conv_function *const conv[] = { NULL, ct_conv1d, ct_conv2d, ct_conv3d };
static conv_function *const transposed[] = { NULL, ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d };

struct maps {
    ct_tensor *of[3]; /* y, x, w */
};

static struct maps three(ct_tape *tape, ct_tensor *x, ct_tensor *w, ct_tensor *y, ct_conv_options options)
{
    int rank = ct_tensor_rank(x) - 2;
    struct maps maps = { { conv[rank](tape, x, w, NULL, &options) } };

    maps.of[2] = ct_conv_weight(tape, x, y, ct_tensor_shape(w).extent + 2, &options);
    for (int i = 0; i < rank; i++)
        options.output_size[i] = ct_tensor_size(x, 2 + i);
    maps.of[1] = transposed[rank](tape, y, w, NULL, &options);
    cr_assert(maps.of[0] && maps.of[1] && maps.of[2], "%s", ct_tape_message(tape));
    return maps;
}

static double relative_error(const ct_tensor *is, const ct_tensor *should)
{
    double difference = 0, size = 0;

    cr_assert(ct_shape_equal(ct_tensor_shape(is), ct_tensor_shape(should)));
    for (int64_t i = 0; i < ct_tensor_count(is); i++) {
        double a = ct_tensor_at(is, i), b = ct_tensor_at(should, i);
        difference += (a - b) * (a - b), size += b * b;
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

static double inner(const ct_tensor *a, const ct_tensor *b)
{
    double sum = 0;

    for (int64_t i = 0; i < ct_tensor_count(a); i++)
        sum += ct_tensor_at(a, i) * ct_tensor_at(b, i);
    return sum;
}

static double norm(const ct_tensor *a) { return sqrt(inner(a, a)); }

struct geometry {
    ct_shape x, w;
    ct_conv_options options;
};

static ct_shape y_shape(ct_tape *tape, const struct geometry *g)
{
    ct_tensor *x = ct_tensor_zeros(CT_F32, (ct_shape){ g->x.rank, { 0, g->x.extent[1], g->x.extent[2], g->x.extent[3], g->x.extent[4] } });
    ct_tensor *w = ct_tensor_zeros(CT_F32, g->w), *y = conv[g->x.rank - 2](tape, x, w, NULL, &g->options);
    cr_assert(y, "%s", ct_tape_message(tape));
    ct_shape shape = ct_tensor_shape(y);
    shape.extent[0] = g->x.extent[0];
    ct_tensor_release(x), ct_tensor_release(w);
    return shape;
}

/* Calls body with each instruction set that runs here. */
#define EACH_ISA(vectors)                                                                            \
    for (const ct_vectors *const *at_ = ct_vectors_built, *vectors; (vectors = *at_) != NULL; at_++) \
        if (ct_vectors_run_here(vectors) && (ct_vectors_use(vectors), true))

/* Against float64 loops, relative L2 at most 3e-6 for each map; and ⟨y, conv(x)⟩ = ⟨x, conv_transpose(y)⟩ = ⟨w, conv_weight(x, y)⟩. */
static void expect_exact(ct_tape *tape, const struct geometry *g, ct_algorithm algorithm)
{
    ct_tensor *x = normal(g->x, 1), *w = normal(g->w, 2), *y = normal(y_shape(tape, g), 3);
    ct_tensor *wide[3] = { ct_tensor_cast(x, CT_F64), ct_tensor_cast(w, CT_F64), ct_tensor_cast(y, CT_F64) };
    ct_conv_options options = g->options;

    options.algorithm = CT_ALGORITHM_COLUMNS; /* in float64: test_conv_grid.c holds it equal to the loops */
    struct maps should = three(tape, wide[0], wide[1], wide[2], options);
    options.algorithm = algorithm;
    EACH_ISA(vectors) {
        struct maps is = three(tape, x, w, y, options);
        for (int i = 0; i < 3; i++) {
            double error = relative_error(is.of[i], should.of[i]);
            cr_expect(error <= 3e-6, "%s, algorithm %d, map %d of x %s, w %s: error %g", vectors->name, (int)algorithm, i,
                      ct_shape_text(g->x, (char[99]){ 0 }, 99), ct_shape_text(g->w, (char[99]){ 0 }, 99), error);
        }
        double form = inner(y, is.of[0]), bound = 3e-6 * norm(y) * norm(is.of[0]);
        cr_expect_float_eq(inner(x, is.of[1]), form, bound);
        cr_expect_float_eq(inner(w, is.of[2]), form, bound);
    }
    ct_vectors_use(NULL);
    ct_tape_reset(tape);
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(y);
    for (int i = 0; i < 3; i++)
        ct_tensor_release(wide[i]);
}

static const struct geometry layers[] = {
    { { 4, { 3, 20, 16, 16 } }, { 4, { 35, 20, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
    { { 4, { 2, 64, 8, 8 } }, { 4, { 70, 64, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
    { { 4, { 50, 80, 16, 16 } }, { 4, { 104, 80, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } }, /* w in parts and halves */
    { { 4, { 2, 3, 40, 31 } }, { 4, { 17, 3, 3, 3 } }, { .padding = { 1, 1 } } },
    { { 4, { 5, 33, 7, 7 } }, { 4, { 40, 33, 3, 3 } }, { .padding = { 1, 1 } } },
    { { 4, { 70, 5, 4, 4 } }, { 4, { 9, 5, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
    { { 4, { 1, 1, 9, 200 } }, { 4, { 1, 1, 3, 3 } }, { .padding = { 2, 0 } } },
    { { 4, { 1, 2, 5, 6 } }, { 4, { 3, 2, 1, 1 } }, { .groups = 1 } },
    { { 4, { 2, 130, 6, 6 } }, { 4, { 5, 130, 6, 3 } }, { .stride = { 2, 1 }, .padding = { 3, 1 } } },
    { { 4, { 2, 4, 17, 23 } }, { 4, { 6, 4, 9, 6 } }, { .stride = { 3, 3 }, .padding_begin = { 2, 0 }, .padding_end = { 0, 5 } } },
    { { 4, { 0, 4, 17, 23 } }, { 4, { 6, 4, 4, 4 } }, { .stride = { 2, 2 } } },
    { { 3, { 3, 18, 1001 } }, { 3, { 20, 18, 3 } }, { .padding = { 1 } } },
    { { 3, { 2, 3, 77 } }, { 3, { 4, 3, 8 } }, { .stride = { 4 }, .padding = { 2 } } },
    { { 4, { 1, 2, 5, 3000 } }, { 4, { 2, 2, 3, 3 } }, { .stride = { 1, 1000 }, .padding = { 1, 0 } } }, /* columns' */
    { { 5, { 2, 3, 4, 9, 10 } }, { 5, { 5, 3, 1, 3, 4 } }, { .stride = { 1, 1, 2 }, .padding = { 0, 1, 1 } } },
    { { 4, { 2, 18, 15, 16 } }, { 4, { 20, 18, 3, 3 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },      /* filled up to 4 */
    { { 4, { 2, 18, 15, 16 } }, { 4, { 20, 18, 5, 7 } }, { .padding = { 2, 3 } } },                          /* in segments */
    { { 4, { 2, 18, 30, 31 } }, { 4, { 20, 18, 7, 5 } }, { .stride = { 2, 2 }, .padding = { 3, 2 } } },
    { { 4, { 5, 130, 20, 20 } }, { 4, { 6, 130, 7, 7 } }, { .stride = { 2, 2 }, .padding = { 3, 3 } } },     /* a few of x's channels at a time */
    { { 3, { 2, 8, 500 } }, { 3, { 20, 8, 25 } }, { .stride = { 4 }, .padding = { 11 } } },
    { { 4, { 2, 18, 28, 27 } }, { 4, { 20, 18, 3, 3 } }, { .padding = { 2, 3 }, .dilation = { 2, 3 } } },
    { { 4, { 1, 3, 30, 70 } }, { 4, { 5, 3, 3, 5 } }, { .padding = { 2, 9 }, .dilation = { 1, 12 } } },
    { { 3, { 1, 20, 150 } }, { 3, { 20, 20, 3 } }, { .padding = { 48 }, .dilation = { 48 } } }, /* tiles that are not cut apart */
    { { 4, { 1, 3, 30, 30 } }, { 4, { 5, 3, 4, 3 } }, { .stride = { 2, 1 }, .padding = { 1, 4 }, .dilation = { 1, 4 } } },
    { { 5, { 2, 18, 6, 9, 10 } }, { 5, { 20, 18, 3, 3, 3 } }, { .padding = { 1, 1, 1 } } },
    { { 5, { 2, 5, 9, 9, 10 } }, { 5, { 20, 5, 4, 4, 4 } }, { .stride = { 2, 2, 2 }, .padding = { 1, 1, 1 } } },
    { { 5, { 2, 3, 9, 9, 10 } }, { 5, { 4, 3, 2, 3, 3 } }, { .stride = { 3, 1, 1 }, .padding_begin = { 4, 0, 1 }, .dilation = { 1, 2, 1 } } },
};

static void draw_geometry(struct geometry *g)
{
    *g = (struct geometry){ { 4, { 1 + draw(4), 1 + draw(40) } }, { 4, { 1 + draw(40) } }, { .groups = 1 } };
    g->w.extent[1] = g->x.extent[1];
    for (int i = 0; i < 2; i++) {
        int64_t stride = 1 + draw(3), kernel = stride * (1 + draw(3));
        g->options.stride[i] = stride;
        g->options.padding_begin[i] = draw(kernel + 2), g->options.padding_end[i] = draw(kernel + 2);
        g->w.extent[2 + i] = kernel;
        g->x.extent[2 + i] = kernel + draw(14);
    }
}

/* For the direct algorithm: channels slice by slice, the last of them smaller; several images at once, the last of them fewer. */
static const struct geometry many_channels[] = {
    { { 4, { 11, 300, 6, 7 } }, { 4, { 330, 300, 3, 3 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
    { { 4, { 3, 280, 9, 8 } }, { 4, { 270, 280, 3, 2 } }, { .padding = { 4, 0 }, .dilation = { 1, 3 } } }, /* rows that see no tap */
    { { 4, { 17, 600, 5, 5 } }, { 4, { 40, 600, 1, 1 } }, { .groups = 1 } },
    { { 4, { 9, 20, 4, 4 } }, { 4, { 290, 20, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
    { { 4, { 2, 600, 5, 4 } }, { 4, { 570, 300, 2, 1 } }, { .groups = 2 } },
    { { 5, { 2, 260, 5, 4, 6 } }, { 5, { 33, 260, 3, 1, 1 } }, { .stride = { 2, 1, 1 }, .padding = { 1, 0, 0 } } },
    { { 5, { 2, 7, 5, 4, 6 } }, { 5, { 33, 7, 1, 1, 3 } }, { .padding = { 0, 0, 1 } } }, /* axes without a kernel */
    { { 4, { 9, 24, 24, 24 } }, { 4, { 20, 24, 1, 1 } }, { .groups = 1 } },
};

Test(bilinear, many_channels)
{
    ct_tape *tape = ct_tape_new();

    for (size_t i = 0; i < sizeof many_channels / sizeof many_channels[0]; i++)
        expect_exact(tape, &many_channels[i], CT_ALGORITHM_DIRECT);
    ct_tape_free(tape);
}

Test(bilinear, layers)
{
    ct_tape *tape = ct_tape_new();

    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        expect_exact(tape, &layers[i], CT_ALGORITHM_BILINEAR), expect_exact(tape, &layers[i], CT_ALGORITHM_DIRECT);
    ct_tape_free(tape);
}

Test(bilinear, drawn)
{
    ct_tape *tape = ct_tape_new();
    struct geometry g;

    for (int i = 0; i < 60; i++) {
        draw_geometry(&g);
        expect_exact(tape, &g, CT_ALGORITHM_BILINEAR);
    }
    ct_tape_free(tape);
}

/* Small groups, whose channels lie in lanes side by side, and others. */
static const struct geometry grouped[] = {
    { { 4, { 2, 37, 15, 14 } }, { 4, { 37, 1, 3, 3 } }, { .padding = { 1, 1 }, .groups = 37 } },
    { { 4, { 2, 16, 15, 14 } }, { 4, { 32, 1, 5, 3 } }, { .stride = { 2, 2 }, .padding = { 2, 0 }, .groups = 16 } },
    { { 4, { 3, 24, 9, 12 } }, { 4, { 24, 4, 3, 3 } }, { .stride = { 1, 2 }, .padding = { 1, 1 }, .groups = 6 } },
    { { 4, { 3, 12, 9, 130 } }, { 4, { 24, 2, 3, 2 } }, { .stride = { 3, 2 }, .dilation = { 2, 3 }, .groups = 6 } },
    { { 3, { 2, 20, 300 } }, { 3, { 20, 1, 7 } }, { .padding = { 3 }, .groups = 20 } },
    { { 5, { 2, 18, 5, 6, 7 } }, { 5, { 9, 2, 3, 2, 3 } }, { .stride = { 2, 1, 2 }, .padding = { 1, 1, 1 }, .groups = 9 } },
    { { 4, { 2, 70, 20, 20 } }, { 4, { 70, 1, 3, 3 } }, { .padding = { 1, 1 }, .groups = 70 } }, /* too many for all points to be kept */
    { { 4, { 1, 1020, 14, 14 } }, { 4, { 1020, 17, 3, 3 } }, { .padding = { 1, 1 }, .groups = 60 } },
};

Test(bilinear, small_groups)
{
    ct_tape *tape = ct_tape_new();

    for (size_t i = 0; i < sizeof grouped / sizeof grouped[0]; i++)
        expect_exact(tape, &grouped[i], CT_ALGORITHM_DIRECT), expect_exact(tape, &grouped[i], CT_ALGORITHM_BILINEAR);
    ct_tape_free(tape);
}

/* Any rank, dilation and groups. */
static void draw_any(struct geometry *g)
{
    int rank = 1 + (int)draw(3);
    int64_t groups = 1 + draw(3) * draw(2), in = 1 + draw(draw(2) ? 40 : 6), out = 1 + draw(draw(2) ? 70 : 6);

    *g = (struct geometry){ { rank + 2, { 1 + draw(3), groups * in } }, { rank + 2, { groups * out, in } }, { .groups = groups } };
    for (int i = 0; i < rank; i++) {
        g->options.stride[i] = 1 + draw(3), g->options.dilation[i] = 1 + draw(3);
        g->options.padding_begin[i] = draw(5), g->options.padding_end[i] = draw(5);
        g->w.extent[2 + i] = 1 + draw(rank == 3 ? 3 : 6);
        g->x.extent[2 + i] = g->options.dilation[i] * (g->w.extent[2 + i] - 1) + 1 + draw(rank == 1 ? 150 : rank == 2 ? 14 : 5);
    }
}

Test(bilinear, any)
{
    ct_tape *tape = ct_tape_new();
    struct geometry g;

    for (int i = 0; i < 90; i++) {
        draw_any(&g);
        expect_exact(tape, &g, CT_ALGORITHM_DIRECT), expect_exact(tape, &g, CT_ALGORITHM_BILINEAR);
    }
    ct_tape_free(tape);
}

/* The same bits for 1 to 8 threads. */
Test(bilinear, threads_change_no_bit)
{
    static const struct geometry shapes[] = {
        { { 4, { 9, 24, 32, 32 } }, { 4, { 40, 24, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } }, /* keeps weights */
        { { 4, { 4, 70, 8, 8 } }, { 4, { 200, 70, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },  /* keeps data */
        { { 4, { 10, 80, 16, 16 } }, { 4, { 104, 80, 4, 4 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } },
        { { 4, { 1, 40, 28, 30 } }, { 4, { 35, 40, 3, 3 } }, { .padding = { 1, 1 } } },
        { { 4, { 5, 24, 19, 20 } }, { 4, { 24, 1, 3, 3 } }, { .padding = { 1, 1 }, .groups = 24 } },
        { { 4, { 1, 1020, 14, 14 } }, { 4, { 1020, 17, 3, 3 } }, { .padding = { 1, 1 }, .groups = 60 } },
        { { 3, { 1, 20, 150 } }, { 3, { 20, 20, 3 } }, { .padding = { 48 }, .dilation = { 48 } } },
        { { 4, { 1, 40, 16, 16 } }, { 4, { 24, 40, 5, 5 } }, { .stride = { 2, 2 }, .padding = { 2, 2 } } }, /* low strips */
        { { 4, { 11, 300, 6, 7 } }, { 4, { 150, 300, 3, 3 } }, { .stride = { 2, 2 }, .padding = { 1, 1 } } }, /* slices, sets of images */
    };
    static const int threads[] = { 1, 2, 3, 4, 8 };
    ct_tape *tape = ct_tape_new();

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        ct_tensor *x = normal(shapes[i].x, 1), *w = normal(shapes[i].w, 2), *y = normal(y_shape(tape, &shapes[i]), 3);
        ct_conv_options options = shapes[i].options;
        for (options.algorithm = CT_ALGORITHM_COLUMNS; options.algorithm <= CT_ALGORITHM_BILINEAR; options.algorithm++)
            EACH_ISA(vectors) {
                struct maps one = { 0 };
                for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
                    ct_set_num_threads(threads[t]);
                    struct maps maps = three(tape, x, w, y, options);
                    one = t ? one : maps;
                    for (int j = 0; j < 3; j++)
                        cr_expect(!memcmp(ct_tensor_data(one.of[j]), ct_tensor_data(maps.of[j]),
                                          (size_t)ct_tensor_count(one.of[j]) * sizeof(float)),
                                  "%s, algorithm %d, map %d, case %d: %d threads differ", vectors->name, (int)options.algorithm, j,
                                  (int)i, threads[t]);
                }
            }
        ct_vectors_use(NULL);
        ct_tape_reset(tape);
        ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(y);
    }
    ct_tape_free(tape);
}

/* What is not finite stays visible wherever it should be: it may spread over its tile, but is never lost. */
Test(bilinear, shows_what_is_not_finite)
{
    ct_tape *tape = ct_tape_new();
    const ct_conv_options options = { .stride = { 2, 2 }, .padding = { 1, 1 }, .algorithm = CT_ALGORITHM_BILINEAR };
    ct_conv_options loops = options;
    loops.algorithm = CT_ALGORITHM_REFERENCE;

    for (int which = 0; which < 6; which++) {
        ct_tensor *of[3] = { normal(CT_SHAPE(2, 5, 16, 16), 1), normal(CT_SHAPE(7, 5, 4, 4), 2), normal(CT_SHAPE(2, 7, 8, 8), 3) };
        float *data = ct_tensor_data_mutable(of[which % 3]);
        data[draw(ct_tensor_count(of[which % 3]))] = which < 3 ? NAN : INFINITY;
        struct maps should = three(tape, of[0], of[1], of[2], loops);
        EACH_ISA(vectors) {
            struct maps is = three(tape, of[0], of[1], of[2], options);
            for (int j = 0; j < 3; j++)
                for (int64_t i = 0; i < ct_tensor_count(is.of[j]); i++)
                    if (!isfinite(ct_tensor_at(should.of[j], i)))
                        cr_assert(!isfinite(ct_tensor_at(is.of[j], i)), "%s: operand %d, map %d, %d", vectors->name, which, j, (int)i);
        }
        ct_vectors_use(NULL);
        ct_tape_reset(tape);
        for (int i = 0; i < 3; i++)
            ct_tensor_release(of[i]);
    }
    ct_tape_free(tape);
}

/* Σ_p A[p][i] G[p][j] B[p][l] = [l = i + j], exactly: every entry is an integer over 486 or 64, to float's rounding. */
static void bilinear_identity(int m, int r, const float *a, const float *g, const float *b)
{
    int alpha = m + r - 1;

    for (int i = 0; i < m; i++)
        for (int j = 0; j < r; j++)
            for (int l = 0; l < alpha; l++) {
                int64_t sum = 0;
                for (int p = 0; p < alpha; p++) {
                    float entry[3] = { a[p * m + i], g[p * r + j], b[p * alpha + l] };
                    static const int64_t over[3] = { 64, 486, 64 };
                    int64_t number[3], product = 1;
                    for (int k = 0; k < 3; k++) {
                        number[k] = llround((double)entry[k] * (double)over[k]);
                        cr_assert_eq((float)number[k] / (float)over[k], entry[k], "F(%d, %d): %g is not over %d", m, r, entry[k],
                                     (int)over[k]);
                        product *= number[k];
                    }
                    sum += product;
                }
                cr_expect_eq(sum, l == i + j ? 64 * 486 * 64 : 0, "F(%d, %d): %d %d %d", m, r, i, j, l);
            }
}

Test(bilinear, tables)
{
#define CHECK(id, m, r) bilinear_identity(m, r, &ct_f##id##_a[0][0], &ct_f##id##_g[0][0], &ct_f##id##_b[0][0]);
    CT_BILINEAR_ALGORITHMS(CHECK)
}

Test(bilinear, unknown_isa)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = normal(CT_SHAPE(1, 2, 8, 8), 1), *w = normal(CT_SHAPE(2, 2, 3, 3), 2);

    setenv("CT_ISA", "x86-64-v9", 1);
    cr_expect_null(ct_conv2d(tape, x, w, NULL, &(ct_conv_options){ .algorithm = CT_ALGORITHM_BILINEAR }));
    cr_expect_eq(ct_tape_status(tape), CT_BAD_ARGUMENT);
    cr_expect(strstr(ct_tape_message(tape), "CT_ISA") && strstr(ct_tape_message(tape), "baseline"), "%s", ct_tape_message(tape));
    ct_tape_clear_status(tape);
    setenv("CT_ISA", "baseline", 1);
    cr_expect_not_null(ct_conv2d(tape, x, w, NULL, &(ct_conv_options){ .algorithm = CT_ALGORITHM_BILINEAR }));
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w);
}

/* Large products go to the bilinear algorithm, float64 and dilation with stride do not, and the environment and the options have their way. */
Test(bilinear, choice)
{
    ct_conv_form form = { .batch = 64, .groups = 1, .x_channels = 64, .y_channels = 128, .x = { 1, 32, 32 }, .k = { 1, 4, 4 },
                          .y = { 1, 16, 16 }, .stride = { 1, 2, 2 }, .padding = { 0, 1, 1 }, .dilation = { 1, 1, 1 }, .rank = 2 };
    ct_conv_choice choice = ct_conv_choose(&form, CT_MAP_CONV, CT_F32);

    cr_expect_eq(choice.algorithm, CT_ALGORITHM_BILINEAR);
    for (int i = 0; i <= CT_ALGORITHM_BILINEAR; i++)
        cr_expect(choice.nanoseconds[i] >= choice.nanoseconds[CT_ALGORITHM_BILINEAR]);
    cr_expect_eq(choice.nanoseconds[CT_ALGORITHM_AUTO], choice.nanoseconds[CT_ALGORITHM_BILINEAR]);
    cr_expect_eq(ct_conv_choose(&form, CT_MAP_CONV, CT_F64).algorithm, CT_ALGORITHM_COLUMNS);
    setenv("CT_ALGORITHM", "columns", 1);
    cr_expect_eq(ct_conv_choose(&form, CT_MAP_CONV, CT_F32).algorithm, CT_ALGORITHM_COLUMNS);
    form.algorithm = CT_ALGORITHM_REFERENCE;
    cr_expect_eq(ct_conv_choose(&form, CT_MAP_CONV, CT_F32).algorithm, CT_ALGORITHM_REFERENCE);
    ct_conv_form far = form;
    far.stride[2] = 1000; /* a phase at a time would take long */
    cr_expect(isinf(ct_conv_choose(&far, CT_MAP_CONV, CT_F32).nanoseconds[CT_ALGORITHM_DIRECT]));
    far = form, far.dilation[1] = INT32_MAX, far.dilation[2] = INT32_MAX; /* a strip would hold all that the kernel reaches */
    cr_expect(isinf(ct_conv_choose(&far, CT_MAP_CONV, CT_F32).nanoseconds[CT_ALGORITHM_DIRECT]));
    form.algorithm = CT_ALGORITHM_BILINEAR, form.dilation[1] = 2;
    choice = ct_conv_choose(&form, CT_MAP_CONV, CT_F32);
    cr_expect_eq(choice.algorithm, CT_ALGORITHM_COLUMNS);
    cr_expect(isinf(choice.nanoseconds[CT_ALGORITHM_BILINEAR]));
}
