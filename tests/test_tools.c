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

/* Runs a command that was built next to this program, by the environment's EMULATOR if it has one. `arguments` goes through the shell,
 * which may redirect; what comes is in output. */
static int run_program(const char *name, const char *arguments)
{
    char program[PATH_MAX], command[PATH_MAX + 1000];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    cr_assert(length > 0);
    program[length] = '\0';
    const char *emulator = getenv("EMULATOR");
    snprintf(command, sizeof command, "%s '%.*s/%s' %s", emulator ? emulator : "", (int)(strrchr(program, '/') - program), program, name,
             arguments);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    cr_assert(WIFEXITED(status), "%s was killed", arguments);
    return WEXITSTATUS(status);
}

static int run(const char *arguments) { return run_program("cotangent", arguments); }

static json_t *parsed_output(const char *arguments)
{
    json_error_t error;
    json_t *json = json_loads(output, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "%s: line %d: %s", arguments, error.line, error.text);
    return json;
}

static json_t *run_json(const char *arguments)
{
    cr_assert_eq(run(arguments), 0, "%s", arguments);
    return parsed_output(arguments);
}

static void expect_numbers(const json_t *array, int count, const double wanted[], double tolerance)
{
    cr_assert_eq(json_array_size(array), (size_t)count);
    for (int i = 0; i < count; i++) {
        double got = json_number_value(json_array_get(array, (size_t)i));
        cr_expect(fabs(got - wanted[i]) <= tolerance, "[%d] is %.17g, not %g", i, got, wanted[i]);
    }
}

#define EXPECT_NUMBERS(array, tolerance, ...) \
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
    { "help steps", 0, "Spread" },
    { "help stops 2>&1", 2, "the nearest is steps" },
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
    { "geometry --in 5 --kernel 3x3 2>&1", 2, "--kernel has 2 axes, the input has 1" },
    { "geometry --in 0 --kernel 3 2>&1", 2, "--in 0: needs whole numbers from 1" },
    { "geometry --in 5x5x5x5 --kernel 3 2>&1", 2, "up to 3" },
    { "geometry --in 99999999999999999999 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in -5 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in '' --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in 5x --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in 5:6 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in 5 --in 6 --kernel 3 2>&1", 2, "--in is given twice" },
    { "geometry --in 5 --kernel 3 --json --json 2>&1", 2, "--json is given twice" },
    { "geometry --in 5 --kernel 3 --padding 1: 2>&1", 2, "up to 3 as in 1:2x0" },
    { "geometry --in 5 --kernel 3 --padding 1:2:3 2>&1", 2, "up to 3 as in 1:2x0" },
    { "geometry --in 5 --kernel 3 --padding 1:-2 2>&1", 2, "needs whole numbers from 0" },
    { "geometry --in 5 --kernel 3 --padding 1:2x0 2>&1", 2, "--padding has 2 axes, the input has 1" },
    { "geometry --in 5 --kernel 8 --padding 1:1 2>&1", 1, "exceeds the padded input" },
    { "geometry --in 1048576x1048576x1048576 --kernel 1 2>&1", 1, "more elements than can be counted" },
    { "geometry --in 1048576 --kernel 1048576 --dilation 1048576 2>&1", 1, "exceeds the padded input" },
    { "geometry --transposed --in 1048576 --kernel 3 --stride 1048576 2>&1", 1, "must be from 1 to 2^31 - 1" },
    { "geometry --in 5 --kernel 3 --channels 1048576 --out-channels 1048576 2>&1", 1, "too large" },
    { "geometry -- --in 5 2>&1", 2, "what is \"--in\"?" },
    { "geometry -x 2>&1", 2, "no option -x" },
    { "'' 2>&1", 2, "no verb \"\"" },
    { "geometry --kernel 3 2>&1", 2, "needs --in and --kernel" },
    { "geometry --in 5 --kernel 3 --groups 2 --channels 3 2>&1", 2, "--groups 2 must divide" },
    { "geometry --in 5 --kernel 9 2>&1", 1, "exceeds the padded input" },
    { "geometry --in 5 --kernel 3 --output-padding 1 2>&1", 1, "output_padding" },
    { "steps --x 1,2,a 2>&1", 2, "needs numbers" },
    { "steps --x '1,2;3' 2>&1", 2, "rows of different lengths" },
    { "steps --x 1,inf 2>&1", 2, "needs numbers" },
    { "steps --x 1,,2 2>&1", 2, "needs numbers" },
    { "steps --x '' 2>&1", 2, "needs numbers" },
    { "steps --x 1e999 2>&1", 2, "needs numbers" },
    { "steps --x \"$(seq -s, 65)\" 2>&1", 2, "up to 16 rows of 64 numbers" },
    { "steps --x \"$(seq -s';' 17)\" 2>&1", 2, "up to 16 rows of 64 numbers" },
    { "steps --stride 0 2>&1", 2, "needs whole numbers from 1 to 64" },
    { "steps --stride 1x2 2>&1", 2, "--stride has 2 axes, the input has 1" },
    { "steps --x 1 --padding 2 2>&1", 1, "must be from 1 to 2^31 - 1" },
    { "steps --x 1e308,1e308 --w 10 2>&1", 1, "overflow float64" },
    { "steps 3 2>&1", 2, "what is \"3\"?" },
    { "steps --x '1;2;3' --w '1;2' 2>&1", 2, "--w has 2 rows, --x 3" },
    { "geometry --in 5 --kernel 3 --algorithm --dtype float16 2>&1", 2, "neither float32 nor float64" },
    { "matrix --help", 0, "basis vector" },
    { "matrix --in 4 --kernel 3 2>&1", 2, "needs an op" },
    { "matrix conv --in 4 --kernel 3 2>&1", 2, "no op \"conv\"; the nearest is conv1d" },
    { "matrix conv2d --in 4 --kernel 3 2>&1", 2, "conv2d has 2 axes, --in has 1" },
    { "matrix conv1d --in 4 --kernel 3 --output-padding 1 2>&1", 2, "only conv_transpose" },
    { "matrix conv1d --in 4 --kernel 3 --padding-mode reflex 2>&1", 2, "the nearest is reflect" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,2 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,2,3,4 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,2, 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight '' 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,nan,3 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --padding 1 --padding-mode reflect --weight 1e308,1,1e308 2>&1", 1, "overflow float64" },
    { "matrix conv1d conv2d --in 4 --kernel 3 2>&1", 2, "what is \"conv2d\"?" },
    { "matrix conv3d --in 4096x4096x4096 --kernel 1 2>&1", 1, "too many" },
    { "matrix conv1d --in 4 --kernel 3 --padding 9 --padding-mode reflect 2>&1", 1, "reflect" },
    { "matrix conv_transpose1d --in 4 --kernel 3 --dilation 2 --output-padding 1 2>&1", 1, "no convolution of 9 gives 4" },
    { "matrix conv2d --in 512x512 --kernel 3 2>&1", 1, "too many" },
    { "check --help", 0, "no tolerance" },
    { "check --op conv1 2>&1", 2, "no op \"conv1\"; the nearest is conv1d" },
    { "check --order 0 2>&1", 2, "--order 0: needs a whole number from 1" },
    { "check --order 7 2>&1", 2, "--order 7: needs a whole number from 1 to 6" },
    { "check --order 99999999999999999999 2>&1", 2, "needs a whole number" },
    { "check --order 1.5 2>&1", 2, "needs a whole number" },
    { "check --seed -1 2>&1", 2, "--seed -1: needs a whole number from 0" },
    { "check --op '' 2>&1", 2, "no op \"\"" },
    { "check --op 2>&1", 2, "--op needs a value" },
    { "check tanh 2>&1", 2, "what is \"tanh\"?" },
    { "geometry --in 5 --kernel 3 2>&1 >/dev/full", 1, "could not be written" },
    { "--version 2>&1 >/dev/full", 1, "could not be written" },
    { "--help 2>&1 >&-", 1, "could not be written" },
    { "\"$(printf 'mat\\nrix')\" 2>&1", 2, "no verb \"mat?rix\"; the nearest is matrix" },
    { "check --op \"$(printf 'a\\033b')\" 2>&1", 2, "no op \"a?b\"" },
    { "geometry --in 1048576 --kernel 1048576 --padding 1048576 2>&1", 1, "too many to count" },
    { "matrix conv1d --in 2048 --kernel 2048 --padding 1023 2>&1", 1, "too many to push" },
    { "matrix conv1d --in 5 --kernel 3 --npy /tmp/a --png /tmp/a 2>&1", 2, "the same file" },
};

Test(tools, usage)
{
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        const struct usage *usage = &usages[i];
        cr_expect_eq(run(usage->arguments), usage->code, "%s: %s", usage->arguments, output);
        cr_expect_not_null(strstr(output, usage->says), "%s says: %s", usage->arguments, output);
        const char *end = strchr(output, '\n');
        cr_expect(usage->code == 0 || (end != NULL && end[1] == '\0'), "%s: a complaint is one line: %s", usage->arguments,
                  output);
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
                        int end = (p + i) % 4;
                        if (i + 2 * p < d * (k - 1) + 1 || i + s + p + end < d * (k - 1) + 1 || (i + k + s + p + d) % 8)
                            continue;
                        snprintf(arguments, sizeof arguments,
                                 "geometry --in %dx%d --kernel %d --stride %d --padding %dx%d:%d "
                                 "--dilation %d --groups 2 --channels 4 --json",
                                 i, i + s, k, s, p, p, end, d);
                        json_t *json = run_json(arguments), *axes = json_object_get(json, "axes");
                        for (size_t a = 0; a < 2; a++)
                            cr_expect(json_is_true(json_object_get(json_array_get(axes, a), "confirmed")), "%s", arguments);
                        cr_expect(json_is_true(json_object_get(json, "direct_equals_transposed")), "%s", arguments);
                        json_decref(json);
                        tried++;
                    }
    cr_expect_geq(tried, 30);
}

/* 4 is 4 again with two zeros before, as in a causal convolution; where a window of 3 begins at −2, position 0 is read thrice. */
Test(tools, padding_of_one_end)
{
    json_t *json = run_json("geometry --in 4 --kernel 3 --padding 2:0 --json"), *axis, *back;
    axis = json_array_get(json_object_get(json, "axes"), 0);
    back = json_object_get(json, "conv_transpose");
    cr_expect_eq(json_integer_value(json_object_get(axis, "y")), 4);
    cr_expect_eq(json_integer_value(json_object_get(axis, "padding_begin")), 2);
    cr_expect_eq(json_integer_value(json_object_get(axis, "padding_end")), 0);
    EXPECT_NUMBERS(json_object_get(axis, "overlap"), 0, 3, 3, 2, 1);
    cr_expect(json_is_true(json_object_get(axis, "confirmed")));
    cr_expect(json_is_true(json_object_get(json, "direct_equals_transposed")));
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(json, "conv"), "pytorch")),
                     "torch.nn.functional.conv1d(torch.nn.functional.pad(x, (2, 0)), w)");
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(json, "conv"), "cotangent")),
                     "ct_conv1d(tape, x, w, NULL, &(ct_conv_options){ .padding_begin = { 2 } })");
    cr_expect_str_eq(json_string_value(json_object_get(back, "pytorch")),
                     "torch.nn.functional.pad(torch.nn.functional.conv_transpose1d(y, w), (-2, 0))");
    cr_expect_str_eq(json_string_value(json_object_get(back, "jax")),
                     "jax.lax.conv_general_dilated(y, jnp.flip(w.swapaxes(0, 1), (2,)), window_strides=(1,), padding=[(0, 2)])");
    json_decref(json);

    /* A last axis comes first in PyTorch's pad; ends that agree are one number. */
    json = run_json("geometry --in 5x6 --kernel 3 --stride 2x1 --padding 0:1x1 --json");
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(json, "conv"), "pytorch")),
                     "torch.nn.functional.conv2d(torch.nn.functional.pad(x, (1, 1, 0, 1)), w, stride=(2, 1))");
    json_decref(json);
    json = run_json("geometry --in 5 --kernel 3 --padding 1:1 --json");
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(json, "conv"), "pytorch")),
                     "torch.nn.functional.conv1d(x, w, padding=1)");
    json_decref(json);

    cr_expect_eq(run("geometry --in 5 --kernel 4 --stride 2 --padding 1:2"), 0);
    cr_expect_not_null(strstr(output, "o = floor((i + begin + end - e) / stride) + 1 = floor((5 + 1 + 2 - 4) / 2) + 1 = floor(4 / 2)"));
    cr_expect_not_null(strstr(output, "\n      0   o # # # . .\n      1     . # # # #\n      2     . . . # # o o\n"));
    cr_expect_eq(run("geometry --transposed --in 3 --kernel 4 --stride 2 --padding 1:2"), 0);
    cr_expect_not_null(strstr(output, "i = (o - 1) stride - begin - end + e + output_padding = (3 - 1) 2 - 1 - 2 + 4 + 0 = 5"));
    cr_expect_eq(run("geometry --in 6 --kernel 4 --padding 1:2"), 0);
    cr_expect_not_null(strstr(output, "half padding (\"same\"): o = i"));
}

/* What the library itself says of the same form, and what the environment asks for. */
Test(tools, algorithm_of_a_geometry)
{
    static const char arguments[] =
        "geometry --in 16x16 --kernel 4 --stride 2 --padding 1 --channels 64 --out-channels 32 --batch 8 "
        "--dtype float64 --algorithm --json";
    static const char *const names[] = { "auto", "reference", "columns", "direct", "bilinear" };
    ct_conv_form form = { .batch = 8,
                          .groups = 1,
                          .x_channels = 64,
                          .y_channels = 32,
                          .rank = 2,
                          .x = { 1, 16, 16 },
                          .k = { 1, 4, 4 },
                          .y = { 1, 8, 8 },
                          .stride = { 1, 2, 2 },
                          .padding = { 0, 1, 1 },
                          .dilation = { 1, 1, 1 } };
    unsetenv("CT_ALGORITHM");
    ct_conv_choice choice = ct_conv_choose(&form, CT_MAP_CONV, CT_F64);
    json_t *json = run_json(arguments), *conv = json_object_get(json_object_get(json, "algorithms"), "conv");
    cr_expect_str_eq(json_string_value(json_object_get(conv, "algorithm")), names[choice.algorithm]);
    double columns = json_number_value(json_object_get(json_object_get(conv, "microseconds"), "columns"));
    cr_expect(fabs(columns * 1000 - choice.nanoseconds[CT_ALGORITHM_COLUMNS]) <= 1e-9 * choice.nanoseconds[CT_ALGORITHM_COLUMNS]);
    json_decref(json);

    setenv("CT_ALGORITHM", "reference", 1);
    json = run_json(arguments);
    conv = json_object_get(json_object_get(json, "algorithms"), "conv_weight");
    cr_expect_str_eq(json_string_value(json_object_get(conv, "algorithm")), "reference");
    cr_expect_str_eq(json_string_value(json_object_get(conv, "reason")), "CT_ALGORITHM asks for it");
    json_decref(json);
    cr_expect_eq(run("geometry --in 5 --kernel 3 --algorithm"), 0);
    cr_expect_not_null(strstr(output, "* conv by reference: CT_ALGORITHM asks for it"));
}

/* 5 gives 3, and so does 6: the output_padding chooses where the way back ends. */
Test(tools, output_padding_of_the_way_back)
{
    json_t *json = run_json("geometry --in 5 --kernel 3 --stride 2 --padding 1 --output-padding 1 --json");
    json_t *axis = json_array_get(json_object_get(json, "axes"), 0);
    cr_expect_eq(json_integer_value(json_object_get(axis, "y")), 3);
    cr_expect_eq(json_integer_value(json_object_get(axis, "x")), 6);
    json_decref(json);
    json = run_json("geometry --transposed --in 3 --kernel 3 --stride 2 --padding 1 --output-padding 1 --json");
    cr_expect_eq(json_integer_value(json_object_get(json_array_get(json_object_get(json, "axes"), 0), "x")), 6);
    json_decref(json);
    cr_expect_eq(run("geometry --in 5 --kernel 3 --stride 2 --padding 1 --output-padding 1"), 0);
    cr_expect_not_null(strstr(output, "conv1d: 5 -> 3. The way back with this output_padding:\nconv_transpose1d: 3 -> 6;"));
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
    /* x = 1 2, w = 1 10, stride 3, dilation 2: 1 0 10 2 0 20. Padding 1 cuts the first, output_padding 2 adds 2 − 1 at the end. */
    json_t *json = run_json("steps --x 1,2 --w 1,10 --stride 3 --dilation 2 --padding 1 --output-padding 2 --json");
    EXPECT_NUMBERS(json_object_get(json, "slid"), 0, 1, 0, 10, 2, 0, 20);
    EXPECT_NUMBERS(json_object_get(json, "out"), 0, 0, 10, 2, 0, 20, 0);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    json_decref(json);
}

/* 1 10 102 20 203 30 300, of which padding 1:2 with an output_padding of 1 leaves all but the first and the last. */
Test(tools, steps_with_two_paddings)
{
    json_t *json = run_json("steps --x 1,2,3 --w 1,10,100 --stride 2 --padding 1:2 --output-padding 1 --json");
    EXPECT_NUMBERS(json_object_get(json, "slid"), 0, 1, 10, 102, 20, 203, 30, 300);
    EXPECT_NUMBERS(json_object_get(json, "out"), 0, 10, 102, 20, 203, 30);
    EXPECT_NUMBERS(json_object_get(json, "gather"), 0, 10, 102, 20, 203, 30);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    json_decref(json);
    cr_expect_eq(run("steps --x 1,2,3 --w 1,10,100 --stride 2 --padding 1:2"), 0);
    cr_expect_not_null(strstr(output, "padding 1:2, output_padding 0, dilation 1 -> (3 - 1) 2 - 1 - 2 + 3 + 0 = 4 numbers"));
    cr_expect_not_null(strstr(output, "3. Cut: padding = 1 from the beginning, 2 from the end\n"));
    cr_expect_not_null(strstr(output, "with padding e - 1 - padding = 1 before and 0 after"));
}

/* ---- matrix ---- */

static double entry(const json_t *matrix, const char *what, int64_t row, int64_t column)
{
    return json_number_value(json_array_get(json_array_get(json_object_get(matrix, what), (size_t)row), (size_t)column));
}

static const char *symbol(const json_t *matrix, int64_t row, int64_t column)
{
    return json_string_value(json_array_get(json_array_get(json_object_get(matrix, "symbols"), (size_t)row), (size_t)column));
}

/* Entry ((o, q), (c, p)) of a 2-D convolution's matrix is w[o, c, k] where p = q·stride − padding + k·dilation in both axes. Here
 * 4 channels in 2 groups to 2, 5 × 6 by 2 × 3, stride (2, 1), padding (1, 0 and 1 at the end), dilation (1, 2): y is 3 × 3. */
Test(tools, matrix_of_the_definition)
{
    json_t *json =
               run_json("matrix conv2d --in 5x6 --kernel 2x3 --stride 2x1 --padding 1x0:1 --dilation 1x2 --groups 2 --channels 4 "
                        "--out-channels 2 --json"),
           *there = json_object_get(json, "matrix"), *back = json_object_get(json, "back");
    cr_assert_eq(json_integer_value(json_object_get(there, "rows")), 2 * 3 * 3);
    cr_assert_eq(json_integer_value(json_object_get(there, "columns")), 4 * 5 * 6);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    for (int row = 0; row < 18; row++)
        for (int column = 0; column < 120; column++) {
            int o = row / 9, q0 = row / 3 % 3, q1 = row % 3, c = column / 30, p0 = column / 6 % 5, p1 = column % 6;
            int k0 = p0 - 2 * q0 + 1, k1 = (p1 - q1) / 2;
            bool there_is = c / 2 == o && k0 >= 0 && k0 < 2 && p1 >= q1 && (p1 - q1) % 2 == 0 && k1 < 3;
            char name[64] = "0";
            if (there_is)
                snprintf(name, sizeof name, "w%d%d.%d%d", o, c % 2, k0, k1);
            double wanted = there_is ? 1 + ((o * 2 + c % 2) * 2 + k0) * 3 + k1 : 0;
            cr_expect_eq(entry(there, "values", row, column), wanted);
            cr_expect_eq(entry(back, "values", column, row), wanted);
            cr_expect_str_eq(symbol(there, row, column), name);
            cr_expect_str_eq(symbol(back, column, row), name);
        }
    json_decref(json);
}

/* Reflection reads the second element in place of the padding: the matrix collects two weights there. */
Test(tools, matrix_of_reflection)
{
    static const char *const wanted[4][4] = {
        { "w1", "w0+w2", "0", "0" }, { "w0", "w1", "w2", "0" }, { "0", "w0", "w1", "w2" }, { "0", "0", "w0+w2", "w1" }
    };
    json_t *json = run_json("matrix conv1d --in 4 --kernel 3 --padding 1 --padding-mode reflect --weight 5,7,9 --json");
    json_t *there = json_object_get(json, "matrix"), *back = json_object_get(json, "back");
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            cr_expect_str_eq(symbol(there, i, j), wanted[i][j]);
            cr_expect_str_eq(symbol(back, j, i), wanted[i][j]);
        }
    cr_expect_eq(entry(there, "values", 0, 1), 14);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    json_decref(json);
}

Test(tools, matrices_are_transposes)
{
    static const char *const geometry[] = {
        "conv1d --in 7 --kernel 3 --stride 2 --padding 1",
        "conv1d --in 5 --kernel 2 --stride 4 --channels 2 --out-channels 3",
        "conv3d --in 3x2x4 --kernel 2 --padding 1 --stride 1x2x3",
        "conv2d --in 4x5 --kernel 3 --padding 2 --padding-mode replicate --stride 2",
        "conv2d --in 4x3 --kernel 3x2 --padding 1 --padding-mode circular --dilation 1x2",
        "conv_transpose1d --in 3 --kernel 3 --stride 2 --padding 1 --output-padding 1",
        "conv_transpose2d --in 3x2 --kernel 2 --stride 3 --output-padding 2x1 --groups 2 --channels 4 --out-channels 2",
        "conv_transpose3d --in 2x1x2 --kernel 2x3x1 --padding 0x1x0",
        "conv2d --in 4x5 --kernel 3x2 --stride 2 --padding 0:2x1:0 --padding-mode reflect",
        "conv_transpose2d --in 3x3 --kernel 3 --stride 2 --padding 2:0x0:1 --output-padding 1x0",
    };
    for (size_t i = 0; i < sizeof geometry / sizeof geometry[0]; i++) {
        char arguments[300];
        snprintf(arguments, sizeof arguments, "matrix %s", geometry[i]);
        cr_expect_eq(run(arguments), 0, "%s", arguments);
        cr_expect_not_null(strstr(output, ": equal\n"), "%s: %s", arguments, output);
    }
}

Test(tools, matrix_as_files)
{
    char folder[] = "/tmp/cotangent-tools-XXXXXX", arguments[300], png[64], npy[64];
    ct_error error;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(png, sizeof png, "%s/m.png", folder);
    snprintf(npy, sizeof npy, "%s/m.npy", folder);
    snprintf(arguments, sizeof arguments, "matrix conv1d --in 3 --kernel 2 --weight=-1,2 --png %s --npy %s", png, npy);
    cr_expect_eq(run(arguments), 0, "%s", output);

    ct_tensor *matrix = ct_npy_read(npy, &error);
    cr_assert_not_null(matrix, "%s", error.message);
    cr_expect(ct_shape_equal(ct_tensor_shape(matrix), CT_SHAPE(2, 3)));
    static const double wanted[] = { -1, 2, 0, 0, -1, 2 };
    for (int i = 0; i < 6; i++)
        cr_expect_eq(ct_tensor_at(matrix, i), wanted[i]);
    ct_tensor_release(matrix);

    /* The first row's cells: a light blue at −1, the scale's dark red at 2, the grey of zero. */
    ct_tensor *image = ct_image_read(png, 3, &error);
    cr_assert_not_null(image, "%s", error.message);
    int64_t width = ct_tensor_size(image, 2), plane = width * ct_tensor_size(image, 1);
    for (int cell = 0; cell < 3; cell++) {
        double colour[3];
        for (int c = 0; c < 3; c++)
            colour[c] = ct_tensor_at(image, c * plane + 46 * width + 20 + 56 * cell);
        cr_expect(cell == 0   ? colour[2] > colour[0] + 0.3
                  : cell == 1 ? colour[0] > colour[2] + 0.3
                              : fabs(colour[0] - colour[2]) < 0.05,
                  "cell %d is %g %g %g", cell, colour[0], colour[1], colour[2]);
    }
    ct_tensor_release(image);
    remove(png);
    remove(npy);
    rmdir(folder);

    cr_expect_eq(run("matrix conv2d --in 32x32 --kernel 3 --padding 1"), 0);
    cr_expect_not_null(strstr(output, "too large to be read"));
    cr_expect_eq(run("matrix conv1d --in 3 --kernel 2 --png /nowhere/m.png 2>&1"), 1);
}

/* ---- check ---- */

Test(tools, check_of_one_op)
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
Test(tools, check_of_broken_ops)
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
Test(tools, check_of_broken_ops_as_json)
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

/* ---- the pictures in docs/ ---- */

Test(tools, pictures_of_the_chapter)
{
    static const struct {
        const char *arguments, *file;
    } picture[] = {
        /* as docs/trilinear.md says */
        { "matrix conv2d --in 4x4 --kernel 3", "docs/matrix-conv2d.png" },
        { "matrix conv1d --in 6 --kernel 3 --padding 1 --padding-mode reflect", "docs/matrix-reflect.png" },
    };
    char drawn[] = "/tmp/cotangent-picture-XXXXXX", arguments[300];
    ct_error error;
    int file = mkstemp(drawn);
    cr_assert_geq(file, 0);
    close(file);
    for (size_t i = 0; i < sizeof picture / sizeof picture[0]; i++) {
        snprintf(arguments, sizeof arguments, "%s --png %s", picture[i].arguments, drawn);
        cr_expect_eq(run(arguments), 0, "%s", output);
        ct_tensor *a = ct_image_read(drawn, 3, &error), *b = ct_image_read(picture[i].file, 3, &error);
        cr_assert(a != NULL && b != NULL, "%s", error.message);
        cr_assert(ct_shape_equal(ct_tensor_shape(a), ct_tensor_shape(b)), "%s", picture[i].file);
        cr_expect_eq(memcmp(ct_tensor_data(a), ct_tensor_data(b), (size_t)ct_tensor_count(a) * sizeof(float)), 0, "%s",
                     picture[i].file);
        ct_tensor_release(a);
        ct_tensor_release(b);
    }
    remove(drawn);
}
