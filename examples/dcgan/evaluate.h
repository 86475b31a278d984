/* Numbers that tell how good a generator is. */
#ifndef DCGAN_EVALUATE_H
#define DCGAN_EVALUATE_H

#include "dcgan.h"

/* ---- frechet.c: of points of d numbers in rows ---- */

/* 0 for equal distributions; NaN when memory is out, or where a point is not finite. */
double frechet_distance(int d, int64_t first_count, const double *first, int64_t second_count, const double *second);

/* The mean Euclidean distance of two different points. */
double mean_distance(int d, int64_t count, const double *points);

/* ---- features.c: what a small classifier sees in a picture ---- */

enum { FEATURES = 64 };

struct classifier;

/* Learns by which quarter turn a picture was rotated (Gidaris et al., "Unsupervised representation learning by predicting image
 * rotations", 2018), so any pictures teach it, without labels. The same data, seed and steps give the same classifier. */
struct classifier *classifier_train(const struct dcgan_shape *shape, struct data *data, int64_t steps, uint64_t seed, ct_error *error);
void classifier_free(struct classifier *classifier);

/* features (count, FEATURES) of images (count, channels, size, size), by the layer below the answer. */
ct_status classifier_features(struct classifier *classifier, ct_tensor *images, double *features, ct_error *error);

/* *accuracy: the part of the images, each turned by a quarter of its index, that it gets right. */
ct_status classifier_accuracy(struct classifier *classifier, ct_tensor *images, double *accuracy, ct_error *error);

#endif
