/* float32 against float64: the same function at the same inputs, which float32 holds exactly, within what rounding can do. */
#include <float.h>
#include <math.h>

#include "gradcheck.h"
#include "rounding.h"

enum { ROWS = 3, SAMPLED = 12 };

/* One run of f and of the gradients of the first rows, in one precision. */
struct shadow {
    ct_tape *tape;
    ct_tensor *y, *gradient[ROWS][CT_MAX_INPUTS];
};

static bool shadow_run(struct ct_checking *c, ct_dtype dtype, int rows, struct shadow *shadow)
{
    struct ct_probe *p = &c->probe;
    const ct_function *f = p->f;
    ct_tensor *x[CT_MAX_INPUTS];
    struct ct_frame frame;
    shadow->tape = ct_tape_new();
    if (shadow->tape == NULL)
        return false;
    shadow->tape->keeps_values = true; /* bounds are made of operands' values */
    for (int j = 0; j < f->inputs; j++) {
        x[j] = ct_check_zeros(shadow->tape, dtype, p->x[j]->shape);
        for (int64_t i = 0; x[j] != NULL && i < p->count[j]; i++)
            ct_check_set(x[j], i, (float)ct_check_get(p->x[j], i));
    }
    if (!ct_frame_enter(shadow->tape, "gradcheck", f, x, &frame))
        return false;
    shadow->y = frame.y;
    for (int k = 0; k < rows; k++) {
        ct_tensor *v = ct_check_zeros(shadow->tape, dtype, frame.y->shape);
        for (int64_t i = 0; v != NULL && i < p->outputs; i++)
            ct_check_set(v, i, p->combination != NULL ? p->combination[k * p->outputs + i] : i == k);
        if (v != NULL && dtype == CT_F64)
            v->requires_grad = true; /* so that all that is made of it is recorded */
        const unsigned flags = dtype == CT_F64 ? CT_CREATE_GRAPH : CT_RETAIN_GRAPH;
        if (v == NULL || !ct_frame_pull(shadow->tape, &frame, f->inputs, v, flags, shadow->gradient[k]))
            return false;
    }
    return true;
}

/* Elements of a float32 result against float64's, whose record bounds the rounding: up to SAMPLED of them. */
static void compare(struct ct_checking *c, struct shadow *exact, ct_tensor *wide, const ct_tensor *narrow, int input, int64_t row)
{
    const int64_t count = wide->count, taken = count <= SAMPLED ? count : SAMPLED, stride = taken > 0 ? count / taken : 1;
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(ct_check_get(wide, i)));
    for (int64_t n = 0; n < taken; n++) {
        const int64_t i = n * stride;
        const struct ct_direction d = { .input = input, .element = i };
        ct_tensor *flat = ct_reshape(exact->tape, wide, CT_SHAPE(count)), *one = ct_slice(exact->tape, flat, 0, i, i + 1, 1);
        ct_finding finding = ct_finding_at(c, "float32", input < 0 ? NULL : &d, input < 0 ? i : row);
        if (one == NULL)
            return;
        if (input < 0)
            finding.output = i;
        finding.analytic = ct_check_get(narrow, i), finding.numeric = ct_check_get(wide, i);
        finding.error_bar = one->requires_grad ? ct_rounding_bound(exact->tape, one, NULL, FLT_EPSILON / 2) : 0;
        /* The bound is of first order; twice it covers the next. Results below the normal range lose digits. */
        finding.error_bar = 2 * finding.error_bar + FLT_EPSILON / 2 * fabs(finding.numeric) + FLT_MIN;
        const double off = fabs(finding.analytic - finding.numeric);
        finding.verdict = off <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        if (!isfinite(finding.error_bar) || fabs(finding.numeric) + finding.error_bar >= (double)FLT_MAX)
            finding.verdict = CT_UNDECIDABLE;
        if (finding.verdict == CT_RIGHT && off > 0)
            c->report->digits_float32 = fmin(c->report->digits_float32, largest > 0 ? fmax(0, -log10(off / largest)) : 0);
        ct_finding_note(c, finding, INFINITY); /* not counted among float64's digits */
    }
}

bool ct_check_float32(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    struct shadow wide = { 0 }, narrow = { 0 };
    const int rows = p->rows < ROWS ? (int)p->rows : ROWS;
    bool ok = shadow_run(c, CT_F64, rows, &wide);
    ct_tape **failed = ok ? &narrow.tape : &wide.tape;
    ok = ok && shadow_run(c, CT_F32, rows, &narrow);
    if (ok) {
        compare(c, &wide, wide.y, narrow.y, -1, 0);
        for (int k = 0; k < rows; k++)
            for (int j = 0; j < p->f->inputs; j++)
                compare(c, &wide, wide.gradient[k][j], narrow.gradient[k][j], j, k);
        failed = &wide.tape;
        ok = ct_tape_status(*failed) == CT_OK;
    }
    if (!ok)
        ct_fail(p->store, ct_tape_status(*failed), "in float32: %s", ct_tape_message(*failed));
    ct_tape_free(wide.tape);
    ct_tape_free(narrow.tape);
    return ok;
}

/* The gradient of ⟨v, f⟩ along d, recorded, and what its roundings may make of it; or the same of ⟨v, f⟩ itself. */
double ct_check_rounding(struct ct_checking *c, const struct ct_direction *d, const double *v)
{
    struct ct_probe *p = &c->probe;
    ct_tape *tape = p->x[0]->dtype == CT_F64 ? ct_tape_new() : NULL;
    struct ct_frame frame;
    ct_tensor *gradient[CT_MAX_INPUTS], *cotangent = NULL, *sum = NULL;
    double bound = 0;
    if (tape == NULL)
        return 0;
    tape->keeps_values = true;
    if (ct_frame_enter(tape, "gradcheck", p->f, p->x, &frame))
        cotangent = ct_check_zeros(tape, CT_F64, p->shape);
    if (cotangent != NULL && ct_tensor_copy_in(cotangent, CT_F64, v, p->outputs) == CT_OK && d != NULL) {
        cotangent->requires_grad = true;
        ct_frame_pull(tape, &frame, p->f->inputs, cotangent, CT_CREATE_GRAPH, gradient);
        for (int j = 0, at = 0; ct_tape_status(tape) == CT_OK && j < p->f->inputs; at += (int)p->count[j++]) {
            ct_tensor *u = ct_check_zeros(tape, CT_F64, p->x[j]->shape);
            for (int64_t i = 0; u != NULL && i < p->count[j]; i++)
                ct_check_set(u, i, d->input < 0 ? d->u[at + i] : d->input == j && d->element == i);
            ct_tensor *part = ct_sum(tape, ct_mul(tape, gradient[j], u));
            sum = sum == NULL ? part : ct_add(tape, sum, part);
        }
        if (sum != NULL && sum->requires_grad)
            bound = ct_rounding_bound(tape, sum, NULL, DBL_EPSILON / 2);
    } else if (cotangent != NULL && frame.y->requires_grad) {
        bound = ct_rounding_bound(tape, frame.y, cotangent, DBL_EPSILON / 2);
    }
    ct_tape_free(tape);
    return isfinite(bound) ? bound : 0;
}
