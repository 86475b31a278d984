/* The gradient check: what is held against what. numeric.c makes the numbers, verdict.c judges. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "gradcheck.h"

enum { FULL_ROWS = 64, FULL_ROWS_ABOVE = 4, ELEMENTS = 128, DENSE = 3, NEIGHBOURS = 3 };

/* The function under test, as one of what is differentiated alone. */
struct closed {
    const ct_function *f;
    ct_tensor *all[CT_MAX_INPUTS]; /* the constants, at their places */
    unsigned constant;
};

static ct_tensor *closed_apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    const struct closed *closed = context;
    ct_tensor *all[CT_MAX_INPUTS];
    for (int j = 0, k = 0; j < closed->f->inputs; j++) {
        const bool constant = closed->constant & 1u << j;
        all[j] = constant ? closed->all[j] : in[k++];
        if (constant && k > 0 && in[0]->dtype != all[j]->dtype) { /* the float32 run */
            ct_tensor *cast = ct_tape_tensor(tape, in[0]->dtype, all[j]->shape);
            if (cast == NULL || ct_tensor_assign(cast, all[j]) != CT_OK)
                return NULL;
            all[j] = cast;
        }
    }
    return closed->f->apply(tape, all, closed->f->context);
}

/* ---- analytic derivatives ------------------------------------------------------------ */

/* What the working tape failed with is the check's failure. */
static bool passed(struct ct_checking *c)
{
    const ct_tape *tape = c->probe.tape;
    if (ct_tape_status(tape) != CT_OK)
        ct_fail(c->probe.store, ct_tape_status(tape), "%s", ct_tape_message(tape));
    return ct_tape_status(c->probe.store) == CT_OK;
}

/* The cotangent that makes row k: a basis vector, or the row's combination. */
static ct_tensor *cotangent_of(struct ct_checking *c, int64_t k)
{
    struct ct_probe *p = &c->probe;
    ct_tensor *v = ct_check_zeros(p->tape, p->x[0]->dtype, p->shape);
    for (int64_t i = 0; v != NULL && i < p->outputs; i++)
        ct_check_set(v, i, p->combination != NULL ? p->combination[k * p->outputs + i] : i == k);
    return v;
}

/* jacobian (rows × elements) ← reverse mode at x. */
static bool reverse(struct ct_checking *c, ct_tensor *const x[], unsigned flags, double *jacobian)
{
    struct ct_probe *p = &c->probe;
    struct ct_frame frame;
    ct_tape_reset(p->tape);
    ct_no_grad_begin(p->tape);
    bool ok = ct_frame_enter(p->tape, "gradcheck", p->f, x, &frame);
    for (int64_t k = 0; ok && k < p->rows; k++) {
        ct_tensor *gradient[CT_MAX_INPUTS], *v = cotangent_of(c, k);
        ok = v != NULL && ct_frame_pull(p->tape, &frame, p->f->inputs, v, flags | CT_RETAIN_GRAPH, gradient);
        double *row = jacobian + k * p->elements;
        for (int j = 0; ok && j < p->f->inputs; row += p->count[j++])
            ok = ct_tensor_copy_out(gradient[j], CT_F64, row, p->count[j]) == CT_OK;
    }
    return ok ? passed(c) : (passed(c), false);
}

/* One sweep with the sum of all rows' cotangents, in whole multiples, must give the multiples of the rows. */
static bool linear_in_cotangent(struct ct_checking *c, double *sum)
{
    struct ct_probe *p = &c->probe;
    const int64_t rows = p->rows;
    double *weights = ct_probe_array(p, rows * p->outputs), *combination = p->combination;
    if (weights == NULL || rows == 0)
        return rows == 0;
    for (int64_t k = 0; k < rows; k++)
        for (int64_t i = 0; i < p->outputs; i++)
            weights[i] += (double)(2 + k % 3) * (combination != NULL ? combination[k * p->outputs + i] : i == k);
    p->rows = 1, p->combination = weights;
    const bool ok = reverse(c, p->x, 0, sum);
    p->rows = rows, p->combination = combination;
    for (int64_t i = 0, input = 0, start = 0; ok && i < p->elements; i++) {
        for (; i - start >= p->count[input]; input++)
            start += p->count[input];
        double wanted = 0, size = 0, bar = 0;
        for (int64_t k = 0; k < rows; k++) {
            const double weight = (double)(2 + k % 3), term = weight * c->fused[k * p->elements + i];
            wanted += term, size += fabs(term), bar += weight * c->spread[k * p->elements + i];
        }
        const struct ct_direction d = { .input = (int)input, .element = i - start };
        ct_finding finding = ct_finding_at(c, "cotangent", &d, 0);
        finding.output = -1;
        finding.analytic = sum[i], finding.numeric = wanted, finding.error_bar = bar + 64 * DBL_EPSILON * size;
        finding.verdict = !isfinite(wanted) || fabs(sum[i] - wanted) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        ct_finding_reconsider(c, &d, weights, 0, &finding);
        if (p->x[0]->dtype == CT_F64 && finding.verdict == CT_WRONG)
            ct_finding_note(c, finding, size);
    }
    return ok;
}

/* The Jacobian at x both ways, and its spread when x moves by a few units in the last place. */
static bool analytic(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    const int64_t size = p->rows * p->elements;
    const double unit = p->x[0]->dtype == CT_F32 ? FLT_EPSILON : DBL_EPSILON;
    double *again = ct_probe_array(p, size);
    c->fused = ct_probe_array(p, size), c->recorded = ct_probe_array(p, size);
    c->spread = ct_probe_array(p, size), c->largest = ct_probe_array(p, p->rows), c->rounding = ct_probe_array(p, p->rows);
    for (int64_t k = 0; c->rounding != NULL && k < p->rows; k++)
        c->rounding[k] = -1;
    if (again == NULL || c->fused == NULL || c->recorded == NULL || c->spread == NULL || c->largest == NULL || c->rounding == NULL ||
        !reverse(c, p->x, 0, c->fused) || !reverse(c, p->x, CT_CREATE_GRAPH, c->recorded) || !reverse(c, p->x, 0, again))
        return false;
    if (memcmp(again, c->fused, (size_t)size * sizeof *again) != 0)
        ct_finding_accuse(c, "pure", "the gradient of the same inputs differs from one backward to the next");
    for (int64_t i = 0; i < size; i++) {
        c->spread[i] = 8 * unit * fabs(c->fused[i]);
        c->largest[i / p->elements] = fmax(c->largest[i / p->elements], fabs(c->fused[i]));
    }
    for (int n = 0; n < NEIGHBOURS; n++) {
        for (int j = 0; j < p->f->inputs; j++)
            for (int64_t i = 0; i < p->count[j]; i++)
                ct_check_set(p->moved[j], i, ct_check_get(p->x[j], i) * (1 + unit * (double)((i * 5 + j + n * 7) % 9 - 4)));
        if (!reverse(c, p->moved, 0, again))
            return false;
        for (int64_t i = 0; i < size; i++)
            c->spread[i] = fmax(c->spread[i], 8 * fabs(again[i] - c->fused[i]));
    }
    for (int j = 0; j < p->f->inputs; j++)
        ct_tensor_assign(p->moved[j], p->x[j]);
    return passed(c) && linear_in_cotangent(c, again);
}

/* tangent (rows) ← forward mode along a direction. False when f failed; an op without a forward rule is noted instead. */
static bool forward(struct ct_checking *c, const struct ct_direction *d, double *result)
{
    struct ct_probe *p = &c->probe;
    ct_tensor *tangent[CT_MAX_INPUTS] = { NULL }, *pushed;
    if (c->no_forward)
        return true;
    ct_tape_reset(p->tape);
    ct_no_grad_begin(p->tape);
    for (int j = 0, at = 0; j < p->f->inputs; at += (int)p->count[j++]) {
        if (d->input >= 0 && d->input != j)
            continue;
        tangent[j] = ct_check_zeros(p->tape, p->x[j]->dtype, p->x[j]->shape);
        for (int64_t i = 0; tangent[j] != NULL && i < p->count[j]; i++)
            ct_check_set(tangent[j], i, d->input >= 0 ? i == d->element : d->u[at + i]);
    }
    if (ct_jvp(p->tape, p->f, p->x, tangent, &pushed) == NULL || pushed == NULL) {
        c->no_forward = ct_tape_status(p->tape) == CT_NO_DERIVATIVE;
        return c->no_forward || passed(c);
    }
    for (int64_t k = 0; k < p->rows; k++) {
        long double sum = 0;
        for (int64_t i = 0; p->combination != NULL && i < p->outputs; i++)
            sum += (long double)p->combination[k * p->outputs + i] * ct_check_get(pushed, i);
        result[k] = p->combination != NULL ? (double)sum : ct_check_get(pushed, k);
    }
    return true;
}

/* A row of a Jacobian times a direction; what it would be of magnitudes; and the spread of that. */
static double along(const struct ct_checking *c, const double *jacobian, const struct ct_direction *d, int64_t row, double *size, double *spread)
{
    const struct ct_probe *p = &c->probe;
    int64_t at = row * p->elements;
    if (d->input >= 0) {
        for (int j = 0; j < d->input; j++)
            at += p->count[j];
        *size = c->largest[row], *spread = c->spread[at + d->element];
        return jacobian[at + d->element];
    }
    long double sum = 0;
    *size = *spread = 0;
    for (int64_t i = 0; i < p->elements; i++) {
        sum += (long double)jacobian[at + i] * d->u[i];
        *size += fabs(jacobian[at + i] * d->u[i]);
        *spread += c->spread[at + i] * fabs(d->u[i]);
    }
    return (double)sum;
}

/* ---- against differences ------------------------------------------------------------- */

/* Reverse mode, as it computes and as it records, and forward mode, against one line. True when none is wrong. */
static bool judge(struct ct_checking *c, struct ct_line *line, const double *pushed, bool quiet)
{
    bool right = true;
    for (int64_t k = 0; k < c->probe.rows; k++) {
        double size, spread, recorded, other;
        const double fused = along(c, c->fused, &line->direction, k, &size, &spread);
        recorded = along(c, c->recorded, &line->direction, k, &other, &other);
        const struct {
            const char *check;
            double value;
            bool wanted;
        } ways[] = { { "reverse", fused, true },
                     { "reverse recorded", recorded, recorded != fused },
                     { "forward", pushed != NULL ? pushed[k] : 0, pushed != NULL && !c->no_forward } };
        for (int way = 0; way < 3; way++) {
            if (!ways[way].wanted)
                continue;
            ct_finding finding = ct_finding_at(c, ways[way].check, &line->direction, k);
            ct_decide(c, line, k, ways[way].value, spread, size, &finding);
            right &= finding.verdict != CT_WRONG;
            if (!quiet)
                ct_finding_note(c, finding, size);
        }
    }
    return right;
}

static bool whole(double x) { return x == floor(x) && fabs(x) < 0x1p52; }

/* An affine function has no truncation: step 1, exact where all is whole. Its second difference must vanish. */
static bool linear_element(struct ct_checking *c, const struct ct_direction *d, const double *pushed)
{
    struct ct_probe *p = &c->probe;
    double *plus = ct_probe_array(p, p->rows), *minus = ct_probe_array(p, p->rows);
    if (plus == NULL || minus == NULL)
        return false;
    ct_probe_move(p, d, 1);
    bool ok = ct_probe_value(p, p->moved, plus);
    ct_probe_move(p, d, -1);
    ok = ok && ct_probe_value(p, p->moved, minus);
    ct_probe_move(p, d, 0);
    for (int64_t k = 0; ok && k < p->rows; k++) {
        double size, spread, other;
        const double here = p->value[k], a = along(c, c->fused, d, k, &size, &spread), recorded = along(c, c->recorded, d, k, &other, &other);
        const double f = pushed != NULL && !c->no_forward ? pushed[k] : a;
        const bool exact = whole(plus[k]) && whole(minus[k]) && whole(here) && whole(a) && whole(recorded) && whole(f) &&
                           whole(ct_check_get(p->x[d->input], d->element));
        const double rounding = exact ? 0 : p->noise[k] + 2 * DBL_EPSILON * fmax(fabs(plus[k]), fabs(minus[k]));
        const double numeric = (plus[k] - minus[k]) / 2, ways[] = { a, recorded, f };
        static const char *const checks[] = { "reverse", "reverse recorded", "forward" };
        for (int way = 0; way < 3; way++) {
            ct_finding finding = ct_finding_at(c, checks[way], d, k);
            finding.analytic = ways[way], finding.numeric = numeric, finding.step = 1;
            finding.error_bar = exact ? 0 : rounding + spread;
            finding.verdict = fabs(ways[way] - numeric) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
            if (way == 0 || ways[way] != a)
                ct_finding_note(c, finding, size);
        }
        if (!(fabs(plus[k] - 2 * here + minus[k]) <= 4 * rounding)) {
            ct_finding finding = ct_finding_at(c, "linear", d, k);
            finding.numeric = plus[k] - 2 * here + minus[k], finding.error_bar = 4 * rounding, finding.step = 1;
            finding.verdict = CT_WRONG;
            ct_finding_note(c, finding, size);
        }
    }
    return ok;
}

static bool check_element(struct ct_checking *c, int input, int64_t element, double *pushed)
{
    struct ct_probe *p = &c->probe;
    const struct ct_direction d = { .input = input, .element = element };
    const size_t mark = ct_tape_mark(p->store);
    struct ct_line line;
    bool ok = forward(c, &d, pushed);
    if (ok && c->linear & 1u << input)
        ok = linear_element(c, &d, pushed);
    else if ((ok = ok && ct_line_sweep(p, d, 1, &line)))
        judge(c, &line, pushed, false);
    ct_tape_drop_since(p->store, mark);
    return ok;
}

/* Which element makes a direction wrong: halves of it, until one is left. */
static bool locate(struct ct_checking *c, const double *u, double *pushed)
{
    struct ct_probe *p = &c->probe;
    int64_t low = 0, high = p->elements;
    double *part = ct_probe_array(p, p->elements);
    while (part != NULL && high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        const size_t mark = ct_tape_mark(p->store);
        for (int64_t i = 0; i < p->elements; i++)
            part[i] = i >= low && i < middle ? u[i] : 0;
        const struct ct_direction d = { .input = -1, .u = part };
        struct ct_line line;
        if (!forward(c, &d, pushed) || !ct_line_sweep(p, d, 1, &line))
            return false;
        if (judge(c, &line, pushed, true))
            low = middle;
        else
            high = middle;
        ct_tape_drop_since(p->store, mark);
    }
    int input = 0;
    while (part != NULL && low >= p->count[input])
        low -= p->count[input++];
    return part != NULL && check_element(c, input, low, pushed);
}

/* A dense direction sees every element at once; and along it one mode must agree with the other to rounding. */
static bool check_direction(struct ct_checking *c, double *pushed)
{
    struct ct_probe *p = &c->probe;
    ct_tensor *random = ct_check_zeros(p->store, CT_F64, CT_SHAPE(p->elements));
    if (random == NULL || ct_uniform(random, -1, 1, &c->random) != CT_OK)
        return false;
    double *u = ct_data(random);
    for (int64_t i = 0, at = 0; i < p->f->inputs; at += p->count[i++])
        for (int64_t k = at; k < at + p->count[i]; k++)
            u[k] = p->scale[i] * (u[k] < 0 ? u[k] - 0.5 : u[k] + 0.5);
    const struct ct_direction d = { .input = -1, .u = u };
    struct ct_line line;
    if (!forward(c, &d, pushed) || !ct_line_sweep(p, d, 1, &line))
        return false;
    for (int64_t k = 0; k < p->rows && !c->no_forward; k++) {
        double size, spread;
        ct_finding finding = ct_finding_at(c, "modes", &d, k);
        finding.analytic = pushed[k];
        finding.numeric = along(c, c->recorded, &d, k, &size, &spread);
        finding.error_bar = spread + 64 * (p->x[0]->dtype == CT_F32 ? FLT_EPSILON : DBL_EPSILON) * size;
        finding.verdict = fabs(finding.analytic - finding.numeric) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        if (!isfinite(p->value[k]))
            finding.verdict = CT_UNDECIDABLE;
        ct_finding_reconsider(c, &d, NULL, k, &finding);
        ct_finding_note(c, finding, size);
    }
    return judge(c, &line, pushed, false) || locate(c, u, pushed);
}

static bool check_derivatives(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    const int64_t most = c->options->elements > 0 ? c->options->elements : ELEMENTS;
    double *pushed = ct_probe_array(p, p->rows);
    bool ok = pushed != NULL && p->rows > 0 && p->elements > 0;
    for (int j = 0; ok && j < p->f->inputs; j++) {
        const int64_t count = p->count[j], taken = count <= most ? count : most;
        const int64_t stride = count / (taken > 0 ? taken : 1);
        const int64_t start = count > taken ? (int64_t)(c->random.seed % (uint64_t)stride) : 0;
        for (int64_t i = 0; ok && i < taken; i++)
            ok = check_element(c, j, start + i * stride, pushed);
    }
    for (int n = 0; ok && n < DENSE; n++) {
        const size_t mark = ct_tape_mark(p->store);
        ok = check_direction(c, pushed);
        ct_tape_drop_since(p->store, mark);
    }
    return ok || ct_tape_status(p->store) == CT_OK;
}

/* ---- other promises ------------------------------------------------------------------ */

/* f gives the same bits twice. */
static bool check_pure(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    double *again = ct_probe_array(p, p->rows);
    if (again == NULL || !ct_probe_value(p, p->x, again))
        return false;
    if (memcmp(again, p->value, (size_t)p->rows * sizeof *again) != 0)
        ct_finding_accuse(c, "pure", "the function gives different values for the same inputs");
    return true;
}

/* f's values are the reference's. */
static bool check_values(struct ct_checking *c, const struct closed *closed)
{
    struct ct_probe *p = &c->probe;
    if (c->options->reference == NULL)
        return true;
    struct closed other = *closed;
    other.f = c->options->reference;
    const ct_function g = { closed_apply, &other, p->f->inputs }, *f = p->f;
    double *wanted = ct_probe_array(p, p->rows);
    if (wanted == NULL)
        return false;
    p->f = &g;
    const bool ok = ct_probe_value(p, p->x, wanted);
    p->f = f;
    for (int64_t k = 0; ok && k < p->rows; k++) {
        ct_finding finding = ct_finding_at(c, "values", NULL, k);
        finding.analytic = p->value[k], finding.numeric = wanted[k];
        finding.error_bar = whole(wanted[k]) && whole(p->value[k]) ? 0 : 4 * p->noise[k] + 64 * DBL_EPSILON * fabs(wanted[k]);
        finding.verdict = fabs(finding.analytic - finding.numeric) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        ct_finding_note(c, finding, fmax(fabs(wanted[k]), fabs(p->value[k])));
    }
    return ok;
}

/* The inputs are what they were. */
static void check_unchanged(struct ct_checking *c, int inputs, ct_tensor *const x[], ct_tensor *const in[])
{
    for (int j = 0; j < inputs; j++)
        for (int64_t i = 0; x[j] != NULL && i < x[j]->count; i++)
            if (ct_check_get(x[j], i) != (x[j]->dtype == CT_F32 ? (float)ct_check_get(in[j], i) : ct_check_get(in[j], i)) &&
                !isnan(ct_check_get(in[j], i))) {
                char what[160];
                snprintf(what, sizeof what, "the function changes its input %s in place", c->name[j]);
                ct_finding_accuse(c, "pure", what);
                return;
            }
}

static void check_finite(struct ct_checking *c)
{
    const struct ct_probe *p = &c->probe;
    for (int64_t k = 0; k < p->rows; k++)
        if (!isfinite(p->value[k])) {
            ct_finding finding = ct_finding_at(c, "values", NULL, k);
            finding.analytic = finding.numeric = p->value[k];
            finding.verdict = CT_UNDECIDABLE;
            ct_finding_note(c, finding, 1);
        }
}

static void find_unused(struct ct_checking *c, unsigned constant)
{
    const struct ct_probe *p = &c->probe;
    int64_t at = 0;
    for (int j = 0, original = 0; j < p->f->inputs; at += p->count[j++], original++) {
        while (constant & 1u << original)
            original++;
        bool used = false;
        for (int64_t k = 0; k < p->rows && !used; k++)
            for (int64_t i = 0; i < p->count[j] && !used; i++)
                used = c->fused[k * p->elements + at + i] != 0;
        if (!used && c->report->wrong == 0)
            c->report->unused |= 1u << original;
    }
}

/* ---- the whole ----------------------------------------------------------------------- */

static void conclude(struct ct_checking *c)
{
    ct_gradcheck_report *r = c->report;
    const ct_finding *w = &r->worst;
    r->verdict = w->verdict;
    r->evaluations = c->probe.evaluations;
    r->status = c->probe.store != NULL ? ct_tape_status(c->probe.store) : CT_NO_MEMORY;
    if (r->status != CT_OK) {
        r->verdict = CT_UNDECIDABLE;
        snprintf(r->message, sizeof r->message, "could not be checked: %s", ct_tape_message(c->probe.store));
        return;
    }
    const char *where = w->index.rank < 0 ? "a direction over all inputs" : w->name[0] ? w->name : "the value";
    if (r->message[0] != '\0')
        return; /* an accusation has its own sentence */
    if (r->comparisons == 0)
        snprintf(r->message, sizeof r->message, "nothing to compare: there are no elements");
    else if (r->verdict == CT_RIGHT)
        snprintf(r->message, sizeof r->message, "all %lld comparisons agree, to %.1f digits or more", (long long)r->comparisons, r->digits);
    else if (r->verdict == CT_WRONG)
        snprintf(r->message, sizeof r->message, "%s gives %.17g for %s%s, not %.17g ± %.2g", w->check, w->analytic, where,
                 w->name[0] ? CT_TEXT(w->index) : "", w->numeric, w->error_bar);
    else if (r->verdict == CT_KINK)
        snprintf(r->message, sizeof r->message, "not differentiable at %s%s: the one-sided derivatives differ, and %.17g lies between", where,
                 w->name[0] ? CT_TEXT(w->index) : "", w->analytic);
    else
        snprintf(r->message, sizeof r->message, "%s at %s%s: %.17g ± %.2g tells nothing of %.17g: %s", w->check, where,
                 w->name[0] ? CT_TEXT(w->index) : "", w->numeric, w->error_bar, w->analytic,
                 isfinite(w->numeric) && isfinite(w->error_bar) ? "noise, or a jump" : "overflow, or a function that is not finite here");
}

/* in[] ← the differentiated inputs in `dtype`, and for each order above 1 a cotangent of whole numbers; the functions of all orders. */
static bool climb(struct ct_checking *c, int order, ct_function chain[], ct_tensor *in[], ct_tape *store)
{
    for (int n = 1; n < order; n++) {
        ct_tensor *y = chain[n - 1].apply(store, in, chain[n - 1].context);
        if (y == NULL || chain[n - 1].inputs == CT_MAX_INPUTS) {
            ct_fail(store, CT_BAD_ARGUMENT, "order %d of a function of %d inputs: there may be %d with the cotangents", order, chain[0].inputs,
                    CT_MAX_INPUTS);
            return false;
        }
        const int j = chain[n - 1].inputs;
        in[j] = ct_check_zeros(store, y->dtype, y->shape);
        if (in[j] == NULL || ct_uniform(in[j], -3, 3, &c->random) != CT_OK)
            return false;
        for (int64_t i = 0; i < in[j]->count; i++)
            ct_check_set(in[j], i, ct_check_get(in[j], i) < 0 ? floor(ct_check_get(in[j], i)) : floor(ct_check_get(in[j], i)) + 1);
        chain[n] = ct_derivative(&chain[n - 1]);
        c->linear |= 1u << j;
        snprintf(c->name[j], sizeof c->name[j], "cotangent %d", n);
    }
    return true;
}

/* Runs every check of the function of the wanted order at in[]. */
static void run(struct ct_checking *c, const ct_function *f, ct_tensor *const in[], ct_dtype dtype, int order, const struct closed *closed,
                bool float32)
{
    struct ct_probe *p = &c->probe;
    const int64_t rows = order > 1 ? FULL_ROWS_ABOVE : FULL_ROWS;
    bool ok = ct_probe_open(p, f, in, dtype, rows, &c->random) && ct_probe_noise(p, &c->random);
    ok = ok && check_pure(c) && (order > 1 || check_values(c, closed)) && analytic(c);
    if (ok) {
        check_finite(c);
        ok = check_derivatives(c);
        check_unchanged(c, f->inputs, p->x, in);
        find_unused(c, closed->constant);
    }
    ok = ok && (!float32 || ct_check_float32(c));
    if (!ok)
        ct_fail(p->store, CT_NO_MEMORY, "gradcheck: out of memory"); /* what failed otherwise has said so */
}

ct_verdict ct_gradcheck(const ct_function *f, ct_tensor *const in[], const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    static const ct_gradcheck_options defaults;
    enum { MOST_ORDERS = 8 };
    ct_gradcheck_report own;
    struct ct_checking c = { .options = options != NULL ? options : &defaults, .report = report != NULL ? report : &own };
    const int order = c.options->order > 0 ? c.options->order : 1;
    *c.report = (ct_gradcheck_report){ .order = order, .seed = c.options->seed, .digits = 17, .digits_float32 = 17 };
    c.random = (ct_random){ .seed = c.options->seed };
    ct_tape *store = ct_tape_new();

    bool ok = f != NULL && f->apply != NULL && f->inputs >= 1 && f->inputs <= CT_MAX_INPUTS && in != NULL && order <= MOST_ORDERS;
    for (int j = 0; ok && j < f->inputs; j++)
        ok = in[j] != NULL && in[j]->dtype == in[0]->dtype;
    if (!ok || store == NULL) {
        c.report->status = store == NULL ? CT_NO_MEMORY : CT_BAD_ARGUMENT;
        c.report->verdict = CT_UNDECIDABLE;
        snprintf(c.report->message, sizeof c.report->message,
                 "needs a function of 1 to %d inputs, that many tensors of one dtype, and an order of 1 to %d", CT_MAX_INPUTS, MOST_ORDERS);
        ct_tape_free(store);
        return c.report->verdict;
    }

    /* In float64 where f works in it. */
    struct closed closed = { .f = f, .constant = c.options->constant };
    ct_function chain[MOST_ORDERS];
    ct_tensor *x[CT_MAX_INPUTS + 1], *original[CT_MAX_INPUTS] = { NULL };
    int place[CT_MAX_INPUTS];
    ct_dtype dtype = CT_F64;
    ct_no_grad_begin(store);
    for (int attempt = 0; attempt < 2; attempt++) {
        int inputs = 0;
        c.linear = 0;
        for (int j = 0; j < f->inputs; j++) {
            ct_tensor *copy = ct_tape_tensor(store, dtype, in[j]->shape);
            if (copy != NULL)
                ct_tensor_assign(copy, in[j]);
            if (closed.constant & 1u << j) {
                closed.all[j] = copy;
                if (copy != NULL)
                    copy->requires_grad = true; /* so that a record bounds the rounding of what is made of it */
                continue;
            }
            place[inputs] = j;
            c.linear |= (c.options->linear >> j & 1u) << inputs;
            if (c.options->names != NULL && c.options->names[j] != NULL)
                snprintf(c.name[inputs], sizeof c.name[inputs], "%s", c.options->names[j]);
            else
                snprintf(c.name[inputs], sizeof c.name[inputs], "in[%d]", j);
            x[inputs++] = copy;
        }
        chain[0] = (ct_function){ closed_apply, &closed, inputs };
        if (inputs == 0)
            ct_fail(store, CT_BAD_ARGUMENT, "every input is constant");
        else if (chain[0].apply(store, x, &closed) != NULL || in[0]->dtype == CT_F64)
            break;
        ct_tape_clear_status(store);
        dtype = CT_F32;
    }
    for (int j = 0; j < chain[0].inputs; j++)
        original[j] = in[place[j]];
    check_unchanged(&c, chain[0].inputs, x, original);
    const bool float32 = dtype == CT_F64 && (c.options->float32 || in[0]->dtype == CT_F32);
    if (ct_tape_status(store) == CT_OK && climb(&c, order, chain, x, store))
        run(&c, &chain[order - 1], x, dtype, order, &closed, float32);
    else {
        c.probe.store = ct_tape_new();
        ct_fail(c.probe.store, ct_tape_status(store), "%s", ct_tape_message(store));
    }
    ct_no_grad_end(store);
    conclude(&c);
    ct_probe_close(&c.probe);
    ct_tape_free(store);
    return c.report->verdict;
}
