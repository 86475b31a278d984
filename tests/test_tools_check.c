/* `cotangent check`, of the catalogue and of a broken one. */
#include "run_command.h"

Test(tools_check, check_of_one_op)
{
    json_t *json = run_json("check --op tanh --seed 3 --json"), *results = json_object_get(json, "results");
    cr_expect_eq(json_integer_value(json_object_get(json, "right")), 6);
    cr_expect_eq(json_integer_value(json_object_get(json, "wrong")), 0);
    cr_assert_eq(json_array_size(results), 6u); /* three orders, two precisions */
    for (size_t i = 0; i < 6; i++) {
        json_t *result = json_array_get(results, i), *report = json_object_get(result, "report");
        cr_expect_str_eq(json_string_value(json_object_get(result, "name")), "tanh");
        cr_expect_str_eq(json_string_value(json_object_get(result, "dtype")), i < 3 ? "float64" : "float32");
        cr_expect_eq(json_integer_value(json_object_get(report, "order")), (json_int_t)(i % 3 + 1));
        cr_expect_str_eq(json_string_value(json_object_get(report, "verdict")), "right");
        cr_expect_gt(json_number_value(json_object_get(report, "digits")), 8);
        double single = json_number_value(json_object_get(report, "digits_float32"));
        cr_expect(i < 3 ? single == 17 : single > 4 && single < 10, "%g", single); /* float32 has 7.2 digits */
    }
    json_decref(json);

    cr_expect_eq(run("check --op conv_transpose --order 1"), 0); /* a row of the table, of functions of several ranks */
    cr_expect_not_null(strstr(output, "conv_transpose1d "));
    cr_expect_not_null(strstr(output, "conv_transpose3d "));
    cr_expect_null(strstr(output, "conv2d "));
    cr_expect_not_null(strstr(output, " right, 0 wrong, 0 undecided\n"));
    cr_expect_eq(run("check --op dropout --order 1"), 0);
    cr_expect_not_null(strstr(output, "\n1 right, 0 wrong, 0 undecided\n")); /* float32 draws another mask */
}

/* The command with a catalogue of broken ops, tests/broken/catalogue.c: each cell of its table, the exit code, and one line on stderr. */
Test(tools_check, check_of_broken_ops)
{
    static const struct {
        const char *op, *cells, *says;
        int code;
    } cases[] = {
        { "right", NULL, "6 right, 0 wrong, 0 undecided\n", 0 },
        { "opaque", "  none  none  none     none  none  none\n", "0 right, 0 wrong, 0 undecided, 6 without a rule\n", 0 },
        { "noisy --order 1", "noisy       ?        ?\n", "0 right, 0 wrong, 2 undecided\n", 0 },
        { "wrong --order 1", "  BAD!     BAD!\n", "of 4 checks found something wrong", 1 },
        { "nan", "  BAD!  BAD!  BAD!     BAD!  BAD!  BAD!\n", "check: 6 of 6 checks found something wrong", 1 },
        { "fails", "  BAD!  BAD!  BAD!     BAD!  BAD!  BAD!\n", "undecidable: could not be checked: matmul", 1 },
        { "float32 --order 1", "  BAD!\n", "1 right, 1 wrong, 0 undecided", 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char arguments[100];
        snprintf(arguments, sizeof arguments, "check --op %s 2>&1", cases[i].op);
        cr_expect_eq(run_program("cotangent-broken", arguments), cases[i].code, "%s: %s", arguments, output);
        cr_expect(cases[i].cells == NULL || strstr(output, cases[i].cells) != NULL, "%s: %s", arguments, output);
        cr_expect_not_null(strstr(output, cases[i].says), "%s: %s", arguments, output);
    }

    cr_expect_eq(run_program("cotangent-broken", "check 2>&1 >/dev/null"), 1);
    const char *end = strchr(output, '\n');
    cr_expect(strncmp(output, "cotangent: check: ", 18) == 0 && end != NULL && end[1] == '\0', "one line: %s", output);
}

/* The same for programs: what is wrong is in the JSON by name, number and place; NaN is null. */
Test(tools_check, check_of_broken_ops_as_json)
{
    cr_expect_eq(run_program("cotangent-broken", "check --op wrong --order 1 --seed 5 --json 2>/dev/null"), 1);
    json_t *json = parsed_output("wrong"), *results = json_object_get(json, "results");
    cr_expect_eq(json_integer_value(json_object_get(json, "wrong")), 2);
    cr_expect_eq(json_integer_value(json_object_get(json, "right")), 2); /* "wrong from order 2" belongs to it too */
    cr_assert_eq(json_array_size(results), 4u);
    json_t *report = json_object_get(json_array_get(results, 0), "report"), *worst = json_object_get(report, "worst");
    cr_expect_str_eq(json_string_value(json_object_get(report, "verdict")), "wrong");
    cr_expect_eq(json_integer_value(json_object_get(report, "seed")), 5);
    cr_expect_gt(json_integer_value(json_object_get(report, "wrong")), 0);
    cr_expect_str_eq(json_string_value(json_object_get(worst, "input")), "in[0]");
    cr_expect_eq(json_array_size(json_object_get(worst, "index")), 2u);
    /* the derivative of x^2 without its 2 */
    double analytic = json_number_value(json_object_get(worst, "analytic")), numeric = json_number_value(json_object_get(worst, "numeric"));
    cr_expect(fabs(2 * analytic - numeric) <= 1e-9 * fabs(numeric), "%g, %g", analytic, numeric);
    json_decref(json);

    cr_expect_eq(run_program("cotangent-broken", "check --op nan --order 1 --json 2>/dev/null"), 1);
    json = parsed_output("nan");
    report = json_object_get(json_array_get(json_object_get(json, "results"), 0), "report");
    cr_expect(json_is_null(json_object_get(json_object_get(report, "worst"), "analytic")));
    json_decref(json);
    cr_expect_eq(run_program("cotangent-broken", "check --op opaque --json"), 0);
    json = parsed_output("opaque");
    cr_expect_eq(json_integer_value(json_object_get(json, "no_rule")), 6);
    json_decref(json);
}
