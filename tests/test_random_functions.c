/* The gradient check on functions that nobody chose: random trees of ops at random scales, saturated, cancelling, steep, kinked. Right as
 * they are, none is ever accused, in any order and in float32; with a slope that is 0.1 % off, none is called right. CT_TREES=50 in the
 * environment tries fifty times as many. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include <cotangent/cotangent.h>

struct tree {
    uint64_t seed, state;
    int depth;
    bool kinks; /* ops that have them too */
    bool lies;  /* the root's derivative is 0.1 % too large */
};

static uint64_t next(struct tree *tree) /* Knuth's MMIX generator */
{
    tree->state = tree->state * 6364136223846793005u + 1442695040888963407u;
    return tree->state >> 33;
}

static ct_tensor *grow(ct_tape *t, ct_tensor *const in[], struct tree *tree, int depth)
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

static bool same_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return (void)tape, *out = ct_tensor_shape(call->in[0]), true; }
static bool copy(ct_tape *tape, ct_call *call) { return (void)tape, ct_tensor_assign(call->out, call->in[0]) == CT_OK; }
static ct_tensor *too_large(ct_tape *t, const ct_call *call, int operand, ct_tensor *g) { return (void)call, (void)operand, ct_scale(t, g, 1.001); }
static const ct_op lie = { .name = "lie", .arity = 1, .shape = same_shape, .forward = copy, .vjp = too_large, .jvp = too_large };

static ct_tensor *apply(ct_tape *t, ct_tensor *const in[], void *context)
{
    struct tree *tree = context;
    tree->state = tree->seed * 7919 + 13;
    next(tree), next(tree);
    ct_tensor *y = grow(t, in, tree, tree->depth);
    return tree->lies ? ct_apply(t, &lie, 1, &y, NULL, 0) : ct_scale(t, y, 1);
}

/* Does a step of an input's size change f by more than 1e-7 of its size? Where it does not, f is a constant for all that differences tell. */
static bool moves(const ct_function *f, ct_tensor *const x[])
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *jacobian = ct_jacobian(tape, f, x), *y = f->apply(tape, x, f->context);
    double change = 0, size = 0, reach[2] = { 0 };
    for (int64_t i = 0; i < 6; i++)
        reach[i / 3] = fmax(reach[i / 3], fabs(ct_tensor_at(x[i / 3], i % 3)));
    for (int64_t i = 0; i < ct_tensor_count(jacobian); i++)
        change = fmax(change, fabs(ct_tensor_at(jacobian, i)) * reach[i % 6 / 3]);
    for (int64_t i = 0; i < ct_tensor_count(y); i++)
        size = fmax(size, fabs(ct_tensor_at(y, i)));
    ct_tape_free(tape);
    return change > 1e-7 * size;
}

struct tally {
    int trees, verdict[4], moving; /* moving: right, and not constant */
};

static struct tally check_trees(int count, int order, bool float32, bool lies)
{
    const char *times = getenv("CT_TREES");
    struct tally tally = { .trees = count * (times != NULL ? atoi(times) : 1) };
    ct_set_num_threads(1);
    for (int i = 0; i < tally.trees; i++) {
        struct tree tree = { .seed = (uint64_t)i, .depth = 1 + i % 5, .kinks = i % 2, .lies = lies };
        ct_random random = { .seed = (uint64_t)i };
        ct_tensor *x[] = { ct_tensor_zeros(CT_F64, CT_SHAPE(3)), ct_tensor_zeros(CT_F64, CT_SHAPE(3)) };
        const ct_function f = { apply, &tree, 2 };
        ct_gradcheck_report report;
        char text[1500];
        ct_normal(x[0], 0, pow(10, i / 5 % 7 - 3), &random), ct_normal(x[1], 0, 1, &random);
        const ct_verdict verdict = ct_gradcheck(&f, x, &(ct_gradcheck_options){ .order = order, .seed = (uint64_t)i, .float32 = float32 }, &report);
        const bool right_and_moving = verdict == CT_RIGHT && moves(&f, x);
        tally.verdict[verdict]++;
        tally.moving += right_and_moving;
        cr_expect_eq(report.status, CT_OK, "tree %d: %s", i, report.message);
        cr_expect(lies ? !right_and_moving : report.wrong == 0, "tree %d, order %d: %s", i, order, ct_gradcheck_text(&report, text, sizeof text));
        ct_tensor_release(x[0]), ct_tensor_release(x[1]);
    }
    return tally;
}

/* Nor is silence sold for certainty: nearly all are decided. */
static void expect_right(struct tally tally, double least)
{
    cr_expect_gt(tally.verdict[CT_RIGHT], least * tally.trees, "%d of %d right", tally.verdict[CT_RIGHT], tally.trees);
    cr_expect_gt(tally.moving, 0.7 * tally.trees, "%d of %d not constant", tally.moving, tally.trees);
}

Test(random_functions, first_order) { expect_right(check_trees(1600, 1, true, false), 0.92); }
Test(random_functions, second_order) { expect_right(check_trees(400, 2, false, false), 0.92); }
Test(random_functions, third_order) { expect_right(check_trees(80, 3, false, false), 0.88); }

Test(random_functions, lies)
{
    const struct tally tally = check_trees(200, 1, false, true);
    cr_expect_gt(tally.verdict[CT_WRONG], 0.75 * tally.trees, "%d of %d wrong, %d right, %d undecidable", tally.verdict[CT_WRONG], tally.trees,
                 tally.verdict[CT_RIGHT], tally.verdict[CT_UNDECIDABLE]);
}
