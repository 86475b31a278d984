/* Accusations, held against what rounding can do to either number. */
#include <float.h>
#include <math.h>

#include "gradcheck.h"
#include "rounding.h"

/* x's part of a direction, as an operand whose uses are recorded. */
static ct_tensor *part_of(ct_tape *tape, const struct ct_probe *p, const struct ct_direction *d, int input)
{
    int64_t at = 0;
    for (int j = 0; j < input; j++)
        at += p->count[j];
    ct_tensor *u = ct_check_zeros(tape, CT_F64, p->x[input]->shape);
    for (int64_t i = 0; u != NULL && i < p->count[input]; i++)
        ct_check_set(u, i, d->input < 0 ? d->u[at + i] : d->input == input && d->element == i);
    if (u != NULL)
        u->requires_grad = true;
    return u;
}

static double bound_of(ct_tape *tape, ct_tensor *y, ct_tensor *v)
{
    const double bound = y != NULL && y->requires_grad ? ct_rounding_bound(tape, y, v, DBL_EPSILON / 2) : 0;
    return isfinite(bound) ? bound : 0;
}

/* How far roundings may move the derivative along d of the outputs combined by v, in either mode; d NULL: the combined outputs. By the record;
 * 0 where there is none (a derivative of the next order has no rule). */
static double rounding_of(struct ct_checking *c, const struct ct_direction *d, const double *v)
{
    struct ct_probe *p = &c->probe;
    const int inputs = p->f->inputs;
    ct_tape *tape;
    struct ct_frame frame;
    ct_tensor *gradient[CT_MAX_INPUTS], *u[CT_MAX_INPUTS], *cotangent = NULL, *sum = NULL, *pushed;
    double bound = 0;
    if (p->x[0]->dtype != CT_F64)
        return 0;
    if ((tape = ct_tape_new()) == NULL) {
        ct_fail(p->store, CT_NO_MEMORY, "gradcheck: no memory to bound the rounding");
        return 0;
    }
    tape->keeps_values = true;
    if (ct_frame_enter(tape, "gradcheck", p->f, p->x, &frame))
        cotangent = ct_check_zeros(tape, CT_F64, p->shape);
    if (cotangent != NULL && ct_tensor_copy_in(cotangent, CT_F64, v, p->outputs) == CT_OK && d != NULL) {
        for (int j = 0; j < inputs; j++)
            u[j] = part_of(tape, p, d, j);
        if (ct_tape_status(tape) == CT_OK && ct_push(tape, inputs, frame.x, u, 1, &frame.y, &pushed, CT_CREATE_GRAPH) == CT_OK)
            bound = bound_of(tape, pushed, cotangent);
        if (ct_tape_status(tape) == CT_NO_DERIVATIVE) /* forward mode's */
            ct_tape_clear_status(tape);
        cotangent->requires_grad = true;
        if (ct_frame_pull(tape, &frame, inputs, cotangent, CT_CREATE_GRAPH, gradient))
            for (int j = 0; j < inputs; j++) {
                ct_tensor *part = ct_sum(tape, ct_mul(tape, gradient[j], u[j]));
                sum = sum == NULL ? part : ct_add(tape, sum, part);
            }
        bound = fmax(bound, bound_of(tape, sum, NULL));
    } else if (cotangent != NULL) {
        bound = bound_of(tape, frame.y, cotangent);
    }
    if (ct_tape_status(tape) == CT_NO_MEMORY)
        ct_fail(p->store, CT_NO_MEMORY, "%s", ct_tape_message(tape));
    ct_tape_free(tape);
    return bound;
}

/* The same of the outputs as a row combines them. */
static double row_rounding(struct ct_checking *c, const struct ct_direction *d, int64_t row)
{
    struct ct_probe *p = &c->probe;
    if (p->combination != NULL)
        return rounding_of(c, d, p->combination + row * p->outputs);
    const size_t mark = ct_tape_mark(p->store);
    double *unit = ct_probe_array(p, p->outputs), bound = 0;
    if (unit != NULL) {
        unit[row] = 1;
        bound = rounding_of(c, d, unit);
    }
    ct_tape_drop_since(p->store, mark);
    return bound;
}

double ct_check_hidden_noise(struct ct_checking *c, int64_t row, double step)
{
    if (c->rounding[row] < 0)
        c->rounding[row] = row_rounding(c, NULL, row);
    return step > 0 ? 2 * c->rounding[row] / step : 0;
}

void ct_finding_reconsider(struct ct_checking *c, const struct ct_direction *d, const double *v, int64_t row, double size, ct_finding *finding)
{
    enum { MOST = 64 }; /* a bound costs a sweep of second order; who accuses more often is wrong for other reasons */
    const double off = fabs(finding->analytic - finding->numeric);
    if (finding->verdict != CT_WRONG || !isfinite(off) || c->reconsidered >= MOST)
        return;
    /* Two ways to compute it, each with its roundings, and twice the first order. */
    const double bar = finding->error_bar + 4 * (v != NULL ? rounding_of(c, d, v) : row_rounding(c, d, row));
    if (off > bar) {
        c->reconsidered++;
        return;
    }
    finding->verdict = CT_RIGHT, finding->error_bar = bar;
    ct_finding_require_resolution(c, size, finding);
}

void ct_finding_doubt(struct ct_checking *c, const struct ct_direction *d, int64_t row, double size, ct_finding *finding)
{
    ct_finding_reconsider(c, d, NULL, row, size, finding);
    if (finding->verdict != CT_WRONG || !isfinite(finding->analytic))
        return;
    const double wide = finding->error_bar + ct_check_hidden_noise(c, row, finding->step);
    if (fabs(finding->analytic - finding->numeric) <= wide) {
        finding->verdict = CT_RIGHT, finding->error_bar = wide;
        ct_finding_require_resolution(c, size, finding);
    }
}
