/* An op of your own, y = √(1 + x²), and what ct_gradcheck says of it: as it should be, with a sign lost, and with a mistake
 * that only the second derivative shows. */
#include <cotangent/cotangent.h>
#include <math.h>
#include <stdio.h>

static bool shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    (void)tape; /* every shape will do; ct_fail(tape, …) and false if not */
    *out = ct_tensor_shape(call->in[0]);
    return true;
}

#define FORWARD(type, root)                                  \
    for (int64_t i = 0; i < ct_tensor_count(call->out); i++) \
    ((type *)y)[i] = root(1 + ((const type *)x)[i] * ((const type *)x)[i])

static bool forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    const void *x = ct_tensor_data(call->in[0]);
    void *y = ct_tensor_data_mutable(call->out);
    if (ct_tensor_dtype(call->out) == CT_F64)
        FORWARD(double, sqrt);
    else
        FORWARD(float, sqrtf);
    return true;
}

/* dy/dx = x / y. Made of taped ops, so that it has a derivative again. With a number's slope the way back and the way forth
 * are the same. */
static ct_tensor *right(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    return ct_mul(tape, g, ct_div(tape, call->in[0], call->out));
}

static ct_tensor *sign_lost(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    return ct_abs(tape, right(tape, call, operand, g));
}

/* Computes x / y as a number without a history: a correct gradient, which claims not to depend on x. */
static ct_tensor *detached(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    ct_no_grad_begin(tape);
    ct_tensor *slope = ct_div(tape, call->in[0], call->out);
    ct_no_grad_end(tape);
    return ct_mul(tape, g, slope);
}

#define ROW(derivative)                                                                                            \
    {                                                                                                              \
        .name = "hypotenuse", .arity = 1, .reads = CT_READS_OUT | CT_READS_IN, .shape = shape, .forward = forward, \
        .vjp = derivative, .jvp = derivative                                                                       \
    }

static const struct version {
    const char *what;
    ct_op op;
} versions[] = { { "right", ROW(right) }, { "sign lost", ROW(sign_lost) }, { "detached", ROW(detached) } };

static ct_tensor *hypotenuse(ct_tape *tape, ct_tensor *const in[], void *op) { return ct_apply(tape, op, 1, in, NULL, 0); }

int main(void)
{
    static const ct_verdict expected[3][2] = { { CT_RIGHT, CT_RIGHT }, { CT_WRONG, CT_WRONG }, { CT_RIGHT, CT_WRONG } };
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(4), (double[]){ -2, -0.5, 0.25, 3 });
    int surprises = 0;

    for (int v = 0; v < 3; v++)
        for (int order = 1; order <= 2; order++) {
            ct_op op = versions[v].op;
            ct_function f = { hypotenuse, &op, 1 };
            ct_gradcheck_report report;
            ct_verdict verdict = ct_gradcheck(&f, &x, &(ct_gradcheck_options){ .order = order }, &report);
            printf("%-10s order %d: %s", versions[v].what, order, ct_verdict_name(verdict));
            if (verdict == CT_WRONG)
                printf(": the worst is %.4f by the op, %.4f by differences", report.worst.analytic, report.worst.numeric);
            putchar('\n');
            surprises += verdict != expected[v][order - 1];
        }
    ct_tensor_release(x);
    return surprises == 0 ? 0 : 1;
}

/* It prints
 *
 *     right      order 1: right
 *     right      order 2: right
 *     sign lost  order 1: wrong: the worst is 0.4472 by the op, -0.4472 by differences
 *     sign lost  order 2: wrong: the worst is -2.4150 by the op, -0.2683 by differences
 *     detached   order 1: right
 *     detached   order 2: wrong: the worst is 0.0000 by the op, -0.9131 by differences
 */
