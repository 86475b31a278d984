/* Derivatives of orders 1 to 3 of conv, conv_transpose and conv_weight in random geometries, 1-D to 3-D, at whole numbers, where
 * the gradient check with its step of 1 is exact, and by dense directions, where it is not. */
#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

typedef ct_tensor *conv_function(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *);
static conv_function *const conv[] = { NULL, ct_conv1d, ct_conv2d, ct_conv3d };
static conv_function *const transposed[] = { NULL, ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d };

struct geometry {
    uint64_t state;
    int rank, map; /* 0: conv, 1: conv_transpose, 2: conv_weight */
    ct_conv_options options;
    int64_t kernel[3];
};

static int64_t draw(struct geometry *g, int64_t count)
{
    g->state = g->state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(g->state >> 33) % count;
}

static ct_tensor *apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    const struct geometry *g = context;
    if (g->map == 2)
        return ct_conv_weight(tape, in[0], in[1], g->kernel, &g->options);
    return (g->map ? transposed : conv)[g->rank](tape, in[0], in[1], g->map == 0 ? in[2] : NULL, &g->options);
}

static ct_tensor *whole_numbers(struct geometry *g, ct_shape shape)
{
    ct_tensor *x = ct_tensor_zeros(CT_F64, shape);
    for (int64_t i = 0; i < ct_tensor_count(x); i++)
        ((double *)ct_tensor_data_mutable(x))[i] = (double)(draw(g, 9) - 4);
    return x;
}

/* x, w, bias; or y, w; or x, y. */
static void draw_geometry(struct geometry *g, ct_tensor *in[3])
{
    const int64_t groups = 1 + draw(g, 2), a = 1 + draw(g, 2), b = 1 + draw(g, 2), batch = 1 + draw(g, 2);
    ct_conv_options *o = &g->options;
    *o = (ct_conv_options){ .groups = groups, .padding_mode = g->map == 2 ? CT_ZEROS : (ct_padding_mode)draw(g, 4) };
    ct_shape x = { g->rank + 2, { batch, groups * a } }, y = { g->rank + 2, { batch, groups * b } }, w = { g->rank + 2, { groups * b, a } };
    for (int i = 0; i < g->rank; i++) {
        const int64_t k = g->kernel[i] = 1 + draw(g, 3), s = o->stride[i] = 1 + draw(g, 3), d = o->dilation[i] = 1 + draw(g, 2);
        const int64_t begin = o->padding_begin[i] = draw(g, 3), end = o->padding_end[i] = draw(g, 3), e = d * (k - 1) + 1;
        int64_t least = e - begin - end, mode = o->padding_mode == CT_REFLECT ? 3 : o->padding_mode == CT_CIRCULAR ? 2 : 1;
        x.extent[2 + i] = (least > mode ? least : mode) + draw(g, g->rank == 3 ? 2 : 3), w.extent[2 + i] = k;
        y.extent[2 + i] = (x.extent[2 + i] + begin + end - e) / s + 1;
        if (g->map == 1)
            o->output_padding[i] = (x.extent[2 + i] + begin + end - e) % s;
    }
    in[0] = whole_numbers(g, g->map == 1 ? y : x), in[1] = whole_numbers(g, g->map == 2 ? y : w);
    in[2] = g->map == 0 ? whole_numbers(g, CT_SHAPE(groups * b)) : NULL;
}

static void check_orders(int order, int count)
{
    ct_set_num_threads(1);
    for (int i = 0; i < count; i++) {
        struct geometry g = { .state = (uint64_t)i * 7919 + 1, .rank = 1 + i % 3, .map = i / 3 % 3 };
        ct_tensor *in[3];
        ct_gradcheck_report report;
        char text[1500];
        draw(&g, 1), draw_geometry(&g, in);
        const ct_function f = { apply, &g, g.map == 0 ? 3 : 2 };
        const ct_gradcheck_options options = { .order = order, .seed = (uint64_t)i, .linear = 7, .elements = 12 };
        cr_expect_eq(ct_gradcheck(&f, in, &options, &report), CT_RIGHT, "geometry %d, order %d: %s", i, order,
                     ct_gradcheck_text(&report, text, sizeof text));
        for (int j = 0; j < 3; j++)
            ct_tensor_release(in[j]);
    }
}

Test(conv_orders, first) { check_orders(1, 900); }
Test(conv_orders, second) { check_orders(2, 450); }
Test(conv_orders, third) { check_orders(3, 270); }
