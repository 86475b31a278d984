/* Linear functions: their matrices, their transposes, and whether one function is another's transpose. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"

static bool one_input(ct_tape *tape, const char *who, const ct_function *f)
{
    if (tape != NULL && f != NULL && f->apply != NULL && f->inputs == 1)
        return ct_tape_status(tape) == CT_OK;
    ct_fail(tape, CT_BAD_ARGUMENT, "%s: needs a function of one input, not %d; hold the others in its context", who, f && f->apply ? f->inputs : 0);
    return false;
}

static ct_tensor *apply(ct_tape *tape, const char *who, const ct_function *f, ct_tensor *x)
{
    ct_tensor *y = f->apply(tape, &x, f->context);
    return y != NULL ? y : ct_fail(tape, CT_BAD_ARGUMENT, "%s: the function returned NULL", who);
}

/* The same, of a shape that an earlier call had. */
static ct_tensor *apply_again(ct_tape *tape, const char *who, const ct_function *f, ct_tensor *x, ct_shape shape)
{
    ct_tensor *y = apply(tape, who, f, x);
    if (y != NULL && !ct_shape_equal(y->shape, shape))
        return ct_fail(tape, CT_BAD_SHAPE, "%s: the function's result changed its shape, from %s to %s", who, CT_TEXT(shape), CT_TEXT(y->shape));
    return y;
}

static bool all_zero(ct_tape *tape, const char *who, const ct_tensor *y)
{
    if (y == NULL)
        return false;
    for (int64_t i = 0; i < y->count; i++)
        if (ct_tensor_at(y, i) != 0) {
            ct_fail(tape, CT_BAD_ARGUMENT, "%s: not a linear function: f(0) has the value %.17g at position %lld", who,
                    ct_tensor_at(y, i), (long long)i);
            return false;
        }
    return true;
}

/* Column j of a matrix of doubles or floats ← the elements of y. */
static void set_column(ct_tensor *matrix, int64_t j, const ct_tensor *y)
{
    const int64_t rows = matrix->shape.extent[0], columns = matrix->shape.extent[1];
    for (int64_t i = 0; i < rows; i++)
        ct_check_set(matrix, i * columns + j, ct_check_get(y, i));
}

static ct_tensor *push_columns(ct_tape *tape, const ct_function *f, ct_dtype dtype, ct_shape in)
{
    ct_tensor *x = ct_check_zeros(tape, dtype, in), *y = x ? apply(tape, "matrix", f, x) : NULL;
    if (y == NULL || !all_zero(tape, "matrix", y))
        return NULL;
    const int64_t rows = y->count;
    ct_tensor *matrix = ct_tape_tensor(tape, y->dtype, CT_SHAPE(rows, x->count));
    const size_t mark = ct_tape_mark(tape);
    for (int64_t j = 0; matrix != NULL && j < x->count; j++) {
        ct_check_set(x, j, 1);
        y = apply(tape, "matrix", f, x);
        if (y != NULL && (y->count != rows || y->dtype != matrix->dtype))
            y = ct_fail(tape, CT_BAD_SHAPE, "matrix: f gave %lld elements for zeros and %lld for basis vector %lld", (long long)rows,
                        (long long)y->count, (long long)j);
        if (y == NULL)
            return NULL;
        set_column(matrix, j, y);
        ct_check_set(x, j, 0);
        ct_tape_drop_since(tape, mark);
    }
    return matrix;
}

ct_tensor *ct_matrix(ct_tape *tape, const ct_function *f, ct_dtype dtype, ct_shape in)
{
    if (!one_input(tape, "matrix", f))
        return NULL;
    ct_no_grad_begin(tape);
    ct_tensor *matrix = push_columns(tape, f, dtype, in);
    ct_no_grad_end(tape);
    return matrix;
}

ct_tensor *ct_linear_transpose(ct_tape *tape, const ct_function *f, ct_shape in, ct_tensor *y)
{
    if (!one_input(tape, "linear_transpose", f))
        return NULL;
    if (y == NULL)
        return ct_fail(tape, CT_BAD_ARGUMENT, "linear_transpose: y is NULL");
    ct_tensor *x = ct_check_zeros(tape, y->dtype, in), *gradient;
    return x != NULL && all_zero(tape, "linear_transpose", ct_vjp(tape, f, &x, y, &gradient)) ? gradient : NULL;
}

ct_tensor *ct_transpose_matrix(ct_tape *tape, const ct_function *f, ct_dtype dtype, ct_shape in)
{
    struct ct_frame frame;
    if (!one_input(tape, "transpose_matrix", f))
        return NULL;
    ct_tensor *x = ct_check_zeros(tape, dtype, in), *matrix = NULL, *e = NULL;
    ct_no_grad_begin(tape);
    if (x != NULL && ct_frame_enter(tape, "transpose_matrix", f, &x, &frame) && all_zero(tape, "transpose_matrix", frame.y)) {
        matrix = ct_tape_tensor(tape, dtype, CT_SHAPE(x->count, frame.y->count));
        e = ct_check_zeros(tape, frame.y->dtype, frame.y->shape);
    }
    const size_t mark = ct_tape_mark(tape);
    for (int64_t i = 0; matrix != NULL && e != NULL && i < e->count; i++) {
        ct_tensor *gradient;
        ct_check_set(e, i, 1);
        if (!ct_frame_pull(tape, &frame, 1, e, CT_RETAIN_GRAPH, &gradient))
            break;
        set_column(matrix, i, gradient);
        ct_check_set(e, i, 0);
        ct_tape_drop_since(tape, mark);
    }
    ct_no_grad_end(tape);
    return ct_tape_status(tape) == CT_OK ? matrix : NULL;
}

/* ---- is g the transpose of f? -------------------------------------------------------- */

enum { LARGEST_MATRIX = 1 << 14, TRIALS = 4 };

static bool integral(const ct_tensor *x)
{
    for (int64_t i = 0; i < x->count; i++) {
        const double v = ct_tensor_at(x, i);
        if (!(v == floor(v) && fabs(v) < 0x1p52))
            return false;
    }
    return true;
}

/* Whole numbers −4 … 4. */
static ct_tensor *integers(ct_tape *tape, ct_shape shape, ct_random *random)
{
    ct_tensor *x = ct_check_zeros(tape, CT_F64, shape);
    if (x == NULL || ct_uniform(x, -4, 5, random) != CT_OK)
        return NULL;
    for (int64_t i = 0; i < x->count; i++)
        ((double *)ct_data(x))[i] = floor(((double *)ct_data(x))[i]);
    return x;
}

/* ⟨a, b⟩, and the sum of the magnitudes of its terms. */
static double inner(const ct_tensor *a, const ct_tensor *b, double *magnitude)
{
    double sum = 0;
    for (int64_t i = 0; i < a->count; i++) {
        const double term = ct_tensor_at(a, i) * ct_tensor_at(b, i);
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

/* Notes one comparison; false when the two differ by more than the bound. */
static bool compare(ct_adjoint_report *r, double left, double right, double bound, const char *what)
{
    const bool same = fabs(left - right) <= bound;
    r->comparisons++;
    if (r->adjoint && (!same || fabs(left - right) >= fabs(r->left - r->right)))
        r->left = left, r->right = right, r->bound = bound;
    if (r->adjoint && !same) {
        r->adjoint = false;
        snprintf(r->message, sizeof r->message, "%s: %.17g and %.17g differ by %.3g, %s %.3g", what, left, right, fabs(left - right),
                 bound > 0 ? "more than rounding's" : "where integers leave", bound);
    }
    return same;
}

/* f(a) + f(b) = f(a + b), within `bound` of the values' magnitude. */
static bool additive(ct_tape *tape, const ct_function *f, const char *name, ct_tensor *a, ct_tensor *b, ct_shape shape, ct_adjoint_report *r)
{
    ct_tensor *fa = apply_again(tape, name, f, a, shape), *fb = apply_again(tape, name, f, b, shape), *sum = ct_add(tape, a, b);
    ct_tensor *together = sum ? apply_again(tape, name, f, sum, shape) : NULL;
    if (fa == NULL || fb == NULL || together == NULL)
        return false;
    double largest = 0;
    for (int64_t i = 0; i < fa->count; i++)
        largest = fmax(largest, fmax(fabs(ct_tensor_at(fa, i)), fabs(ct_tensor_at(fb, i))));
    const bool exact = integral(fa) && integral(fb) && integral(together);
    const double bound = exact ? 0 : (double)(a->count + 4) * DBL_EPSILON * largest;
    char what[64];
    snprintf(what, sizeof what, "%s is not linear, %s(a) + %s(b) against %s(a + b)", name, name, name, name);
    for (int64_t i = 0; i < fa->count; i++)
        if (!compare(r, ct_tensor_at(fa, i) + ct_tensor_at(fb, i), ct_tensor_at(together, i), bound, what))
            return false;
    return true;
}

static bool by_vectors(ct_tape *tape, const ct_function *f, const ct_function *g, ct_shape in, ct_shape out, ct_random *random,
                       ct_adjoint_report *r)
{
    ct_tensor *x = integers(tape, in, random), *y = integers(tape, out, random), *x2 = integers(tape, in, random),
              *y2 = integers(tape, out, random);
    if (x == NULL || y == NULL || x2 == NULL || y2 == NULL || !additive(tape, f, "f", x, x2, out, r) ||
        !additive(tape, g, "g", y, y2, in, r))
        return false;
    ct_tensor *fx = apply_again(tape, "f", f, x, out), *gy = apply_again(tape, "g", g, y, in);
    if (fx == NULL || gy == NULL)
        return false;
    double magnitude = 0;
    const double left = inner(y, fx, &magnitude), right = inner(gy, x, &magnitude);
    const bool exact = integral(fx) && integral(gy);
    r->exact &= exact;
    return compare(r, left, right, exact ? 0 : (double)(x->count + y->count) * DBL_EPSILON * magnitude, "<y, f(x)> and <g(y), x>");
}

static bool by_matrices(ct_tape *tape, const ct_function *f, const ct_function *g, ct_shape in, ct_shape out, ct_adjoint_report *r)
{
    ct_tensor *a = ct_matrix(tape, f, CT_F64, in), *b = ct_matrix(tape, g, CT_F64, out);
    if (a == NULL || b == NULL)
        return false;
    const int64_t rows = a->shape.extent[0], columns = a->shape.extent[1];
    if (b->shape.extent[0] != columns || b->shape.extent[1] != rows) {
        ct_fail(tape, CT_BAD_SHAPE, "a function changed the shape of its result: f's matrix is %s, g's %s", CT_TEXT(a->shape), CT_TEXT(b->shape));
        return false;
    }
    double largest = 0;
    for (int64_t i = 0; i < a->count; i++)
        largest = fmax(largest, fabs(ct_tensor_at(a, i)));
    r->exact = integral(a) && integral(b);
    r->by_matrix = true;
    const double bound = r->exact ? 0 : (double)(rows + columns) * DBL_EPSILON * largest;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            char what[160];
            snprintf(what, sizeof what, "f's matrix at (%lld, %lld) and g's at (%lld, %lld)", (long long)i, (long long)j, (long long)j,
                     (long long)i);
            if (!compare(r, ct_tensor_at(a, i * columns + j), ct_tensor_at(b, j * rows + i), bound, what)) {
                r->row = i, r->column = j;
                return false;
            }
        }
    return true;
}

bool ct_adjoint_check(const ct_function *f, const ct_function *g, ct_shape in, uint64_t seed, ct_adjoint_report *report)
{
    ct_adjoint_report own, *r = report != NULL ? report : &own;
    *r = (ct_adjoint_report){ .adjoint = true, .exact = true, .row = -1, .column = -1, .seed = seed };
    ct_random random = { .seed = seed };
    ct_tape *tape = ct_tape_new();
    ct_no_grad_begin(tape);
    ct_tensor *x = NULL, *y = NULL, *back = NULL;
    if (one_input(tape, "f", f) && one_input(tape, "g", g) && (x = ct_check_zeros(tape, CT_F64, in)) != NULL &&
        (y = apply(tape, "f", f, x)) != NULL)
        back = apply(tape, "g", g, y);
    if (back != NULL && !ct_shape_equal(back->shape, in)) {
        r->adjoint = false;
        snprintf(r->message, sizeof r->message, "f takes %s to %s, but g takes that to %s", CT_TEXT(in), CT_TEXT(y->shape), CT_TEXT(back->shape));
    } else if (back != NULL) {
        const ct_shape out = y->shape;
        bool same = x->count * y->count > LARGEST_MATRIX || by_matrices(tape, f, g, in, out, r);
        for (int trial = 0; same && trial < TRIALS; trial++) {
            const size_t mark = ct_tape_mark(tape);
            same = by_vectors(tape, f, g, in, out, &random, r);
            ct_tape_drop_since(tape, mark);
        }
    }
    r->status = ct_tape_status(tape);
    if (r->status != CT_OK) {
        r->adjoint = false;
        snprintf(r->message, sizeof r->message, "%s", ct_tape_message(tape));
    } else if (r->adjoint)
        snprintf(r->message, sizeof r->message, "adjoint: %lld comparisons%s, %s", (long long)r->comparisons,
                 r->by_matrix ? ", both matrices entry by entry" : "", r->exact ? "equal as integers" : "equal within rounding");
    ct_tape_free(tape);
    return r->adjoint;
}
