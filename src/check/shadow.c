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

/* float64's run, recorded; float32's as users get it; and float32's recorded, made when it is needed. */
struct shadows {
    struct shadow wide, narrow, recorded;
    int rows;
    bool parted;
};

static bool shadow_run(struct ct_checking *c, ct_dtype dtype, int rows, bool recorded, struct shadow *shadow)
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
    if (!ct_shape_equal(frame.y->shape, p->shape) || frame.y->dtype != dtype) {
        ct_fail(shadow->tape, CT_BAD_SHAPE, "the function's result changed, from %s to %s %s", CT_TEXT(p->shape), ct_dtype_name(frame.y->dtype),
                CT_TEXT(frame.y->shape));
        return false;
    }
    for (int k = 0; k < rows; k++) {
        ct_tensor *v = ct_check_zeros(shadow->tape, dtype, frame.y->shape);
        for (int64_t i = 0; v != NULL && i < p->outputs; i++)
            ct_check_set(v, i, p->combination != NULL ? p->combination[k * p->outputs + i] : i == k);
        if (v != NULL && recorded)
            v->requires_grad = true; /* so that all that is made of it is recorded */
        const unsigned flags = recorded ? CT_CREATE_GRAPH : CT_RETAIN_GRAPH;
        if (v == NULL || !ct_frame_pull(shadow->tape, &frame, f->inputs, v, flags, shadow->gradient[k]))
            return false;
    }
    return true;
}

static ct_tensor *result_of(const struct shadow *shadow, int input, int64_t row)
{
    return input < 0 ? shadow->y : shadow->gradient[row][input];
}

/* What rounding may do in float32 to an element of a recorded result. The bound is of first order; twice it covers the next. */
static double bound_at(struct shadow *shadow, ct_tensor *x, int64_t i)
{
    ct_tensor *flat = ct_reshape(shadow->tape, x, CT_SHAPE(x->count)), *one = ct_slice(shadow->tape, flat, 0, i, i + 1, 1);
    return one != NULL && one->requires_grad ? 2 * ct_rounding_bound(shadow->tape, one, NULL, FLT_EPSILON / 2) : 0;
}

/* ---- where a bound of first order is not enough ------------------------------------------ */

/* The same elements, when both are float32's. */
static bool are_alike(const ct_tensor *wide, const ct_tensor *narrow)
{
    for (int64_t i = 0; i < wide->count; i++)
        if ((float)ct_check_get(wide, i) != (float)ct_check_get(narrow, i))
            return false;
    return true;
}

static bool are_places(const ct_tensor *a, const ct_tensor *b)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (int64_t i = 0; i < a->count; i++)
        if (ct_check_get(a, i) != floor(ct_check_get(a, i)) || ct_check_get(b, i) != floor(ct_check_get(b, i)))
            return false;
    return true;
}

/* Did float32 come to another side of a step, or to another place of a maximum, or meet a number beyond its range? */
static bool part_ways(const ct_tape *wide, const ct_tape *narrow)
{
    for (size_t n = 0; n < narrow->node_count && n < wide->node_count; n++) {
        const ct_call *a = &wide->nodes[n]->call, *b = &narrow->nodes[n]->call;
        if (a->op != b->op || a->out->count != b->out->count)
            return false; /* not the same function's record: nothing is known */
        for (int64_t i = 0; i < a->out->count; i++)
            if (fabs(ct_check_get(a->out, i)) >= (double)FLT_MAX)
                return true;
        if ((a->op->vjp == ct_zero_derivative && !are_alike(a->out, b->out)) || (are_places(a->aux, b->aux) && !are_alike(a->aux, b->aux)))
            return true;
    }
    return false;
}

/* An accusation is held against float32's own record: its derivatives may be larger, where float64's numbers cancel to nothing. And where
 * the two took different ways it is dropped. */
static void reconsider(struct ct_checking *c, struct shadows *s, int input, int64_t row, int64_t i, ct_finding *finding)
{
    if (s->recorded.tape == NULL) {
        if (!shadow_run(c, CT_F32, s->rows, true, &s->recorded))
            return;
        s->parted = part_ways(s->wide.tape, s->recorded.tape);
    }
    const double bar = finding->error_bar + bound_at(&s->recorded, result_of(&s->recorded, input, row), i);
    if (s->parted)
        finding->verdict = CT_UNDECIDABLE, finding->error_bar = INFINITY;
    else if (fabs(finding->analytic - finding->numeric) <= bar)
        finding->verdict = CT_RIGHT, finding->error_bar = bar;
}

/* ---- the comparison ----------------------------------------------------------------------- */

/* Elements of a float32 result against float64's, whose record bounds the rounding: up to SAMPLED of them. */
static void compare(struct ct_checking *c, struct shadows *s, int input, int64_t row)
{
    ct_tensor *wide = result_of(&s->wide, input, row), *narrow = result_of(&s->narrow, input, row);
    const int64_t count = wide->count, taken = count <= SAMPLED ? count : SAMPLED, stride = taken > 0 ? count / taken : 1;
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(ct_check_get(wide, i)));
    for (int64_t n = 0; n < taken && ct_tape_status(s->wide.tape) == CT_OK; n++) {
        const int64_t i = n * stride;
        const struct ct_direction d = { .input = input, .element = i };
        ct_finding finding = ct_finding_at(c, "float32", input < 0 ? NULL : &d, input < 0 ? i : row);
        if (input < 0)
            finding.output = i;
        finding.analytic = ct_check_get(narrow, i), finding.numeric = ct_check_get(wide, i);
        /* Results below the normal range lose digits. */
        finding.error_bar = bound_at(&s->wide, wide, i) + FLT_EPSILON / 2 * fabs(finding.numeric) + FLT_MIN;
        const double off = fabs(finding.analytic - finding.numeric);
        finding.verdict = off <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        if (!isfinite(finding.error_bar) || fabs(finding.numeric) + finding.error_bar >= (double)FLT_MAX)
            finding.verdict = CT_UNDECIDABLE;
        if (finding.verdict == CT_WRONG)
            reconsider(c, s, input, row, i, &finding);
        if (finding.verdict == CT_RIGHT && off > 0)
            c->report->digits_float32 = fmin(c->report->digits_float32, largest > 0 ? fmax(0, -log10(off / largest)) : 0);
        ct_finding_note(c, finding, INFINITY); /* not counted among float64's digits */
    }
}

bool ct_check_float32(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    struct shadows s = { .rows = p->rows < ROWS ? (int)p->rows : ROWS };
    const ct_tape *failed = NULL;
    if (!shadow_run(c, CT_F64, s.rows, true, &s.wide))
        failed = s.wide.tape;
    else if (!shadow_run(c, CT_F32, s.rows, false, &s.narrow))
        failed = s.narrow.tape;
    else {
        compare(c, &s, -1, 0);
        for (int k = 0; k < s.rows; k++)
            for (int j = 0; j < p->f->inputs; j++)
                compare(c, &s, j, k);
        failed = ct_tape_status(s.wide.tape) != CT_OK ? s.wide.tape : NULL;
    }
    const bool ok = s.wide.tape != NULL && s.narrow.tape != NULL && failed == NULL;
    if (!ok)
        ct_fail(p->store, ct_tape_status(failed), "in float32: %s", ct_tape_message(failed));
    ct_tape_free(s.wide.tape);
    ct_tape_free(s.narrow.tape);
    ct_tape_free(s.recorded.tape);
    return ok;
}
