/* The Fréchet distance and the mean distance against formulas. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../examples/dcgan/evaluate.h"

enum { D = 5, COUNT = 400 };

static double points[COUNT * D], other[COUNT * D];

static void draw(void)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F64, CT_SHAPE(COUNT, D));
    ct_normal(tensor, 0, 1, &(ct_random){ .seed = 4 });
    ct_tensor_copy_out(tensor, CT_F64, points, COUNT * D);
    ct_tensor_release(tensor);
    for (int i = 0; i < COUNT; i++) /* correlated and unequal */
        for (int j = 1; j < D; j++)
            points[i * D + j] = (j + 1) * points[i * D + j] + 0.7 * points[i * D + j - 1];
}

TestSuite(evaluate, .init = draw);

static double trace_of_covariance(void)
{
    double trace = 0;
    for (int j = 0; j < D; j++) {
        double mean = 0, square = 0;
        for (int i = 0; i < COUNT; i++)
            mean += points[i * D + j] / COUNT;
        for (int i = 0; i < COUNT; i++)
            square += (points[i * D + j] - mean) * (points[i * D + j] - mean);
        trace += square / (COUNT - 1);
    }
    return trace;
}

Test(evaluate, equal_sets_are_at_distance_zero)
{
    cr_expect_float_eq(frechet_distance(D, COUNT, points, COUNT, points), 0, 1e-9);
}

/* fmax(NaN, 0) is 0, the best there is. */
Test(evaluate, what_is_no_number_has_no_distance)
{
    memcpy(other, points, sizeof other);
    other[17] = NAN;
    cr_expect(isnan(frechet_distance(D, COUNT, points, COUNT, other)));
    cr_expect(isnan(frechet_distance(D, COUNT, other, COUNT, points)));
}

Test(evaluate, a_shift_adds_its_square)
{
    for (int i = 0; i < COUNT * D; i++)
        other[i] = points[i] + (i % D == 0 ? 3 : i % D == 2 ? -4 : 0);
    cr_expect_float_eq(frechet_distance(D, COUNT, points, COUNT, other), 25, 1e-9);
}

/* Σ₂ = c² Σ₁ about zero means: (1 − c)² tr Σ₁ + (1 − c)² ‖μ‖². */
Test(evaluate, a_scaled_set)
{
    double mean_square = 0;
    for (int j = 0; j < D; j++) {
        double mean = 0;
        for (int i = 0; i < COUNT; i++)
            mean += points[i * D + j] / COUNT;
        mean_square += mean * mean;
    }
    for (int i = 0; i < COUNT * D; i++)
        other[i] = 3 * points[i];
    cr_expect_float_eq(frechet_distance(D, COUNT, points, COUNT, other), 4 * (trace_of_covariance() + mean_square), 1e-8);
}

/* In two dimensions tr √M = √(tr M + 2 √det M), also where the covariances do not commute. */
Test(evaluate, covariances_that_do_not_commute)
{
    const double first[] = { 1, 1, -1, -1, 2, -2, -2, 2 }, second[] = { 3, 0, -3, 0, 1, 2, -1, -2 }; /* means 0 */
    double a[4] = { 0 }, b[4] = { 0 };
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            a[j] += first[2 * i + j / 2] * first[2 * i + j % 2] / 3;
            b[j] += second[2 * i + j / 2] * second[2 * i + j % 2] / 3;
        }
    double trace = a[0] * b[0] + a[1] * b[2] + a[2] * b[1] + a[3] * b[3], det = (a[0] * a[3] - a[1] * a[2]) * (b[0] * b[3] - b[1] * b[2]);
    cr_assert(fabs(a[1] * b[3] + a[0] * b[1] - b[0] * a[1] - b[1] * a[3]) > 0.1, "they commute");
    cr_expect_float_eq(frechet_distance(2, 4, first, 4, second), a[0] + a[3] + b[0] + b[3] - 2 * sqrt(trace + 2 * sqrt(det)), 1e-12);
}

Test(evaluate, mean_distance_of_a_square)
{
    const double corners[] = { 0, 0, 1, 0, 1, 1, 0, 1 };
    cr_expect_float_eq(mean_distance(2, 4, corners), (4 + 2 * sqrt(2)) / 6, 1e-15);
}

/* Glyphs that differ in nothing but their turn: the classifier learns it, and its features see a collapse to one picture. */
Test(evaluate, the_classifier_learns_and_sees_a_collapse)
{
    ct_error error = { CT_OK, "" };
    struct dcgan_shape shape = { CT_F32, 16, 1, 4, 4, 4, 4 };
    ct_tensor *images = ct_tensor_zeros(CT_F32, CT_SHAPE(128, 1, 16, 16));
    float *pixel = ct_tensor_data_mutable(images);
    ct_uniform(images, -1, 0, &(ct_random){ .seed = 1 });
    for (int i = 0; i < 128; i++) /* a bright bar at the top, of a length of its own */
        for (int x = 0; x < 3 + i % 13; x++)
            pixel[i * 256 + 16 * (1 + i % 3) + x] = 1;
    char path[] = "/tmp/cotangent-evaluate-XXXXXX.npy";
    cr_assert(mkstemps(path, 4) >= 0);
    cr_assert_eq(ct_npy_write(path, images, &error), CT_OK, "%s", error.message);
    struct data *data;
    cr_assert_eq(data_open(&data, &(struct data_options){ .source = path, .resize = "area", .channels = 1, .size = 16, .seed = 1 }, 64, &error), CT_OK, "%s",
                 error.message);
    remove(path);
    struct classifier *classifier = classifier_train(&shape, data, 60, 1, &error);
    cr_assert_not_null(classifier, "%s", error.message);
    double accuracy;
    cr_assert_eq(classifier_accuracy(classifier, images, &accuracy, &error), CT_OK, "%s", error.message);
    cr_expect_geq(accuracy, 0.9);

    static double real[128 * FEATURES], half[64 * FEATURES], same[64 * FEATURES];
    ct_tensor *few = ct_tensor_empty(CT_F32, CT_SHAPE(64, 1, 16, 16));
    cr_assert_eq(classifier_features(classifier, images, real, &error), CT_OK);
    ct_tensor_copy_in(few, CT_F32, pixel + 64 * 256, 64 * 256);
    cr_assert_eq(classifier_features(classifier, few, half, &error), CT_OK);
    for (int i = 0; i < 64; i++)
        memcpy((float *)ct_tensor_data_mutable(few) + i * 256, pixel, 256 * 4);
    cr_assert_eq(classifier_features(classifier, few, same, &error), CT_OK);
    cr_expect_gt(frechet_distance(FEATURES, 128, real, 64, same), 3 * frechet_distance(FEATURES, 128, real, 64, half));
    cr_expect_lt(mean_distance(FEATURES, 64, same), 1e-3 * mean_distance(FEATURES, 128, real));
    classifier_free(classifier);
    data_close(data);
    ct_tensor_release(images), ct_tensor_release(few);
}
