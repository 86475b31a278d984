/* cotangent check: every op's derivatives against numeric ones, order by order, in both precisions. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../src/check/samples.h"
#include "tool.h"

enum { ORDERS = 3, DTYPES = 2, LONGEST_REPORT = 2048 };

static const char help[] =
    "cotangent check: are this library's derivatives right, on this machine, today?\n"
    "\n"
    "  cotangent check\n"
    "  cotangent check --op conv_transpose --order 2 --seed 7\n"
    "\n"
    "  --op NAME      only the samples of a function or of a row of the op table                        (all)\n"
    "  --order N      only the N-th derivative; more than 3 is possible, and slow                       (1, 2 and 3)\n"
    "  --seed N       other inputs                                                                      (1)\n"
    "  --json         for programs\n"
    "\n"
    "Each op is called on small inputs where it is smooth. Its derivative by reverse mode is compared with central\n"
    "differences, which are extrapolated over a sweep of steps until their own error is known (Ridders), and with\n"
    "forward mode; the second derivative is the first one's, and so on. There is no tolerance: a value is wrong when\n"
    "it lies outside the error bar of the numeric one, and in float32 when rounding bounds cannot explain its\n"
    "distance from float64.\n"
    "\n"
    "The table shows to how many decimal digits the worst element agrees, of the largest: the derivative with its\n"
    "numeric estimate, and float32's with float64's. 17.0: all are equal to the bit. Few digits are not wrong; they\n"
    "say how well a difference could measure, or how much is lost to rounding. 'BAD!': wrong, and '?': undecidable; a\n"
    "report below the table says where. 'none': this order has no rule, and asking for it is an error. '-': float32\n"
    "draws other random numbers than float64, so that the two cannot be compared. The exit code is 1 when something\n"
    "is wrong.\n";

struct result {
    const ct_sample *sample;
    ct_dtype dtype;
    bool skipped; /* draws other random numbers in float32 */
    ct_gradcheck_report report;
};

/* "conv2d stride 2" belongs to conv2d, and its row is conv. */
static bool belongs(const ct_sample *sample, const char *op)
{
    size_t length = strlen(op);
    return !strcmp(sample->op->name, op) ||
           (!strncmp(sample->name, op, length) && (sample->name[length] == '\0' || sample->name[length] == ' '));
}

static int refuse(const char *op)
{
    const char **names = calloc((size_t)ct_sample_count + 1, sizeof *names);
    for (int i = 0; names != NULL && i < ct_sample_count; i++)
        names[i] = ct_samples[i].name;
    int code = complain(MISUSED, "check: no op \"%s\"; the nearest is %s", op, names ? nearest_name(op, names) : "");
    free(names);
    return code;
}

static bool run(const ct_sample *sample, ct_dtype dtype, int order, uint64_t seed, struct result *result)
{
    ct_tensor *in[CT_SAMPLE_INPUTS] = { NULL };
    ct_function function = ct_sample_function(sample);
    ct_gradcheck_options options = { .order = order, .seed = seed, .linear = sample->linear, .constant = sample->constant };

    result->sample = sample;
    result->dtype = dtype;
    result->report.order = order;
    result->skipped = sample->draws && dtype == CT_F32;
    if (result->skipped)
        return true;
    bool made = ct_sample_inputs(sample, dtype, ct_sample_multilinear(sample), seed, in);
    if (made)
        ct_gradcheck(&function, in, &options, &result->report);
    for (int j = 0; made && j < sample->inputs; j++)
        ct_tensor_release(in[j]);
    return made;
}

/* What a check came to. A failure is wrong; a kink, or what is undecidable, is no accusation; no rule is neither. */
enum outcome { RIGHT, WRONG, UNDECIDED, NO_RULE, SKIPPED, OUTCOMES };

static enum outcome outcome_of(const struct result *result)
{
    const ct_gradcheck_report *report = &result->report;
    if (result->skipped)
        return SKIPPED;
    if (report->status == CT_NO_DERIVATIVE)
        return NO_RULE;
    if (report->status != CT_OK || report->verdict == CT_WRONG)
        return WRONG;
    return report->verdict == CT_RIGHT ? RIGHT : UNDECIDED;
}

static void tally(const struct result result[], int count, int total[OUTCOMES])
{
    for (int i = 0; i < count; i++)
        total[outcome_of(&result[i])]++;
}

/* ---- output ---- */

static void print_cell(const struct result *result)
{
    static const char *const text[OUTCOMES] = { [WRONG] = "BAD!", [UNDECIDED] = "?", [NO_RULE] = "none", [SKIPPED] = "-" };
    const enum outcome outcome = outcome_of(result);
    if (outcome == RIGHT)
        printf("  %4.1f", result->dtype == CT_F64 ? result->report.digits : result->report.digits_float32);
    else
        printf("  %4s", text[outcome]);
}

static void print_table(const struct result result[], int samples, int first, int orders)
{
    int widest = 0, columns = DTYPES * orders;
    for (int i = 0; i < samples; i++) {
        int width = (int)strlen(result[i * columns].sample->name); /* NOLINT: every result has its sample */
        widest = width > widest ? width : widest;
    }
    printf("%-*s", widest + 2, "");
    for (int d = 0; d < DTYPES; d++)
        printf("%-*s", 6 * orders + 3, d == 0 ? "  float64" : "  float32");
    printf("\n%-*s", widest + 2, "order");
    for (int c = 0; c < columns; c++)
        printf("%s%6d", c == orders ? "   " : "", first + c % orders);
    putchar('\n');
    for (int i = 0; i < samples; i++) {
        printf("%-*s", widest + 2, result[i * columns].sample->name);
        for (int c = 0; c < columns; c++) {
            fputs(c == orders ? "   " : "", stdout);
            print_cell(&result[i * columns + c]);
        }
        putchar('\n');
    }
}

static void print_reports(const struct result result[], int count)
{
    char text[LONGEST_REPORT];
    for (int i = 0; i < count; i++)
        if (outcome_of(&result[i]) == WRONG || outcome_of(&result[i]) == UNDECIDED)
            printf("\n%s, %s, order %d:\n%s\n", result[i].sample->name, ct_dtype_name(result[i].dtype), result[i].report.order,
                   ct_gradcheck_text(&result[i].report, text, sizeof text));
}

static json_t *results_json(const struct result result[], int count, uint64_t seed, const int total[OUTCOMES])
{
    json_t *all = json_array();
    for (int i = 0; i < count; i++) {
        const struct result *r = &result[i];
        char text[LONGEST_REPORT];
        json_t *report = r->skipped ? json_null() : json_loads(ct_gradcheck_json(&r->report, text, sizeof text), 0, NULL);
        json_array_append_new(all, json_pack("{ss ss ss si so}", "name", r->sample->name, "op", r->sample->op->name, "dtype",
                                             ct_dtype_name(r->dtype), "order", r->report.order, "report", report));
    }
    return json_pack("{sI si si si si si so}", "seed", (json_int_t)seed, "right", total[RIGHT], "wrong", total[WRONG], "undecided",
                     total[UNDECIDED], "no_rule", total[NO_RULE], "skipped", total[SKIPPED], "results", all);
}

int check_run(int argc, char **argv)
{
    const char *op = NULL;
    int64_t order = 0, seed = 1;
    bool json = false;
    const struct setting settings[] = {
        { "op", .text = &op },
        { "order", .whole = &order, .low = 1, .high = 6 },
        { "seed", .whole = &seed, .low = 0, .high = INT64_MAX },
        { "json", .flag = &json },
    };
    int code = read_settings(argc, argv, settings, sizeof settings / sizeof settings[0], NULL, help);
    if (code >= 0)
        return code;

    int first = order ? (int)order : 1, orders = order ? 1 : ORDERS, samples = 0, count = 0;
    for (int i = 0; i < ct_sample_count; i++)
        samples += op == NULL || belongs(&ct_samples[i], op);
    if (samples == 0)
        return refuse(op);
    struct result *result = calloc((size_t)(samples * DTYPES * orders), sizeof *result);
    bool made = result != NULL;
    for (int i = 0; i < ct_sample_count && made; i++)
        for (int c = 0; c < DTYPES * orders && made && (op == NULL || belongs(&ct_samples[i], op)); c++)
            made = run(&ct_samples[i], c < orders ? CT_F64 : CT_F32, first + c % orders, (uint64_t)seed, &result[count++]);

    int total[OUTCOMES] = { 0 };
    tally(result, count, total);
    code = 0;
    if (!made) {
        code = complain(FAILED, "check: out of memory");
    } else if (json) {
        code = print_json(results_json(result, count, (uint64_t)seed, total));
    } else {
        print_table(result, samples, first, orders);
        print_reports(result, count);
        printf("\n%d right, %d wrong, %d undecided", total[RIGHT], total[WRONG], total[UNDECIDED]);
        if (total[NO_RULE] > 0)
            printf(", %d without a rule", total[NO_RULE]);
        putchar('\n');
    }
    if (code == 0 && total[WRONG] > 0)
        code = complain(FAILED, "check: %d of %d checks found something wrong", total[WRONG], count - total[SKIPPED]);
    free(result);
    return code;
}
