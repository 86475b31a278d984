/* Resampling: the filters are their definitions. */
#include <math.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

static double sinc(double x) { return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x); }

/* By the definition, in two dimensions at once. */
static double lanczos_at(const float *image, int h, int w, int to_h, int to_w, int row, int column)
{
    double down = (double)h / to_h, across = (double)w / to_w, fy = fmax(1, down), fx = fmax(1, across), sum = 0, total = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double dy = (y + 0.5 - (row + 0.5) * down) / fy, dx = (x + 0.5 - (column + 0.5) * across) / fx;
            if (fabs(dy) >= 3 || fabs(dx) >= 3)
                continue;
            double weight = sinc(dy) * sinc(dy / 3) * sinc(dx) * sinc(dx / 3);
            sum += weight * (double)image[y * w + x], total += weight;
        }
    return fmax(-1, fmin(1, sum / total));
}

Test(resize, lanczos_is_its_definition)
{
    static const int sizes[][4] = { { 9, 13, 4, 5 }, { 5, 4, 11, 9 }, { 16, 3, 4, 8 }, { 1, 1, 3, 2 }, { 7, 7, 7, 7 }, { 20, 20, 1, 1 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int h = sizes[i][0], w = sizes[i][1], to_h = sizes[i][2], to_w = sizes[i][3];
        ct_random random = { .seed = i };
        ct_tensor *image = ct_tensor_empty(CT_F32, CT_SHAPE(1, h, w));
        ct_uniform(image, -1, 1, &random);
        ct_tensor *small = ct_image_resize(image, to_h, to_w, CT_LANCZOS, NULL);
        for (int at = 0; at < to_h * to_w; at++)
            cr_expect_float_eq(ct_tensor_at(small, at), lanczos_at(ct_tensor_data(image), h, w, to_h, to_w, at / to_w, at % to_w), 2e-6);
        ct_tensor_release(image), ct_tensor_release(small);
    }
}

Test(resize, area_keeps_the_mean)
{
    ct_random random = { .seed = 1 };
    ct_tensor *image = ct_tensor_empty(CT_F32, CT_SHAPE(3, 7, 11));
    ct_uniform(image, -1, 1, &random);
    ct_tensor *sized = ct_image_resize(image, 5, 4, CT_AREA, NULL);
    for (int c = 0; c < 3; c++) {
        double mean = 0, other = 0;
        for (int i = 0; i < 77; i++)
            mean += ct_tensor_at(image, 77 * c + i) / 77;
        for (int i = 0; i < 20; i++)
            other += ct_tensor_at(sized, 20 * c + i) / 20;
        cr_expect_float_eq(mean, other, 1e-6);
    }
    cr_expect_null(ct_image_resize(image, 0, 4, CT_AREA, NULL));
    cr_expect_null(ct_image_resize(image, 4, 5000, CT_AREA, NULL));
    cr_expect_null(ct_image_resize(NULL, 4, 4, CT_AREA, NULL));
    ct_tensor_release(image), ct_tensor_release(sized);
}
