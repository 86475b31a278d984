/* The report of a gradient check, as text and as JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gradcheck.h"

const char *ct_verdict_name(ct_verdict verdict)
{
    static const char *const names[] = { "right", "wrong", "kink", "undecidable" };
    return (unsigned)verdict < sizeof names / sizeof *names ? names[verdict] : "unknown";
}

void ct_finding_place(const ct_finding *finding, char *text, size_t size)
{
    if (finding->index.rank < 0 || finding->name[0] == '\0') {
        snprintf(text, size, "%s", finding->index.rank < 0 ? "a direction over all inputs" : "the value");
        return;
    }
    size_t length = (size_t)snprintf(text, size, "%s", finding->name);
    for (int i = 0; i < finding->index.rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%" PRId64 "%s", i ? ", " : "[", finding->index.extent[i],
                                   i == finding->index.rank - 1 ? "]" : "");
}

char *ct_gradcheck_text(const ct_gradcheck_report *r, char *text, size_t size)
{
    const ct_finding *w = &r->worst;
    char where[300], output[48];
    ct_finding_place(w, where, sizeof where);
    snprintf(output, sizeof output, w->output < 0 ? "a combination of the outputs" : "output %" PRId64, w->output);
    int length = snprintf(text, size, "%s: %s\n", ct_verdict_name(r->verdict), r->message);
    if (length >= 0 && (size_t)length < size && w->check != NULL)
        snprintf(text + length, size - (size_t)length,
                           "order %d; %" PRId64 " comparisons: %" PRId64 " right, %" PRId64 " wrong, %" PRId64 " kinks, %" PRId64
                           " undecidable; %" PRId64 " evaluations; seed %" PRIu64 "\n"
                           "worst: %s, %s by %s: analytic %.17g, numeric %.17g ± %.2g (step %.3g)\n",
                           r->order, r->comparisons, r->right, r->wrong, r->kinks, r->undecidable, r->evaluations, r->seed, w->check, output,
                           where, w->analytic, w->numeric, w->error_bar, w->step);
    for (int j = 0; j < CT_MAX_INPUTS && size > 0; j++) {
        const size_t end = strlen(text);
        if (r->unused >> j & 1)
            snprintf(text + end, size - end, "no dependence on input %d\n", j);
    }
    return text;
}

/* JSON is UTF-8. A name may not be, or be cut within a letter. */
static json_t *string(const char *text)
{
    json_t *whole = json_string(text);
    char plain[sizeof((ct_gradcheck_report *)NULL)->message];
    if (whole != NULL)
        return whole;
    snprintf(plain, sizeof plain, "%s", text);
    for (char *p = plain; *p != '\0'; p++)
        *p = (unsigned char)*p < 0x80 ? *p : '?';
    return json_string(plain);
}

/* JSON has no NaN and no infinity: null. */
static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

char *ct_gradcheck_json(const ct_gradcheck_report *r, char *text, size_t size)
{
    const ct_finding *w = &r->worst;
    json_t *index = json_array(), *unused = json_array();
    for (int j = 0; j < CT_MAX_INPUTS; j++)
        if (r->unused >> j & 1)
            json_array_append_new(unused, json_integer(j));
    for (int i = 0; i < w->index.rank; i++)
        json_array_append_new(index, json_integer(w->index.extent[i]));
    json_t *worst = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "check", w->check ? w->check : "", "verdict",
                              ct_verdict_name(w->verdict), "input", string(w->name), "index", index, "output",
                              w->output < 0 ? json_null() : json_integer(w->output), "analytic", number(w->analytic), "numeric",
                              number(w->numeric), "error_bar", number(w->error_bar), "step", number(w->step));
    json_t *whole = json_pack("{s:s, s:s, s:o, s:i, s:s#, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "verdict", ct_verdict_name(r->verdict),
                              "status", ct_status_string(r->status), "message", string(r->message), "order", r->order, "seed", "", 0, "comparisons",
                              (json_int_t)r->comparisons, "right", (json_int_t)r->right, "wrong", (json_int_t)r->wrong, "kinks",
                              (json_int_t)r->kinks, "undecidable", (json_int_t)r->undecidable, "evaluations", (json_int_t)r->evaluations,
                              "unused", unused, "digits", number(r->digits), "digits_float32",
                              number(r->digits_float32), "worst", worst);
    if (whole != NULL && r->seed <= INT64_MAX)
        json_object_set_new(whole, "seed", json_integer((json_int_t)r->seed));
    else if (whole != NULL)
        json_object_set_new(whole, "seed", json_sprintf("%" PRIu64, r->seed));
    size_t length = whole != NULL && size > 0 ? json_dumpb(whole, text, size - 1, JSON_COMPACT | JSON_REAL_PRECISION(17)) : 0;
    if (length > 0)
        text[length < size ? length : size - 1] = '\0';
    else if (size > 0)
        snprintf(text, size, "{}");
    json_decref(whole);
    return text;
}
