/* Which algorithm computes a map: the least estimated time, by the shape alone. The constants are nanoseconds on one core of Zen 4 with
 * AVX-512, fitted to 1,700 maps of random layers; other machines are slower or faster in all of them alike. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../vector/vector.h"
#include "bilinear.h"
#include "strip.h"

static const double products_per_ns = 59; /* at the machine's peak: half of 118 floating-point operations */

static double volume(const int64_t extent[CT_MAX_SPATIAL]) { return (double)extent[0] * (double)extent[1] * (double)extent[2]; }

double ct_conv_work(const ct_conv_form *f)
{
    return (double)f->batch * (double)f->y_channels * volume(f->y) * volume(f->k) * (double)(f->x_channels / f->groups);
}

/* One product after the other; conv_transpose divides to find each. */
static double reference(const ct_conv_form *f, ct_conv_map map)
{
    return 330 + (map == CT_MAP_TRANSPOSE ? 11 : 1.7) * ct_conv_work(f);
}

static double weights(const ct_conv_form *f)
{
    return (double)f->y_channels * (double)(f->x_channels / f->groups) * volume(f->k);
}

/* Numbers of both data tensors. */
static double numbers(const ct_conv_form *f)
{
    return (double)f->batch * ((double)f->x_channels * volume(f->x) + (double)f->y_channels * volume(f->y));
}

/* Those that do not stay in the last-level cache. */
static double far(double count) { return fmax(0, count - 3e6); }

/* Copies each number of the columns, row by row, and multiplies, image by image; conv_weight's matrices of few rows multiply slowly, but for
 * those of a million products at most, which OpenBLAS has other kernels for. What does not stay in the last-level cache costs again. */
static double columns(const ct_conv_form *f, ct_conv_map map)
{
    double images = (double)f->batch;
    bool own = volume(f->k) == 1 && volume(f->x) == volume(f->y) && volume(f->stride) == 1; /* x is its own columns */
    double copied = own ? 0 : images * (double)f->x_channels * volume(f->k) * volume(f->y);
    bool small = ct_conv_work(f) <= 1e6 * images * (double)f->groups;
    double slower = map == CT_MAP_WEIGHT && !small ? 1 + 7 * (double)f->groups / ((double)f->x_channels * volume(f->k)) : 1;
    double added = map == CT_MAP_WEIGHT ? weights(f) * (0.15 * fmin(images, 8) + 0.08 * images) + 0.42 * far(weights(f)) : 0;
    if (ct_conv_is_dense(f))
        return 1000 + ct_conv_work(f) / (products_per_ns * 0.8) + 0.1 * weights(f);
    return 1300 + 110 * images * (double)f->groups + copied * (0.25 + 6 / (double)f->y[2]) +
           ct_conv_work(f) / (products_per_ns * 0.75) * slower + added + 0.28 * far(numbers(f));
}

static double whole_vectors(double count) { return ceil(count / 16) * 16; }

/* The products of all points, and the transforms of data and weights. x's channels come in vectors, y's where conv has them as lanes.
 * One point is no gain. */
static double bilinear(const ct_conv_form *f, ct_conv_map map, ct_dtype dtype)
{
    ct_bilinear_plan plan;
    const ct_vectors *v = ct_vectors_built[0];

    if (dtype != CT_F32 || !ct_bilinear_plan_make(f, v, &plan) || plan.points == 1)
        return INFINITY;
    double x = (double)(plan.x.vectors * plan.x.phases * v->lanes), y = (double)(plan.y.vectors * v->lanes);
    double all = (double)f->groups * (double)plan.points, tiles = (double)plan.all;
    double rows = map == CT_MAP_CONV ? y : (double)plan.y.channels;
    return 3700 + all * (1.1 * x * rows * tiles / products_per_ns + (0.22 * x + 0.19 * y) * tiles + 0.13 * x * y) + 0.23 * numbers(f) +
           0.16 * far(numbers(f)) + (map == CT_MAP_WEIGHT ? 0.45 * (weights(f) + far(weights(f))) : 0);
}

/* The share of an axis's products that are not with the padding. */
static double seen(const ct_conv_form *f, int a)
{
    int64_t count = 0;

    for (int64_t k = 0; k < f->k[a]; k++) {
        const int64_t before = f->padding[a] - k * f->dilation[a], stride = f->stride[a];
        count += most(0, least(f->y[a], ceil_divide(most(0, f->x[a] + before), stride)) - ceil_divide(most(0, before), stride));
    }
    return (double)count / (double)(f->y[a] * f->k[a]);
}

/* The products, of whole vectors of lanes and in runs, and moving data, in whole vectors too, and weights; sums are loaded and stored
 * once a strip of positions. Each image, group, tap and row begins anew. Rows and planes of the padding are left out, which
 * conv_weight gains less by than it pays elsewhere. */
static double panels(const ct_conv_form *f, ct_conv_map map)
{
    const bool to_x = map == CT_MAP_TRANSPOSE, weight = map == CT_MAP_WEIGHT;
    const double in = (double)(f->x_channels / f->groups), outs = (double)(f->y_channels / f->groups);
    const double lanes = to_x ? in : outs, terms = to_x ? outs : in, images = (double)(f->batch * f->groups);
    const double x = images * volume(f->x), y = images * volume(f->y), source = to_x ? y : x, target = x + y - source;
    const double run = terms * (f->dilation[2] == 1 && (!to_x || f->stride[2] == 1) ? (double)f->k[2] : 1);
    const double share = weight ? 1 : seen(f, 0) * seen(f, 1), count = ceil(lanes / 32);
    double positions = to_x ? ceil((double)f->x[1] / (double)f->stride[1]) * ceil((double)f->x[2] / (double)f->stride[2])
                            : (double)f->y[1] * (double)f->y[2];
    if (weight && weights(f) > 65536) /* several images at once */
        positions = fmax(positions, fmin(positions * (double)f->batch, 512));
    return ct_conv_work(f) * share * whole_vectors(lanes) / lanes / products_per_ns * (1.1 + (weight ? 0.83 : 1.2) / run + 2 / positions) +
           0.083 * source * whole_vectors(terms) + 0.13 * target * whole_vectors(lanes) + 0.5 * weights(f) + 0.2 * far(numbers(f)) +
           images * (100 + count * (9 * volume(f->k) + (weight ? 74 : to_x ? 74 * volume(f->stride) : 0))) +
           1.1 * (x * in / (double)f->x[2] + y * outs / (double)f->y[2]);
}

/* The same lane by lane, over all groups' channels at once; each channel of a group is gathered for all of the others. */
static double lanes(const ct_conv_form *f, ct_conv_map map)
{
    const bool to_x = map == CT_MAP_TRANSPOSE;

    if (f->groups == 1)
        return INFINITY;
    const double channels = (double)(to_x ? f->x_channels : f->y_channels), whole = whole_vectors(channels);
    const double terms = (double)((to_x ? f->y_channels : f->x_channels) / f->groups), batch = (double)f->batch;
    const double rows = (double)(f->x[0] * f->x[1] + f->y[0] * f->y[1]), run = fmin(terms * volume(f->k), 8);
    return ct_conv_work(f) * whole / channels * (to_x ? 0.031 : 0.02 + 0.1 / run) +
           whole * batch * ((0.09 * terms + (to_x ? 0.04 : 0.01)) * (volume(f->x) + volume(f->y)) + (to_x ? 4 : 1.7) * rows) +
           (to_x ? 2 : 0.8) * weights(f) + 0.15 * far(numbers(f));
}

/* Pixels as lanes: rows are copied with what lies around them; a stride parts its pixels. A product runs over a strip's rows in
 * whole vectors, three at a time, and is copied out where rows are not whole; few channels to a tile mean more loads. conv_weight
 * begins each row anew, tile by tile; its sums of pixels, a vector for each weight, are cleared and added up. */
static double planes(const ct_conv_form *f, ct_conv_map map)
{
    if (ct_conv_work(f) == 0 || volume(f->x) == 0)
        return INFINITY;
    const ct_cut c = ct_planes_cut(f, map);
    const bool to_x = map == CT_MAP_TRANSPOSE, apart = f->stride[2] > (to_x ? 1 : 2);
    const double in = (double)(f->x_channels / f->groups), outs = (double)(f->y_channels / f->groups), target = to_x ? in : outs;
    const double wide = (double)c.wide, row = wide + (double)(f->dilation[2] * (f->k[2] - 1) / f->stride[2]);
    const double high = (double)c.high, rows = high + (double)(f->dilation[1] * (f->k[1] - 1) / f->stride[1]);
    const double pieces = (double)c.extent[0] * (double)c.strips, strips = (double)f->batch * (double)f->groups * pieces;
    const double phases = fmin((double)f->stride[1], (double)f->k[1]) * fmin((double)f->stride[2], (double)f->k[2]);
    const double depth = (double)f->k[0] / (to_x ? (double)f->stride[0] : 1), taps = depth * (double)(f->k[1] * f->k[2]);
    const double terms = in * outs / target, loaded = strips * terms * depth * rows * (to_x ? 1 : phases);
    const bool whole = ct_planes_whole_rows(f, map, &c, 16);
    const double copied = loaded * whole_vectors(row), stored = whole ? 0 : strips * target * (to_x ? phases : 1) * high;
    const double pixels = whole ? high * wide : whole_vectors((high - 1) * row + wide);
    const double products = strips * in * outs * taps / products_per_ns;

    if (fmin(in, outs) > 16 || loaded / strips * row > 1e6)
        return INFINITY;
    if (map == CT_MAP_WEIGHT)
        return 0.94 * products * high * whole_vectors(wide) + 3.2 * strips * high * ceil(outs / 8) * ceil(in * taps / 3) +
               (apart ? 0.61 : 0.24) * copied + 0.67 * loaded + (3.7 + 4.4 * fmin(8, (double)f->batch * pieces)) * weights(f) +
               0.3 * far(numbers(f));
    return 0.81 * products * pixels + 0.98 * strips * ceil(target / 8) * ceil(pixels / 48) * terms * taps +
           (apart && !to_x ? 0.46 : 0.17) * copied + 2.9 * loaded + ((apart && to_x ? 0.38 : 0.076) * wide + 1.9) * stored +
           12 * strips * (to_x ? phases : 1) + 0.37 * far(numbers(f));
}

/* What direct does, the least first of equals. */
static const struct {
    double (*cost)(const ct_conv_form *form, ct_conv_map map);
    ct_conv_run *run;
} ways[] = { { panels, ct_conv_run_panels }, { lanes, ct_conv_run_lanes }, { planes, ct_conv_run_planes } };

static int least_way(const ct_conv_form *f, ct_conv_map map)
{
    int found = 0;

    for (int i = 1; i < (int)(sizeof ways / sizeof *ways); i++)
        if (ways[i].cost(f, map) < ways[found].cost(f, map))
            found = i;
    return found;
}

bool ct_conv_run_direct(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    return (ct_conv_direct_fits(f, dtype) ? ways[least_way(f, map)].run : ct_conv_run_columns)(tape, f, map, dtype, a, b, out);
}

static double direct(const ct_conv_form *f, ct_conv_map map, ct_dtype dtype)
{
    return ct_conv_direct_fits(f, dtype) ? 4500 + ways[least_way(f, map)].cost(f, map) : INFINITY;
}

static ct_algorithm from_environment(void)
{
    static const char *const names[] = { "auto", "reference", "columns", "direct", "bilinear" };
    const char *wish = getenv("CT_ALGORITHM");

    for (int i = 0; wish && i < (int)(sizeof names / sizeof names[0]); i++)
        if (!strcmp(wish, names[i]))
            return (ct_algorithm)i;
    return CT_ALGORITHM_AUTO;
}

ct_conv_choice ct_conv_choose(const ct_conv_form *form, ct_conv_map map, ct_dtype dtype)
{
    ct_conv_choice choice = {
        .algorithm = form->algorithm,
        .nanoseconds = {
            [CT_ALGORITHM_REFERENCE] = reference(form, map),
            [CT_ALGORITHM_COLUMNS] = columns(form, map),
            [CT_ALGORITHM_DIRECT] = direct(form, map, dtype),
            [CT_ALGORITHM_BILINEAR] = bilinear(form, map, dtype),
        },
    };

    if (choice.algorithm == CT_ALGORITHM_AUTO)
        choice.algorithm = from_environment();
    if (choice.algorithm == CT_ALGORITHM_AUTO) {
        choice.algorithm = CT_ALGORITHM_REFERENCE;
        for (ct_algorithm a = CT_ALGORITHM_REFERENCE; a <= CT_ALGORITHM_BILINEAR; a++)
            if (choice.nanoseconds[a] < choice.nanoseconds[choice.algorithm])
                choice.algorithm = a;
    } else if (isinf(choice.nanoseconds[choice.algorithm])) {
        choice.algorithm = CT_ALGORITHM_COLUMNS;
    }
    choice.nanoseconds[CT_ALGORITHM_AUTO] = choice.nanoseconds[choice.algorithm];
    return choice;
}
