/* Analytic derivatives against differences: element by element, and along dense directions. */
#include <float.h>
#include <math.h>

#include "gradcheck.h"

enum { ELEMENTS = 128, DENSE = 3 };

/* Reverse mode, as it computes and as it records, and forward mode, against one line. True when none is wrong. */
static bool judge(struct ct_checking *c, struct ct_line *line, const double *pushed, bool quiet)
{
    bool right = true;
    for (int64_t k = 0; k < c->probe.rows; k++) {
        double size, spread, recorded, other;
        const double fused = ct_check_along(c, c->fused, &line->direction, k, &size, &spread);
        recorded = ct_check_along(c, c->recorded, &line->direction, k, &other, &other);
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
        const double here = p->value[k], a = ct_check_along(c, c->fused, d, k, &size, &spread), recorded = ct_check_along(c, c->recorded, d, k, &other, &other);
        const double f = pushed != NULL && !c->no_forward ? pushed[k] : a;
        const bool exact = ct_is_whole(plus[k]) && ct_is_whole(minus[k]) && ct_is_whole(here) && ct_is_whole(a) && ct_is_whole(recorded) && ct_is_whole(f) &&
                           ct_is_whole(ct_check_get(p->x[d->input], d->element));
        const double rounding = exact ? 0 : p->noise[k] + 2 * DBL_EPSILON * fmax(fabs(plus[k]), fabs(minus[k]));
        const double numeric = (plus[k] - minus[k]) / 2, ways[] = { a, recorded, f };
        static const char *const checks[] = { "reverse", "reverse recorded", "forward" };
        for (int way = 0; way < 3; way++) {
            ct_finding finding = ct_finding_at(c, checks[way], d, k);
            finding.analytic = ways[way], finding.numeric = numeric, finding.step = 1;
            finding.error_bar = exact ? 0 : rounding + spread;
            finding.verdict = fabs(ways[way] - numeric) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
            if (!exact)
                ct_finding_doubt(c, d, k, size, &finding);
            if (way == 0 || ways[way] != a)
                ct_finding_note(c, finding, size);
        }
        const double bend = plus[k] - 2 * here + minus[k];
        if (!(fabs(bend) <= 4 * rounding) && !(fabs(bend) <= 4 * rounding + (exact ? 0 : 2 * ct_check_hidden_noise(c, k, 1)))) {
            ct_finding finding = ct_finding_at(c, "linear", d, k);
            finding.numeric = bend, finding.error_bar = 4 * rounding, finding.step = 1;
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
    bool ok = ct_check_forward(c, &d, pushed);
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
        if (!ct_check_forward(c, &d, pushed) || !ct_line_sweep(p, d, 1, &line))
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
    if (!ct_check_forward(c, &d, pushed) || !ct_line_sweep(p, d, 1, &line))
        return false;
    for (int64_t k = 0; k < p->rows && !c->no_forward; k++) {
        double size, spread;
        ct_finding finding = ct_finding_at(c, "modes", &d, k);
        finding.analytic = pushed[k];
        finding.numeric = ct_check_along(c, c->recorded, &d, k, &size, &spread);
        finding.error_bar = spread + 64 * (p->x[0]->dtype == CT_F32 ? FLT_EPSILON : DBL_EPSILON) * size;
        finding.verdict = fabs(finding.analytic - finding.numeric) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        if (!isfinite(p->value[k]))
            finding.verdict = CT_UNDECIDABLE;
        ct_finding_reconsider(c, &d, NULL, k, size, &finding);
        ct_finding_note(c, finding, size);
    }
    return judge(c, &line, pushed, false) || locate(c, u, pushed);
}

bool ct_check_derivatives(struct ct_checking *c)
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
