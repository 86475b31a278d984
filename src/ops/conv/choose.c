/* Which algorithm computes a map: the least estimated time, by the shape alone. The constants are nanoseconds on one core of Zen 4 with
 * AVX-512, fitted to a thousand maps of random layers; other machines are slower or faster in all of them alike. */
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

/* Copies each number of the columns, row by row, and multiplies, image by image; conv_weight's matrices of few rows multiply slowly, but for
 * those of a million products at most, which OpenBLAS has other kernels for. What does not stay in the last-level cache costs again. */
static double columns(const ct_conv_form *f, ct_conv_map map)
{
    double images = (double)f->batch;
    double numbers = images * ((double)f->x_channels * volume(f->x) + (double)f->y_channels * volume(f->y));
    bool own = volume(f->k) == 1 && volume(f->x) == volume(f->y) && volume(f->stride) == 1; /* x is its own columns */
    double copied = own ? 0 : images * (double)f->x_channels * volume(f->k) * volume(f->y);
    bool small = ct_conv_work(f) <= 1e6 * images * (double)f->groups;
    double slower = map == CT_MAP_WEIGHT && !small ? 1 + 7 * (double)f->groups / ((double)f->x_channels * volume(f->k)) : 1;
    double added = map == CT_MAP_WEIGHT ? 0.5 * weights(f) * fmin(images, 8) : 0;
    if (ct_conv_is_dense(f))
        return 1000 + ct_conv_work(f) / (products_per_ns * 0.8) + 0.1 * weights(f);
    return 1300 + 110 * images * (double)f->groups + copied * (0.25 + 6 / (double)f->y[2]) +
           ct_conv_work(f) / (products_per_ns * 0.75) * slower + added + 0.28 * fmax(0, numbers - 3e6);
}

/* The products of all points, and the transforms of data and weights. Channels come in vectors. One point is no gain. */
static double bilinear(const ct_conv_form *f, ct_dtype dtype)
{
    ct_bilinear_plan plan;
    const ct_vectors *v = ct_vectors_built[0];

    if (dtype != CT_F32 || !ct_bilinear_plan_make(f, v, &plan) || plan.points == 1)
        return INFINITY;
    double x = (double)(plan.x.vectors * plan.x.phases * v->lanes), y = (double)(plan.y.vectors * v->lanes);
    double all = (double)f->groups * (double)plan.points, tiles = (double)plan.all;
    return 3700 + all * (x * y * tiles / (products_per_ns * 0.72) + (0.24 * x + 0.22 * y) * tiles + 0.11 * x * y);
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

/* The products, of whole vectors of lanes and in runs, and moving data and weights; sums are loaded and stored once a strip of positions.
 * Rows and planes of the padding are left out, which conv_weight gains less by than it pays elsewhere. */
static double panels(const ct_conv_form *f, ct_conv_map map)
{
    bool to_x = map == CT_MAP_TRANSPOSE;
    double lanes = (double)(to_x ? f->x_channels : f->y_channels) / (double)f->groups;
    double x = (double)f->batch * (double)f->x_channels * volume(f->x), y = (double)f->batch * (double)f->y_channels * volume(f->y);
    double run = (double)((to_x ? f->y_channels : f->x_channels) / f->groups) *
                 (f->dilation[2] == 1 && (!to_x || f->stride[2] == 1) ? (double)f->k[2] : 1);
    double positions = to_x ? ceil((double)f->x[1] / (double)f->stride[1]) * ceil((double)f->x[2] / (double)f->stride[2])
                            : (double)f->y[1] * (double)f->y[2];
    if (map == CT_MAP_WEIGHT && weights(f) > 65536) /* several images at once */
        positions = fmax(positions, fmin(positions * (double)f->batch, 512));
    double slower = 1 + 0.9 / run + (map == CT_MAP_WEIGHT ? 17 : 2.3) / positions, source = to_x ? y : x, target = x + y - source;
    double share = map == CT_MAP_WEIGHT ? 1 : seen(f, 0) * seen(f, 1);
    return ct_conv_work(f) * share * ceil(lanes / 16) * 16 / lanes * slower / (products_per_ns * 0.88) + 0.19 * source + 0.28 * target +
           0.12 * weights(f);
}

/* The same lane by lane, over all groups' channels at once; each channel of a group is gathered for all of the others. */
static double lanes(const ct_conv_form *f, ct_conv_map map)
{
    if (f->groups == 1)
        return INFINITY;
    double channels = (double)(map == CT_MAP_TRANSPOSE ? f->x_channels : f->y_channels), whole = ceil(channels / 16) * 16;
    double terms = (double)((map == CT_MAP_TRANSPOSE ? f->y_channels : f->x_channels) / f->groups);
    double pixels = (double)f->batch * (volume(f->x) + volume(f->y));
    return ct_conv_work(f) * whole / channels * 0.026 + 0.26 * terms * whole * pixels;
}

/* Pixels as lanes: rows are copied with what lies around them, and end in whole vectors; a stride parts its pixels. Few channels to a tile
 * mean more loads a product. conv_weight begins each row anew, tile by tile; its sums of pixels, a vector for each weight, are loaded and
 * stored once a strip. */
static double planes(const ct_conv_form *f, ct_conv_map map)
{
    if (ct_conv_work(f) == 0 || volume(f->x) == 0)
        return INFINITY;
    const ct_cut c = ct_planes_cut(f, map);
    const bool to_x = map == CT_MAP_TRANSPOSE, apart = f->stride[2] > (to_x ? 1 : 2);
    const double in = (double)(f->x_channels / f->groups), outs = (double)(f->y_channels / f->groups), target = to_x ? in : outs;
    const double wide = (double)c.wide, row = wide + (double)(f->dilation[2] * (f->k[2] - 1) / f->stride[2]);
    const double high = (double)c.high, rows = high + (double)(f->dilation[1] * (f->k[1] - 1) / f->stride[1]);
    const double strips = (double)f->batch * (double)f->groups * (double)c.extent[0] * (double)c.strips;
    const double phases = fmin((double)f->stride[1], (double)f->k[1]) * fmin((double)f->stride[2], (double)f->k[2]);
    const double depth = (double)f->k[0] / (to_x ? (double)f->stride[0] : 1), taps = depth * (double)(f->k[1] * f->k[2]);
    const double loaded = strips * (in * outs / target) * depth * rows * (to_x ? 1 : phases), vectors = ceil(row / 16) * 16;
    const double stored = strips * target * (to_x ? phases : 1) * high, product = strips * high * in * outs * taps / products_per_ns;
    const double numbers = (double)f->batch * ((double)f->x_channels * volume(f->x) + (double)f->y_channels * volume(f->y));
    const double far = 0.32 * fmax(0, numbers - 3e6), few = 1.13 * ceil(target / 8) / target; /* far: not in the last-level cache */

    if (fmin(in, outs) > 16 || loaded / strips * row > 1e6)
        return INFINITY;
    if (map == CT_MAP_WEIGHT)
        return far + product * ceil(wide / 16) * 16 * 1.58 + 2 * strips * high * ceil(outs / 8) * ceil(in * taps / 3) +
               loaded * ((apart ? 0.51 : 0.14) * vectors + 1) + (3.2 + 0.48 * strips / (double)f->groups) * weights(f);
    return far + product * row * (0.88 + few) + loaded * ((apart && !to_x ? 0.57 : 0.16) * vectors + 1) +
           stored * ((apart && to_x ? 0.54 : 0.11) * wide + 1) + 63 * strips * (to_x ? phases : 1);
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
            [CT_ALGORITHM_BILINEAR] = bilinear(form, dtype),
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
