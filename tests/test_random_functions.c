/* The gradient check on functions that nobody chose: random trees of elementwise ops and random chains of layers, at random scales,
 * saturated, cancelling, steep, kinked. Right as they are, none is ever accused, in any order and in float32; with a slope that is 0.1 %
 * off, none is called right. CT_TIMES=50 in the environment tries fifty times as many. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include <cotangent/cotangent.h>

struct chance {
    uint64_t seed, state;
    int depth;
    bool kinks; /* ops that have them too */
    bool lies;  /* the last derivative is 0.1 % too large */
};

static uint64_t next(struct chance *chance) /* Knuth's MMIX generator */
{
    chance->state = chance->state * 6364136223846793005u + 1442695040888963407u;
    return chance->state >> 33;
}

/* ---- trees of elementwise ops, of two vectors ---- */

static ct_tensor *grow(ct_tape *t, ct_tensor *const in[], struct chance *tree, int depth)
{
    if (depth == 0)
        return in[next(tree) % 2];
    const uint64_t op = next(tree) % (tree->kinks ? 24 : 19);
    const double k = pow(10, -6 + 12 * (double)next(tree) * 0x1p-31);
    ct_tensor *a = grow(t, in, tree, depth - 1);
#define B grow(t, in, tree, depth - 1)
    switch (op) {
    case 0: return ct_tanh(t, a);
    case 1: return ct_sigmoid(t, a);
    case 2: return ct_exp(t, ct_tanh(t, a));
    case 3: return ct_square(t, a);
    case 4: return ct_softplus(t, a, 1, 20);
    case 5: return ct_gelu(t, a);
    case 6: return ct_sqrt(t, ct_add_scalar(t, ct_square(t, a), 1));
    case 7: return ct_log(t, ct_add_scalar(t, ct_square(t, a), 1));
    case 8: return ct_scale(t, a, k);
    case 9: return ct_add_scalar(t, a, k);
    case 10: return ct_mul(t, a, B);
    case 11: return ct_add(t, a, B);
    case 12: return ct_sub(t, a, B);
    case 13: return ct_div(t, a, ct_add_scalar(t, ct_square(t, B), 1));
    case 14: return ct_softmax(t, a, -1);
    case 15: return ct_log_softmax(t, a, -1);
    case 16: return ct_mul(t, a, ct_sum(t, a));
    case 17: return ct_erf(t, a);
    case 18: return ct_sub(t, a, ct_mean_axes(t, a, CT_AXES(-1), true));
    case 19: return ct_relu(t, a);
    case 20: return ct_abs(t, a);
    case 21: return ct_leaky_relu(t, a, 0.1);
    case 22: return ct_maximum(t, a, B);
    default: return ct_clamp(t, a, -k, k);
    }
#undef B
}

/* ---- chains of layers, of x (2, 3, 4), w (3, 3, 3) and b (3) ---- */

static ct_tensor *layer(ct_tape *t, ct_tensor *x, ct_tensor *w, ct_tensor *b, struct chance *chain)
{
    const uint64_t op = next(chain) % (chain->kinks ? 25 : 20), choice = next(chain);
    const double k = pow(10, -3 + 6 * (double)next(chain) * 0x1p-31);
    const ct_conv_options conv = { .padding = { 1 }, .padding_mode = (ct_padding_mode)(choice % 4) };
    const ct_pool_options pool = { .kernel = { 3 }, .stride = { 1 }, .padding = { 1 } };
    ct_tensor *flat;
    switch (op) {
    case 0: return ct_conv1d(t, x, w, b, &conv);
    case 1: return ct_conv_transpose1d(t, x, w, b, &conv);
    case 2: return ct_layer_norm(t, x, 1, NULL, NULL, 1e-5);
    case 3: return ct_batch_norm(t, x, NULL, NULL, b, NULL, true, 0.1, 1e-5);
    case 4: return ct_softmax(t, x, (int)(choice % 3));
    case 5: return ct_log_softmax(t, x, (int)(choice % 3));
    case 6: flat = ct_matmul(t, ct_reshape(t, w, CT_SHAPE(9, 3)), ct_reshape(t, x, CT_SHAPE(3, 8)), false, false);
        return ct_reshape(t, ct_slice(t, flat, 0, 0, 3, 1), CT_SHAPE(2, 3, 4));
    case 7: return ct_tanh(t, x);
    case 8: return ct_gelu(t, x);
    case 9: return ct_sub(t, x, ct_mean_axes(t, x, CT_AXES(1), true));
    case 10: return ct_div(t, x, ct_add_scalar(t, ct_var_axes(t, x, CT_AXES(2), 1, true), 1e-3));
    case 11: return ct_scale(t, x, k);
    case 12: return ct_add_scalar(t, x, k);
    case 13: return ct_mul(t, x, ct_reshape(t, b, CT_SHAPE(3, 1)));
    case 14: return ct_square(t, x);
    case 15: return ct_avg_pool1d(t, x, &pool);
    case 16: return ct_flip(t, ct_pad(t, ct_slice(t, x, 2, 0, 3, 1), 2, (int64_t[]){ 1, 0 }, CT_REPLICATE), CT_AXES(2));
    case 17: return ct_group_norm(t, x, 3, NULL, NULL, 1e-5);
    case 18: return ct_log(t, ct_add_scalar(t, ct_square(t, x), 1e-3));
    case 19: return ct_softplus(t, x, 1.5, 20);
    case 20: return ct_leaky_relu(t, x, 0.1);
    case 21: return ct_max_pool1d(t, x, &pool);
    case 22: return ct_clamp(t, x, -k, k);
    case 23: return ct_sub(t, x, ct_max_axes(t, x, CT_AXES(2), true));
    default: return ct_abs(t, x);
    }
}

static ct_tensor *forge(ct_tape *t, ct_tensor *const in[], struct chance *chain, int depth)
{
    ct_tensor *x = in[0];
    for (int i = 0; i < depth; i++)
        x = layer(t, x, in[1], in[2], chain);
    switch (next(chain) % 4) {
    case 0: return ct_mean(t, x);
    case 1: return ct_sum_axes(t, x, CT_AXES(0, 2), false);
    case 2: return ct_mse_loss(t, x, ct_scale(t, x, 0), CT_REDUCTION_MEAN);
    default: return x;
    }
}

/* ---- both ---- */

static const struct family {
    ct_tensor *(*make)(ct_tape *, ct_tensor *const[], struct chance *, int depth);
    int inputs;
    ct_shape shape[3];
} trees = { grow, 2, { { 1, { 3 } }, { 1, { 3 } } } }, chains = { forge, 3, { { 3, { 2, 3, 4 } }, { 3, { 3, 3, 3 } }, { 1, { 3 } } } };

struct random_function {
    const struct family *family;
    struct chance chance;
};

static bool same_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return (void)tape, *out = ct_tensor_shape(call->in[0]), true; }
static bool copy(ct_tape *tape, ct_call *call) { return (void)tape, ct_tensor_assign(call->out, call->in[0]) == CT_OK; }
static ct_tensor *too_large(ct_tape *t, const ct_call *call, int operand, ct_tensor *g) { return (void)call, (void)operand, ct_scale(t, g, 1.001); }
static const ct_op lie = { .name = "lie", .arity = 1, .shape = same_shape, .forward = copy, .vjp = too_large, .jvp = too_large };

static ct_tensor *apply(ct_tape *t, ct_tensor *const in[], void *context)
{
    struct random_function *f = context;
    f->chance.state = f->chance.seed * 7919 + 13;
    next(&f->chance), next(&f->chance);
    ct_tensor *y = f->family->make(t, in, &f->chance, f->chance.depth);
    return f->chance.lies ? ct_apply(t, &lie, 1, &y, NULL, 0) : ct_scale(t, y, 1);
}

static double largest(const ct_tensor *x)
{
    double result = 0;
    for (int64_t i = 0; i < ct_tensor_count(x); i++)
        result = fmax(result, fabs(ct_tensor_at(x, i)));
    return result;
}

/* Does a step of an input's size change f by more than 1e-7 of its size? Where it does not, f is a constant for all that differences tell. */
static bool moves(const ct_function *f, ct_tensor *const x[])
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *jacobian = ct_jacobian(tape, f, x);
    const double size = largest(f->apply(tape, x, f->context));
    bool result = false;
    for (int64_t row = 0, i = 0; row < ct_tensor_size(jacobian, 0); row++)
        for (int j = 0; j < f->inputs; j++)
            for (int64_t k = 0; k < ct_tensor_count(x[j]); k++, i++)
                result |= fabs(ct_tensor_at(jacobian, i)) * largest(x[j]) > 1e-7 * size;
    ct_tape_free(tape);
    return result;
}

struct tally {
    int all, verdict[4], moving; /* moving: right, and not constant */
};

static struct tally check_random(const struct family *family, int count, int order, bool float32, bool lies)
{
    const char *times = getenv("CT_TIMES");
    struct tally tally = { .all = count * (times != NULL ? atoi(times) : 1) };
    ct_set_num_threads(1);
    for (int i = 0; i < tally.all; i++) {
        struct random_function function = { family, { .seed = (uint64_t)i, .depth = 1 + i % 5, .kinks = i % 2, .lies = lies } };
        const ct_function f = { apply, &function, family->inputs };
        ct_random random = { .seed = (uint64_t)i };
        ct_tensor *x[3];
        for (int j = 0; j < f.inputs; j++)
            ct_normal(x[j] = ct_tensor_zeros(CT_F64, family->shape[j]), 0, j == 0 ? pow(10, i / 5 % 7 - 3) : 1, &random);
        const ct_gradcheck_options options = { .order = order, .seed = (uint64_t)i, .float32 = float32, .elements = 10 };
        ct_gradcheck_report report;
        char text[1500];
        const ct_verdict verdict = ct_gradcheck(&f, x, &options, &report);
        const bool right_and_moving = verdict == CT_RIGHT && moves(&f, x);
        tally.verdict[verdict]++;
        tally.moving += right_and_moving;
        cr_expect_eq(report.status, CT_OK, "function %d: %s", i, report.message);
        cr_expect(lies ? !right_and_moving : report.wrong == 0, "function %d, order %d: %s", i, order, ct_gradcheck_text(&report, text, sizeof text));
        for (int j = 0; j < f.inputs; j++)
            ct_tensor_release(x[j]);
    }
    return tally;
}

/* Nor is silence sold for certainty: most are decided. */
static void expect_right(struct tally tally, double least, double least_moving)
{
    cr_expect_gt(tally.verdict[CT_RIGHT], least * tally.all, "%d of %d right", tally.verdict[CT_RIGHT], tally.all);
    cr_expect_gt(tally.moving, least_moving * tally.all, "%d of %d not constant", tally.moving, tally.all);
}

Test(random_functions, trees_first_order) { expect_right(check_random(&trees, 1600, 1, true, false), 0.92, 0.7); }
Test(random_functions, trees_second_order) { expect_right(check_random(&trees, 400, 2, false, false), 0.92, 0.7); }
Test(random_functions, trees_third_order) { expect_right(check_random(&trees, 80, 3, false, false), 0.88, 0.7); }
Test(random_functions, chains_first_order) { expect_right(check_random(&chains, 200, 1, true, false), 0.8, 0.6); }
Test(random_functions, chains_second_order) { expect_right(check_random(&chains, 60, 2, false, false), 0.8, 0.6); }

static void expect_wrong(struct tally tally)
{
    cr_expect_gt(tally.verdict[CT_WRONG], 0.75 * tally.all, "%d of %d wrong, %d right, %d undecidable", tally.verdict[CT_WRONG], tally.all,
                 tally.verdict[CT_RIGHT], tally.verdict[CT_UNDECIDABLE]);
}

Test(random_functions, lying_trees) { expect_wrong(check_random(&trees, 100, 1, false, true)); }
Test(random_functions, lying_chains) { expect_wrong(check_random(&chains, 30, 1, false, true)); }
