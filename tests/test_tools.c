/* The `cotangent` command as its users meet it: exit codes, what it says, and JSON that holds the article's numbers. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cotangent/cotangent.h>

static char output[1 << 20];

/* Runs the command that was built next to this program; stdout and stderr, as the shell in `arguments` directs them, to output. */
static int run(const char *arguments)
{
    char program[PATH_MAX], command[PATH_MAX + 1000];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    cr_assert(length > 0);
    program[length] = '\0';
    snprintf(command, sizeof command, "'%.*s/cotangent' %s", (int)(strrchr(program, '/') - program), program, arguments);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    cr_assert(WIFEXITED(status), "%s was killed", arguments);
    return WEXITSTATUS(status);
}

static json_t *run_json(const char *arguments)
{
    json_error_t error;
    cr_assert_eq(run(arguments), 0, "%s", arguments);
    json_t *json = json_loads(output, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "%s: line %d: %s", arguments, error.line, error.text);
    return json;
}

static void expect_numbers(const json_t *array, int count, const double wanted[], double tolerance)
{
    cr_assert_eq(json_array_size(array), (size_t)count);
    for (int i = 0; i < count; i++) {
        double got = json_number_value(json_array_get(array, (size_t)i));
        cr_expect(fabs(got - wanted[i]) <= tolerance, "[%d] is %.17g, not %g", i, got, wanted[i]);
    }
}

#define EXPECT_NUMBERS(array, tolerance, ...)                                                    \
    expect_numbers(array, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ }, tolerance)

/* ---- usage ---- */

struct usage {
    const char *arguments;
    int code;
    const char *says;
};

static const struct usage usages[] = {
    { "--help", 0, "cotangent geometry" },
    { "help", 0, "Exit codes" },
    { "--version", 0, "cotangent " CT_VERSION },
    { "geometry --help", 0, "output_padding" },
    { "steps --help", 0, "Spread" },
    { "2>&1", 2, "cotangent: needs a verb" },
    { "geomtry 2>&1", 2, "no verb \"geomtry\"; the nearest is geometry" },
    { "step 2>&1", 2, "the nearest is steps" },
    { "geometry --in 5 --kernel 3 --strude 2 2>&1", 2, "no option --strude; the nearest is --stride" },
    { "geometry --in 5 --kernel 3 --strude=2 2>&1", 2, "no option --strude; the nearest is --stride" },
    { "geometry --in 2>&1", 2, "--in needs a value" },
    { "geometry --json=1 2>&1", 2, "--json=1 takes no value" },
    { "geometry --in 5 --kernel 3 what 2>&1", 2, "what is \"what\"?" },
    { "geometry --in 5 --kernel 3x3 2>&1", 2, "--kernel has 2 axes, --in has 1" },
    { "geometry --in 0 --kernel 3 2>&1", 2, "--in 0: needs whole numbers from 1" },
    { "geometry --in 5x5x5x5 --kernel 3 2>&1", 2, "up to 3" },
    { "geometry --in 99999999999999999999 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --kernel 3 2>&1", 2, "needs --in and --kernel" },
    { "geometry --in 5 --kernel 3 --groups 2 --channels 3 2>&1", 2, "--groups 2 must divide" },
    { "geometry --in 5 --kernel 9 2>&1", 1, "exceeds the padded input" },
    { "geometry --in 5 --kernel 3 --output-padding 1 2>&1", 1, "output_padding" },
    { "steps --x 1,2,a 2>&1", 2, "needs numbers" },
    { "steps --x '1,2;3' 2>&1", 2, "rows of different lengths" },
    { "steps --x 1,inf 2>&1", 2, "needs numbers" },
    { "steps --x '1;2;3' --w '1;2' 2>&1", 2, "--w has 2 rows, --x 3" },
    { "geometry --in 5 --kernel 3 2>&1 >/dev/full", 1, "could not be written" },
};

Test(tools, usage)
{
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        const struct usage *usage = &usages[i];
        cr_expect_eq(run(usage->arguments), usage->code, "%s: %s", usage->arguments, output);
        cr_expect_not_null(strstr(output, usage->says), "%s says: %s", usage->arguments, output);
        const char *end = strchr(output, '\n');
        cr_expect(usage->code == 0 || (end != NULL && end[1] == '\0'), "%s: a complaint is one line: %s", usage->arguments, output);
    }
}

/* ---- geometry ---- */

Test(tools, geometry_of_the_article)
{
    json_t *json = run_json("geometry --in 5 --kernel 3 --stride 2 --padding 1 --json"), *axis, *inputs;
    axis = json_array_get(json_object_get(json, "axes"), 0);
    inputs = json_object_get(axis, "inputs");
    cr_expect_eq(json_integer_value(json_object_get(axis, "y")), 3);
    cr_assert_eq(json_array_size(inputs), 2u);
    for (size_t i = 0; i < 2; i++) { /* 5 and 6 give 3 */
        cr_expect_eq(json_integer_value(json_object_get(json_array_get(inputs, i), "in")), (json_int_t)(5 + i));
        cr_expect_eq(json_integer_value(json_object_get(json_array_get(inputs, i), "output_padding")), (json_int_t)i);
    }
    EXPECT_NUMBERS(json_object_get(axis, "overlap"), 0, 1, 2, 1, 2, 1);
    cr_expect(json_is_true(json_object_get(axis, "checkerboard")));
    cr_expect(json_is_true(json_object_get(axis, "confirmed")));
    cr_expect(json_is_true(json_object_get(json, "direct_equals_transposed")));
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(json, "conv_transpose"), "pytorch")),
                     "torch.nn.functional.conv_transpose1d(y, w, stride=2, padding=1)");
    json_decref(json);

    cr_expect_eq(run("geometry --in 5 --kernel 3 --stride 2 --padding 1"), 0);
    cr_expect_not_null(strstr(output, "floor((5 + 2*1 - 3) / 2) + 1 = floor(4 / 2) + 1 = 3"));
    cr_expect_not_null(strstr(output, "Warning: checkerboard. kernel mod stride = 3 mod 2 = 1"));
    cr_expect_eq(run("geometry --in 8 --kernel 4 --stride 2 --padding 1"), 0);
    cr_expect_null(strstr(output, "checkerboard"));
}

/* Every geometry of a grid is confirmed by the library: listed inputs, no others, and the direct convolution's numbers. */
Test(tools, geometries_are_confirmed)
{
    char arguments[200];
    int tried = 0;
    for (int i = 1; i <= 7; i += 2)
        for (int k = 1; k <= 4; k++)
            for (int s = 1; s <= 4; s++)
                for (int p = 0; p <= 3; p++)
                    for (int d = 1; d <= 2; d++) {
                        if (i + 2 * p < d * (k - 1) + 1 || (i + k + s + p + d) % 8)
                            continue;
                        snprintf(arguments, sizeof arguments, "geometry --in %dx%d --kernel %d --stride %d --padding %d "
                                 "--dilation %d --groups 2 --channels 4 --json", i, i + s, k, s, p, d);
                        json_t *json = run_json(arguments), *axes = json_object_get(json, "axes");
                        for (size_t a = 0; a < 2; a++)
                            cr_expect(json_is_true(json_object_get(json_array_get(axes, a), "confirmed")), "%s", arguments);
                        cr_expect(json_is_true(json_object_get(json, "direct_equals_transposed")), "%s", arguments);
                        json_decref(json);
                        tried++;
                    }
    cr_expect_geq(tried, 30);
}

Test(tools, ignored_rows)
{
    /* stride 5 over 14 with a kernel of 2: windows at 0, 5, 10; read are 0 1, 5 6, 10 11 */
    json_t *json = run_json("geometry --in 14 --kernel 2 --stride 5 --json");
    json_t *axis = json_array_get(json_object_get(json, "axes"), 0);
    EXPECT_NUMBERS(json_object_get(axis, "overlap"), 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0);
    cr_expect_eq(json_integer_value(json_object_get(axis, "ignored")), 8);
    cr_expect_eq(json_integer_value(json_object_get(axis, "output_padding")), 2);
    json_decref(json);
}

/* ---- steps: the article's example ---- */

Test(tools, steps_of_the_article)
{
    json_t *json = run_json("steps --x '1,2,3;4,5,6' --w '1.1,2.2,3.3;1.1,2.2,3.3' --stride 2 --padding 1 --json");
    json_t *spread = json_object_get(json, "spread");
    cr_assert_eq(json_array_size(spread), 2u);
    EXPECT_NUMBERS(json_array_get(spread, 0), 0, 1, 0, 2, 0, 3);
    EXPECT_NUMBERS(json_array_get(spread, 1), 0, 4, 0, 5, 0, 6);
    EXPECT_NUMBERS(json_object_get(json, "slid"), 1e-13, 5.5, 11, 24.2, 15.4, 33, 19.8, 29.7);
    EXPECT_NUMBERS(json_object_get(json, "out"), 1e-13, 11, 24.2, 15.4, 33, 19.8);
    EXPECT_NUMBERS(json_object_get(json, "gather"), 1e-13, 11, 24.2, 15.4, 33, 19.8);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    json_decref(json);

    json = run_json("steps --x '1,2,3;4,5,6' --w 1.1,2.2,3.3 --json");
    EXPECT_NUMBERS(json_object_get(json, "out"), 1e-13, 5.5, 18.7, 41.8, 42.9, 29.7);
    json_decref(json);

    json = run_json("steps --x '1,2,3;4,5,6' --w 1.1,2.2,3.3 --stride 2 --json");
    EXPECT_NUMBERS(json_object_get(json, "out"), 1e-13, 5.5, 11, 24.2, 15.4, 33, 19.8, 29.7);
    json_decref(json);
}

Test(tools, steps_with_everything)
{
    /* x = 1 2, w = 1 10, stride 3, dilation 2: 1 0 10 2 0 20; padding 1 and output_padding 2: from the second on, two fewer cut */
    json_t *json = run_json("steps --x 1,2 --w 1,10 --stride 3 --dilation 2 --padding 1 --output-padding 2 --json");
    EXPECT_NUMBERS(json_object_get(json, "slid"), 0, 1, 0, 10, 2, 0, 20);
    EXPECT_NUMBERS(json_object_get(json, "out"), 0, 0, 10, 2, 0, 20, 0);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    json_decref(json);
}
