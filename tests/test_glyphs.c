/* Letters: drawn as they should be, from fonts made here, whose outlines are known. */
#include <math.h>

#include <cotangent/cotangent.h>

#include "polygon_fonts.h"

static ct_error error;

TestSuite(glyphs, .init = into_a_folder, .fini = remove_the_folder);

static const struct polygon box_h = { 'H', 4, { 0, 0, 600, 600 }, { 0, 1000, 1000, 0 } };
static const struct polygon box_b = { 'B', 4, { 100, 100, 500, 500 }, { -200, 800, 800, -200 } };
static const struct polygon bar_w = { 'W', 4, { 0, 0, 5000, 5000 }, { 0, 200, 200, 0 } };
static const struct polygon ell = { 'L', 6, { 0, 0, 200, 200, 600, 600 }, { 0, 1000, 1000, 200, 200, 0 } };

/* What a picture's light says of the letter in it: how much there is, where, how it is turned; y goes up. */
struct light {
    double area, x, y, angle; /* of the longer axis to the vertical, turned counter-clockwise */
    double right, above;      /* of the middle of the light's box: shares of the light */
    bool border;              /* whether the outermost pixels have any */
};

static struct light look_at(const float *pixel, int size)
{
    struct light light = { 0 };
    double xx = 0, xy = 0, yy = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < size * size; i++) {
            const double x = i % size + 0.5 - size / 2.0, y = size / 2.0 - i / size - 0.5, dx = x - light.x, dy = y - light.y, p = (pixel[i] + 1) / 2;
            if (pass == 0)
                light.area += p, xx += p * x, yy += p * y;
            else
                xx += p * dx * dx, xy += p * dx * dy, yy += p * dy * dy;
            light.border |= p > 0 && (i % size == 0 || i % size == size - 1 || i / size == 0 || i / size == size - 1);
            if (i == size * size - 1 && pass == 0)
                light.x = xx / light.area, light.y = yy / light.area, xx = yy = 0;
        }
    light.angle = -0.5 * atan2(2 * xy, yy - xx);
    return light;
}

struct range {
    double least, most;
};

static void widen(struct range *range, double value)
{
    range->least = fmin(range->least, value), range->most = fmax(range->most, value);
}

enum { SIZE = 64, MANY = 600 };

static const float *draw_many(const char *characters, ct_tensor **batch)
{
    ct_glyphs *glyphs = ct_glyphs_open(".", characters, &error);
    cr_assert_not_null(glyphs, "%s", error.message);
    *batch = ct_tensor_full(CT_F32, CT_SHAPE(MANY, 1, SIZE, SIZE), NAN);
    cr_assert_eq(ct_glyphs_draw(glyphs, *batch, 7, 3, &error), CT_OK, "%s", error.message);
    ct_glyphs_close(glyphs);
    return ct_tensor_data(*batch);
}

/* A box as high as a capital: light, place and turn are what the header says, and take all values that it says. */
Test(glyphs, a_box_is_where_it_should_be)
{
    write_font("a.ttf", FONT(0, &box_b, &box_h));
    ct_tensor *batch;
    const float *pixels = draw_many("B", &batch);
    struct range height = { 9, 0 }, x = { 9, -9 }, y = { 9, -9 }, angle = { 9, -9 };
    for (int i = 0; i < MANY; i++) {
        const struct light light = look_at(pixels + i * SIZE * SIZE, SIZE);
        widen(&height, sqrt(light.area / 0.4) / SIZE); /* 400 of 1,000 wide */
        widen(&x, light.x / SIZE), widen(&y, light.y / SIZE), widen(&angle, light.angle);
    }
    cr_expect(height.least > 0.63 && height.least < 0.634 && height.most > 0.724 && height.most < 0.73, "%g … %g", height.least, height.most);
    cr_expect(x.least > -0.0315 && x.least < -0.0308 && x.most < 0.0315 && x.most > 0.0308, "%g … %g", x.least, x.most);
    cr_expect(y.least > -0.0315 && y.least < -0.0308 && y.most < 0.0315 && y.most > 0.0308, "%g … %g", y.least, y.most);
    cr_expect(angle.least > -0.121 && angle.least < -0.118 && angle.most < 0.121 && angle.most > 0.118, "%g … %g", angle.least, angle.most);
    ct_tensor_release(batch);
}

/* The light of an L is left below the middle of its box: nothing is upside down or mirrored. */
Test(glyphs, letters_are_upright)
{
    write_font("a.ttf", FONT(400, &box_h, &ell));
    ct_tensor *batch;
    const float *pixels = draw_many("L", &batch);
    const double light = 280000, box = 1000; /* square units; the light's middle is at (186, 386) of a box with the middle (300, 500) */
    for (int i = 0; i < MANY; i++) {
        const struct light seen = look_at(pixels + i * SIZE * SIZE, SIZE);
        const double unit = sqrt(seen.area / light), slack = SIZE / 32.0 + 0.12 * box / 2 * unit;
        cr_expect(fabs(seen.x - (186 - 300) * unit) < slack && fabs(seen.y - (386 - 500) * unit) < slack, "%d: (%g, %g)", i, seen.x, seen.y);
        cr_expect(seen.x < 0 && seen.y < 0, "%d: (%g, %g)", i, seen.x, seen.y);
    }
    ct_tensor_release(batch);
}

Test(glyphs, wide_letters_fit)
{
    write_font("a.ttf", FONT(0, &box_h, &bar_w));
    ct_tensor *batch;
    const float *pixels = draw_many("W", &batch);
    for (int i = 0; i < MANY; i++) {
        const struct light light = look_at(pixels + i * SIZE * SIZE, SIZE);
        const double width = sqrt(light.area * 25) / SIZE; /* 5,000 by 200 */
        cr_expect(!light.border && fabs(width - 0.92 / 1.08) < 0.005, "%d: %g", i, width);
    }
    ct_tensor_release(batch);
}

/* Font and character are drawn evenly: three characters of two fonts, one of which is a bar in both. */
Test(glyphs, a_picture_depends_on_seed_step_and_place_alone)
{
    write_font("a.ttf", FONT(0, &box_b, &box_h, &bar_w));
    ct_glyphs *glyphs = ct_glyphs_open(".", "HHW", &error), *again = ct_glyphs_open(".", "HHW", &error);
    ct_tensor *many = ct_tensor_zeros(CT_F32, CT_SHAPE(300, 1, 16, 16)), *few = ct_tensor_full(CT_F32, CT_SHAPE(3, 1, 16, 16), 5);
    const float *a = ct_tensor_data(many), *b = ct_tensor_data(few);
    const size_t three = sizeof(float[3 * 16 * 16]);
    cr_assert_eq(ct_glyphs_draw(glyphs, many, 1ull << 40, 9, &error), CT_OK);
    cr_assert_eq(ct_glyphs_draw(again, few, 1ull << 40, 9, &error), CT_OK);
    cr_expect_arr_eq(a, b, three);
    cr_assert_eq(ct_glyphs_draw(glyphs, few, 1ull << 40, 10, &error), CT_OK);
    cr_expect_arr_neq(a, b, three);
    cr_assert_eq(ct_glyphs_draw(glyphs, few, 1, 9, &error), CT_OK);
    cr_expect_arr_neq(a, b, three);
    int bars = 0;
    for (int i = 0; i < 300; i++)
        bars += look_at(a + i * 256, 16).area < 0.1 * 256;
    cr_expect(bars > 70 && bars < 130, "%d of 300 are W, a third expected", bars); /* 3.7 standard deviations */
    ct_tensor_release(many), ct_tensor_release(few);
    ct_glyphs_close(glyphs), ct_glyphs_close(again);
}

Test(glyphs, batches_are_refused)
{
    write_font("a.ttf", FONT(0, &box_h));
    ct_glyphs *glyphs = ct_glyphs_open(".", "H", &error);
    static const ct_shape wrong[] = { { 3, { 1, 16, 16 } }, { 4, { 1, 3, 16, 16 } }, { 4, { 1, 1, 16, 8 } }, { 4, { 1, 1, 0, 0 } }, { 4, { 0, 1, 4097, 4097 } } };
    for (int i = 0; i < 6; i++) {
        ct_tensor *batch = i < 5 ? ct_tensor_zeros(CT_F32, wrong[i]) : ct_tensor_zeros(CT_F64, CT_SHAPE(1, 1, 16, 16));
        cr_assert_not_null(batch);
        cr_expect_eq(ct_glyphs_draw(glyphs, batch, 1, 1, &error), CT_BAD_SHAPE);
        cr_expect_not_null(strstr(error.message, "needs float32 (n, 1, size, size), size 1 … 4096"), "%s", error.message);
        ct_tensor_release(batch);
    }
    cr_expect_eq(ct_glyphs_draw(glyphs, NULL, 1, 1, &error), CT_BAD_ARGUMENT);
    ct_tensor *batch = ct_tensor_zeros(CT_F32, CT_SHAPE(1, 1, 16, 16));
    cr_expect_eq(ct_glyphs_draw(NULL, batch, 1, 1, NULL), CT_BAD_ARGUMENT);
    ct_tensor_release(batch), ct_glyphs_close(glyphs), ct_glyphs_close(NULL);
}
