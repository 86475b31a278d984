/* `cotangent matrix`: entries by the definition, transposes, files, and the pictures in docs/. */
#include <cotangent/cotangent.h>

#include "run_command.h"

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
Test(tools_matrix, matrix_of_the_definition)
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
Test(tools_matrix, matrix_of_reflection)
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

Test(tools_matrix, matrices_are_transposes)
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

Test(tools_matrix, matrix_as_files)
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

Test(tools_matrix, pictures_of_the_chapter)
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
