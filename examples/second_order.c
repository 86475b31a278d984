/* Second derivatives without a Hessian: finds a convolution's kernel from what it did, by conjugate gradients. They ask of
 * the Hessian only its product with a vector, and ct_hvp is that, at the cost of about two gradients. */
#include <cotangent/cotangent.h>
#include <stdio.h>

/* ½ ‖conv1d(x, w) − y‖², as a function of w: a quadratic, whose Hessian is the same everywhere. */
struct seen {
    ct_tensor *x, *y;
};

static ct_tensor *loss(ct_tape *tape, ct_tensor *const in[], void *context)
{
    struct seen *seen = context;
    ct_tensor *off = ct_sub(tape, ct_conv1d(tape, seen->x, in[0], NULL, NULL), seen->y);
    return ct_scale(tape, ct_sum(tape, ct_square(tape, off)), 0.5);
}

static double dot(ct_tape *tape, ct_tensor *a, ct_tensor *b) { return ct_tensor_item(ct_sum(tape, ct_mul(tape, a, b))); }

/* a + factor·b */
static ct_tensor *along(ct_tape *tape, ct_tensor *a, double factor, ct_tensor *b)
{
    return ct_add(tape, a, ct_scale(tape, b, factor));
}

int main(void)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *kernel = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 3), (double[]){ 0.25, 0.5, -1 });
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 8), (double[]){ 3, 1, 4, 1, 5, 9, 2, 6 });
    struct seen seen = { x, ct_conv1d(tape, x, kernel, NULL, NULL) };
    ct_function f = { loss, &seen, 1 };

    ct_tensor *start = ct_tensor_zeros(CT_F64, CT_SHAPE(1, 1, 3)), *w = start, *gradient = NULL, *hessian_step = NULL;
    ct_tensor *hessian = ct_hessian(tape, &f, &w);
    if (hessian != NULL) {
        puts("the Hessian, to look at; it is not used:");
        ct_tensor_print(stdout, hessian);
    }

    ct_vjp(tape, &f, &w, NULL, &gradient);
    ct_tensor *residual = ct_neg(tape, gradient), *step = residual;
    double error = dot(tape, residual, residual);
    for (int i = 0; i < 3; i++) { /* exact after as many steps as w has elements */
        ct_hvp(tape, &f, &w, &step, &hessian_step);
        double length = error / dot(tape, step, hessian_step), before = error;
        w = along(tape, w, length, step);
        residual = along(tape, residual, -length, hessian_step);
        error = dot(tape, residual, residual);
        step = along(tape, residual, error / before, step);
        printf("step %d: loss %.6f\n", i + 1, ct_tensor_item(loss(tape, &w, &seen)));
    }
    printf("found the kernel %.6f %.6f %.6f\n", ct_tensor_at(w, 0), ct_tensor_at(w, 1), ct_tensor_at(w, 2));

    bool found = error < 1e-20;
    if (ct_tape_status(tape) != CT_OK)
        fprintf(stderr, "%s\n", ct_tape_message(tape));
    ct_tape_free(tape);
    ct_tensor_release(kernel);
    ct_tensor_release(x);
    ct_tensor_release(start);
    return found ? 0 : 1;
}

/* It prints
 *
 *     the Hessian, to look at; it is not used:
 *     [[133.  79. 106.]
 *      [ 79. 128.  88.]
 *      [106.  88. 163.]]
 *     step 1: loss 20.551011
 *     step 2: loss 0.571026
 *     step 3: loss 0.000000
 *     found the kernel 0.250000 0.500000 -1.000000
 */
