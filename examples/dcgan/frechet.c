/* The Fréchet distance of two sets of points, each taken as a normal distribution (Dowson and Landau, 1982; Heusel et al., 2017):
 * ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"

/* LAPACK, which OpenBLAS brings: eigenvalues (ascending) and, with job 'V', eigenvectors in the columns of a. */
extern void dsyev_(const char *job, const char *half, const int *n, double *a, const int *lda, double *values, double *work,
                   const int *lwork, int *info);

static bool eigen(char job, int n, double *a, double *values)
{
    int info, room = 34 * n + 1;
    double *work = malloc((size_t)room * sizeof *work);
    if (work == NULL)
        return false;
    dsyev_(&job, "U", &n, a, &n, values, work, &room, &info);
    free(work);
    return info == 0;
}

/* mean (d) and covariance (d, d), unbiased, of count points in rows. */
static void moments(int64_t count, int d, const double *points, double *mean, double *covariance)
{
    memset(mean, 0, (size_t)d * sizeof *mean);
    memset(covariance, 0, (size_t)d * (size_t)d * sizeof *covariance);
    for (int64_t i = 0; i < count; i++)
        for (int j = 0; j < d; j++)
            mean[j] += points[i * d + j] / (double)count;
    for (int64_t i = 0; i < count; i++)
        for (int j = 0; j < d; j++)
            for (int k = 0; k <= j; k++)
                covariance[j * d + k] += (points[i * d + j] - mean[j]) * (points[i * d + k] - mean[k]) / (double)(count - 1);
    for (int j = 0; j < d; j++)
        for (int k = 0; k < j; k++)
            covariance[k * d + j] = covariance[j * d + k];
}

/* c ← a · b, transposing a when asked; all (d, d) by rows. */
static void multiply(int d, bool transpose, const double *a, const double *b, double *c)
{
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double sum = 0;
            for (int k = 0; k < d; k++)
                sum += (transpose ? a[k * d + i] : a[i * d + k]) * b[k * d + j];
            c[i * d + j] = sum;
        }
}

/* Rounding may leave a little less than 0; a NaN stays one, which fmax would not let it. */
static double at_least_zero(double value)
{
    return value < 0 ? 0 : value;
}

static double root_of(double eigenvalue)
{
    return sqrt(at_least_zero(eigenvalue));
}

/* tr (Σ₁ Σ₂)^½: the square roots of the eigenvalues of R Σ₂ Rᵀ with Σ₁ = Rᵀ R, which is symmetric. Overwrites first. */
static double root_trace(int d, double *first, const double *second)
{
    const size_t square = (size_t)d * (size_t)d;
    double *scratch = malloc((3 * square + (size_t)d) * sizeof *scratch), trace = NAN;
    if (scratch == NULL)
        return trace;
    double *root = scratch, *half = root + square, *product = half + square, *values = product + square;
    if (eigen('V', d, first, values)) {
        for (int i = 0; i < d; i++) /* row i of `first` is eigenvector i: LAPACK counts by columns */
            for (int j = 0; j < d; j++)
                root[j * d + i] = root_of(values[i]) * first[i * d + j];
        multiply(d, true, root, second, half);
        multiply(d, false, half, root, product);
        if (eigen('N', d, product, values)) {
            trace = 0;
            for (int i = 0; i < d; i++)
                trace += root_of(values[i]);
        }
    }
    free(scratch);
    return trace;
}

double frechet_distance(int d, int64_t first_count, const double *first, int64_t second_count, const double *second)
{
    const size_t square = (size_t)d * (size_t)d;
    double *scratch = malloc(2 * (square + (size_t)d) * sizeof *scratch), distance = NAN;
    if (scratch == NULL)
        return distance;
    double *mean[2] = { scratch, scratch + d }, *covariance[2] = { scratch + 2 * d, scratch + 2 * d + square };
    moments(first_count, d, first, mean[0], covariance[0]);
    moments(second_count, d, second, mean[1], covariance[1]);
    distance = 0;
    for (int i = 0; i < d; i++)
        distance += (mean[0][i] - mean[1][i]) * (mean[0][i] - mean[1][i]) + covariance[0][i * d + i] + covariance[1][i * d + i];
    distance -= 2 * root_trace(d, covariance[0], covariance[1]);
    free(scratch);
    return at_least_zero(distance);
}

double mean_distance(int d, int64_t count, const double *points)
{
    double sum = 0;
    for (int64_t i = 1; i < count; i++)
        for (int64_t j = 0; j < i; j++) {
            double square = 0;
            for (int k = 0; k < d; k++)
                square += (points[i * d + k] - points[j * d + k]) * (points[i * d + k] - points[j * d + k]);
            sum += sqrt(square);
        }
    return sum / ((double)count * (double)(count - 1) / 2);
}
