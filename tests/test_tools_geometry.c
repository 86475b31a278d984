/* `cotangent geometry` and `steps`: the article's numbers, and the library's for every geometry of a grid. */
#include <cotangent/cotangent.h>

#include "run_command.h"

Test(tools_geometry, geometry_of_the_article)
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
Test(tools_geometry, geometries_are_confirmed)
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
Test(tools_geometry, padding_of_one_end)
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
Test(tools_geometry, algorithm_of_a_geometry)
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
Test(tools_geometry, output_padding_of_the_way_back)
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

Test(tools_geometry, ignored_rows)
{
    /* stride 5 over 14 with a kernel of 2: windows at 0, 5, 10; read are 0 1, 5 6, 10 11 */
    json_t *json = run_json("geometry --in 14 --kernel 2 --stride 5 --json");
    json_t *axis = json_array_get(json_object_get(json, "axes"), 0);
    EXPECT_NUMBERS(json_object_get(axis, "overlap"), 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0);
    cr_expect_eq(json_integer_value(json_object_get(axis, "ignored")), 8);
    cr_expect_eq(json_integer_value(json_object_get(axis, "output_padding")), 2);
    json_decref(json);
}

/* ---- steps ---- */

Test(tools_geometry, steps_of_the_article)
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

Test(tools_geometry, steps_with_everything)
{
    /* x = 1 2, w = 1 10, stride 3, dilation 2: 1 0 10 2 0 20. Padding 1 cuts the first, output_padding 2 adds 2 − 1 at the end. */
    json_t *json = run_json("steps --x 1,2 --w 1,10 --stride 3 --dilation 2 --padding 1 --output-padding 2 --json");
    EXPECT_NUMBERS(json_object_get(json, "slid"), 0, 1, 0, 10, 2, 0, 20);
    EXPECT_NUMBERS(json_object_get(json, "out"), 0, 0, 10, 2, 0, 20, 0);
    cr_expect(json_is_true(json_object_get(json, "equal")));
    json_decref(json);
}

/* 1 10 102 20 203 30 300, of which padding 1:2 with an output_padding of 1 leaves all but the first and the last. */
Test(tools_geometry, steps_with_two_paddings)
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
