/* Convolutions with few channels on a side, or in groups of few, in float32. Pixels are the lanes, so that no lane
 * is empty however few the channels are, and nothing is transposed.
 *
 * What is contracted is copied into planes with its padding, for x one for each phase of the stride. Then a tap is a constant distance:
 * rows follow each other without a gap, and a product runs over all pixels of a strip at once. Pixels behind a row's end come out as
 * nonsense, which is not copied out. Where rows are whole vectors, it runs over these, and right into the target. conv_weight goes row by row.
 *
 *     conv            y ← x's planes, a tap at a time
 *     conv_transpose  a phase of x ← y's planes
 *     conv_weight     a sum over pixels: x's planes, times y's rows where they lie
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include <string.h>

#include "conv.h"
#include "../../tensor/whole.h"
#include "strip.h"
#include "../vector/vector.h"

enum { PIECES = 16, STAGE = 1 << 14, POSITIONS = 1024, OUTS = 16 /* at a time */, INS = 8 /* conv_weight's, at a time */, MOST_PARTS = 8,
       MOST_SUMS = 1 << 19 /* floats, of all parts */ };

static int64_t volume(const int64_t extent[3]) { return extent[0] * extent[1] * extent[2]; }

struct job {
    const ct_vectors *v;
    const ct_conv_form *f;
    ct_conv_map map;
    const float *a, *b;
    float *out, *scratch;
    int64_t scratch_floats;
    int64_t in, outs, taps;        /* channels of x and of y in a group */
    int64_t staged;                /* channels of what is staged, at a time */
    ct_cut cut;
    int64_t reach[3], phases[3];   /* of a plane, beyond its positions; phases that have planes */
    int64_t pitch, plane, term, image, positions; /* floats of a row, a plane, a channel's planes, an image's; of its sums */
    int64_t images, chunks;        /* at a time */
    int64_t share, shares;         /* groups of a piece */
    int64_t parts;
    float *sums;                   /* conv_weight, of each part: like w, a vector each */
    int64_t *a_at, *b_at;          /* of the products, of all phases for conv_transpose */
    bool rows;                     /* the target's, in a strip, are whole vectors, one behind the other */
    int64_t *vector_at;            /* a strip's vectors of pixels, in a plane */
    int64_t *has_taps[3];          /* of phases of x */
};

/* A part of one image's plane: rows and columns from here on, so many steps apart. */
struct view {
    const float *data, *end;
    bool there;                    /* or all is padding */
    int64_t plane;                 /* where it begins */
    const int64_t *extent;
    int64_t row, column, row_step, column_step;
};

/* The i in [0, count) with 0 ≤ first + i · step < extent. */
static void inside(int64_t first, int64_t step, int64_t extent, int64_t count, int64_t *begin, int64_t *end)
{
    *begin = least(first < 0 ? ceil_divide(-first, step) : 0, count);
    *end = most(*begin, least(first < extent ? ceil_divide(extent - first, step) : 0, count));
}

/* Planes follow each other, but small ones are done before the next has come. */
static int64_t ahead(const int64_t *extent) { return most(extent[0] * extent[1], 256); }

/* So many rows of the view, of which `columns` may lie in it, and zeros around. */
static void load(const struct job *job, const struct view *view, int64_t rows, int64_t columns, float *to)
{
    ct_plane_copy copy = {
        .data = view->data,
        .end = view->end,
        .first = view->plane + view->row * view->extent[1] + view->column,
        .row = view->row_step * view->extent[1],
        .step = view->column_step,
        .rows = rows,
        .columns = job->pitch,
        .ahead = ahead(view->extent),
        .to = to,
    };

    inside(view->row, view->row_step, view->there ? view->extent[0] : 0, rows, &copy.top, &copy.bottom);
    inside(view->column, view->column_step, view->extent[1], columns, &copy.left, &copy.right);
    job->v->load_plane(&copy);
}

/* x's planes under a strip of y, of some channels and the chunk's images. */
static void stage_x(const struct job *job, const float *x, int64_t channel, int64_t channels, int64_t first, int64_t images, const ct_strip *s,
                    float *stage)
{
    const ct_conv_form *f = job->f;
    struct view view = {
        .data = x,
        .end = x + f->batch * f->x_channels * volume(f->x),
        .extent = f->x + 1,
        .row_step = f->stride[1],
        .column_step = f->stride[2],
    };

    for (int64_t n = 0; n < images; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t d = 0; d < f->k[0]; d++) {
                const int64_t depth = s->depth * f->stride[0] - f->padding[0] + d * f->dilation[0];
                float *to = stage + n * job->image + c * job->term + d * job->phases[1] * job->phases[2] * job->plane;

                view.there = depth >= 0 && depth < f->x[0];
                view.plane = (((first + n) * f->x_channels + channel + c) * f->x[0] + depth) * f->x[1] * f->x[2];
                for (int64_t i = 0; i < job->phases[1]; i++)
                    for (int64_t j = 0; j < job->phases[2]; j++, to += job->plane) {
                        view.row = s->row * f->stride[1] - f->padding[1] + i;
                        view.column = s->column * f->stride[2] - f->padding[2] + j;
                        if (job->has_taps[1][i] && job->has_taps[2][j])
                            load(job, &view, s->high + job->reach[1], job->pitch, to);
                    }
            }
}

static int64_t vectors_of(const struct job *job, const ct_strip *s)
{
    return ceil_divide(job->rows ? s->high * s->wide : (s->high - 1) * job->pitch + s->wide, job->v->lanes);
}

struct place {
    float *stage, *sums;
};

static struct place lane_scratch(const struct job *job, int lane)
{
    float *stage = job->scratch + lane * job->scratch_floats;
    return (struct place){ stage, stage + (job->images * job->image + 2 * job->v->lanes + 15) / 16 * 16 };
}

/* What a piece of conv and conv_transpose is: groups from here on, a chunk of images, a strip. */
struct piece {
    int64_t group, groups, image, images;
    ct_strip strip;
};

static struct piece piece_at(const struct job *job, int64_t number)
{
    const int64_t group = number % job->shares * job->share, rest = number / job->shares, strips = job->cut.extent[0] * job->cut.strips,
                  image = rest / strips * job->images;
    struct piece p = { group, least(job->share, job->f->groups - group), image, least(job->images, job->f->batch - image),
                       ct_strip_at(&job->cut, rest % strips) };
    return p;
}

static void run_y(void *context, int lane, int64_t number)
{
    const struct job *job = context;
    const ct_conv_form *f = job->f;
    const struct piece p = piece_at(job, number);
    const ct_strip *s = &p.strip;
    const struct place at = lane_scratch(job, lane);

    for (int64_t group = p.group; group < p.group + p.groups; group++) {
        stage_x(job, job->a, group * job->in, job->in, p.image, p.images, s, at.stage);
        for (int64_t o = 0; o < job->outs; o += OUTS) {
            const int64_t outs = least(OUTS, job->outs - o), channel = group * job->outs + o;
            float *target = job->out + ((p.image * f->y_channels + channel) * f->y[0] + s->depth) * f->y[1] * f->y[2] + s->row * f->y[2];

            job->v->multiply_planes(&(ct_plane_product){
                .groups = p.images,
                .outs = outs,
                .vectors = vectors_of(job, s),
                .count = job->in * job->taps,
                .a = at.stage,
                .a_at = job->a_at,
                .a_vector = job->vector_at,
                .a_group = job->image,
                .b = (float *)job->b + channel * job->in * job->taps,
                .b_at = job->b_at,
                .b_out = job->in * job->taps,
                .c = job->rows ? target : at.sums,
                .c_group = job->rows ? f->y_channels * volume(f->y) : OUTS * job->positions,
                .c_out = job->rows ? volume(f->y) : job->positions,
            });
            for (int64_t i = 0; i < p.images * outs && !job->rows; i++) {
                const int64_t n = i / outs, y = ((p.image + n) * f->y_channels + channel + i % outs) * f->y[0] + s->depth;
                float *to = job->out + (y * f->y[1] + s->row) * f->y[2] + s->column;
                job->v->store_rows(&(ct_rows){
                    .rows = s->high,
                    .columns = s->wide,
                    .from = at.sums + (n * OUTS + i % outs) * job->positions,
                    .from_row = job->pitch,
                    .to = to,
                    .end = s->wide == f->y[2] ? to + s->high * f->y[2] : to,
                    .to_row = f->y[2],
                    .step = 1,
                    .ahead = ahead(f->y + 1),
                });
            }
        }
    }
}

/* y's planes over a strip of x's positions, a tap's of the depth after the other. */
static void stage_y(const struct job *job, int64_t group, int64_t first, int64_t images, const ct_strip *s, float *stage)
{
    const ct_conv_form *f = job->f;
    const int64_t depth = s->depth + f->padding[0];
    int64_t taps[CT_MOST_TAPS], back[CT_MOST_TAPS];
    const int64_t planes = ct_taps_of(f, 0, depth % f->stride[0], taps, back);

    for (int64_t n = 0; n < images; n++)
        for (int64_t o = 0; o < job->outs; o++)
            for (int64_t d = 0; d < planes; d++) {
                const int64_t from = depth / f->stride[0] - back[d];
                const bool there = from >= 0 && from < f->y[0];
                load(job, &(struct view){
                    .data = job->a,
                    .end = job->a + f->batch * f->y_channels * volume(f->y),
                    .there = there,
                    .plane = (((first + n) * f->y_channels + group * job->outs + o) * f->y[0] + from) * f->y[1] * f->y[2],
                    .extent = f->y + 1,
                    .row = s->row + f->padding[1] / f->stride[1] - job->reach[1],
                    .column = s->column + f->padding[2] / f->stride[2] - job->reach[2],
                    .row_step = 1,
                    .column_step = 1,
                }, s->high + job->reach[1], job->pitch, stage + n * job->image + o * job->term + d * job->plane);
            }
}

/* A phase's sums go to every stride-th pixel, where there is one. */
static void store_phase(const struct job *job, const struct piece *p, const int64_t phase[3], int64_t n, int64_t channel, const float *from)
{
    const ct_conv_form *f = job->f;
    const ct_strip *s = &p->strip;
    const int64_t *stride = f->stride;
    const int64_t row = (s->row + f->padding[1] / stride[1]) * stride[1] + phase[1] - f->padding[1],
                  column = (s->column + f->padding[2] / stride[2]) * stride[2] + phase[2] - f->padding[2];
    int64_t top, bottom, left, right;

    inside(row, stride[1], f->x[1], s->high, &top, &bottom);
    inside(column, stride[2], f->x[2], s->wide, &left, &right);
    float *to = job->out + (((p->image + n) * f->x_channels + channel) * f->x[0] + s->depth) * f->x[1] * f->x[2] +
                (row + top * stride[1]) * f->x[2] + column + left * stride[2];
    job->v->store_rows(&(ct_rows){
        .rows = bottom - top,
        .columns = right - left,
        .from = from + top * job->pitch + left,
        .from_row = job->pitch,
        .to = to,
        .end = right - left == f->x[2] && stride[1] == 1 ? to + (bottom - top) * f->x[2] : to,
        .to_row = stride[1] * f->x[2],
        .step = stride[2],
        .ahead = ahead(f->x + 1),
    });
}

/* Positions of x count from before the padding, in whole strides; within a stride lie its phases. */
static void run_x(void *context, int lane, int64_t number)
{
    const struct job *job = context;
    const ct_conv_form *f = job->f;
    const struct piece p = piece_at(job, number);
    const struct place at = lane_scratch(job, lane);
    const int64_t plane = f->x[1] * f->x[2];
    int64_t phase[3] = { (p.strip.depth + f->padding[0]) % f->stride[0] }, taps[CT_MOST_TAPS], back[CT_MOST_TAPS];

    for (int64_t group = p.group; group < p.group + p.groups; group++) {
        stage_y(job, group, p.image, p.images, &p.strip, at.stage);
        for (phase[1] = 0; phase[1] < f->stride[1]; phase[1]++)
            for (phase[2] = 0; phase[2] < f->stride[2]; phase[2]++)
                for (int64_t c = 0; c < job->in; c += OUTS) {
                    const int64_t ins = least(OUTS, job->in - c), before = ct_taps_before(f, phase) * job->outs;
                    int64_t count = job->outs;
                    float *target = job->out + ((p.image * f->x_channels + group * job->in + c) * f->x[0] + p.strip.depth) * plane +
                                    p.strip.row * f->x[2];

                    for (int a = 0; a < 3; a++)
                        count *= ct_taps_of(f, a, phase[a], taps, back);
                    job->v->multiply_planes(&(ct_plane_product){
                        .groups = p.images,
                        .outs = ins,
                        .vectors = vectors_of(job, &p.strip),
                        .count = count,
                        .a = at.stage,
                        .a_at = job->a_at + before,
                        .a_vector = job->vector_at,
                        .a_group = job->image,
                        .b = (float *)job->b + (group * job->outs * job->in + c) * job->taps,
                        .b_at = job->b_at + before,
                        .b_out = job->taps,
                        .c = job->rows ? target : at.sums,
                        .c_group = job->rows ? f->x_channels * f->x[0] * plane : OUTS * job->positions,
                        .c_out = job->rows ? f->x[0] * plane : job->positions,
                    });
                    for (int64_t i = 0; i < p.images * ins && !job->rows; i++)
                        store_phase(job, &p, phase, i / ins, group * job->in + c + i % ins,
                                    at.sums + (i / ins * OUTS + i % ins) * job->positions);
                }
    }
}

static void run_w(void *context, int lane, int64_t number)
{
    const struct job *job = context;
    const ct_conv_form *f = job->f;
    const struct place at = lane_scratch(job, lane);
    const int64_t part = number / job->shares, each = job->outs * job->in * job->taps, units = job->chunks * job->cut.extent[0] * job->cut.strips;
    float *sums = job->sums + part * f->groups * each * job->v->lanes;

    for (int64_t unit = part * units / job->parts; unit < (part + 1) * units / job->parts; unit++) {
        const struct piece p = piece_at(job, unit * job->shares + number % job->shares);

        if (unit == part * units / job->parts)
            memset(sums + p.group * each * job->v->lanes, 0, (size_t)(p.groups * each * job->v->lanes) * sizeof *sums);
        for (int64_t channel = p.group * job->in, ins; channel < (p.group + p.groups) * job->in; channel += ins) {
            const int64_t group = channel / job->in, c = channel % job->in;

            ins = least(job->staged, job->in - c);
            stage_x(job, job->a, channel, ins, p.image, p.images, &p.strip, at.stage);
            for (int64_t o = 0; o < job->outs; o += OUTS) {
                const int64_t y = (p.image * f->y_channels + group * job->outs + o) * f->y[0] + p.strip.depth;

                job->v->sum_planes(&(ct_plane_sums){
                    .groups = p.images,
                    .rows = p.strip.high,
                    .columns = p.strip.wide,
                    .outs = least(OUTS, job->outs - o),
                    .count = ins * job->taps,
                    .a = at.stage,
                    .a_at = job->a_at,
                    .a_group = job->image,
                    .a_row = job->pitch,
                    .b = sums + (group * each + (o * job->in + c) * job->taps) * job->v->lanes,
                    .b_at = job->b_at,
                    .b_out = job->in * job->taps,
                    .c = job->b + (y * f->y[1] + p.strip.row) * f->y[2] + p.strip.column,
                    .c_end = job->b + f->batch * f->y_channels * volume(f->y),
                    .c_group = f->y_channels * volume(f->y),
                    .c_out = volume(f->y),
                    .c_row = f->y[2],
                });
            }
        }
    }
}

/* Where products look, in x's planes: term after term, tap after tap, as w has them. */
static void find_products_of_y(const struct job *job)
{
    const ct_conv_form *f = job->f;
    const int64_t *k = f->k;
    int64_t taps[CT_MOST_TAPS], back[CT_MOST_TAPS];

    for (int a = 1; a < 3; a++)
        for (int64_t phase = 0; phase < job->phases[a]; phase++)
            job->has_taps[a][phase] = ct_taps_of(f, a, phase, taps, back) > 0;
    for (int64_t i = 0; i < job->staged * job->taps; i++) {
        const int64_t tap[3] = { i / k[2] / k[1] % k[0], i / k[2] % k[1], i % k[2] };
        const int64_t row = tap[1] * f->dilation[1], column = tap[2] * f->dilation[2];
        job->a_at[i] = i / job->taps * job->term +
                       ((tap[0] * job->phases[1] + row % job->phases[1]) * job->phases[2] + column % job->phases[2]) * job->plane +
                       row / job->phases[1] * job->pitch + column / job->phases[2];
        job->b_at[i] = i;
    }
}

/* The same in y's planes, phase by phase. */
static void find_products_of_x(const struct job *job)
{
    const ct_conv_form *f = job->f;
    int64_t taps[3][CT_MOST_TAPS], back[3][CT_MOST_TAPS], n[3], i = 0;

    for (int64_t p[3] = { 0 }; p[0] < f->stride[0]; p[0]++)
        for (p[1] = 0; p[1] < f->stride[1]; p[1]++)
            for (p[2] = 0; p[2] < f->stride[2]; p[2]++) {
                for (int a = 0; a < 3; a++)
                    n[a] = ct_taps_of(f, a, p[a], taps[a], back[a]);
                for (int64_t t = 0; t < job->outs * n[0] * n[1] * n[2]; t++, i++) {
                    const int64_t d = t / n[2] / n[1] % n[0], h = t / n[2] % n[1], w = t % n[2], o = t / n[2] / n[1] / n[0];
                    job->a_at[i] = o * job->term + d * job->plane + (job->reach[1] - back[1][h]) * job->pitch + job->reach[2] - back[2][w];
                    job->b_at[i] = o * job->in * job->taps + (taps[0][d] * f->k[1] + taps[1][h]) * f->k[2] + taps[2][w];
                }
            }
}

/* conv_weight's sums are each of one channel of x, so that a few at a time will do. */
static int64_t staged(const ct_conv_form *f, ct_conv_map map)
{
    const int64_t in = f->x_channels / f->groups;
    return map == CT_MAP_TRANSPOSE ? f->y_channels / f->groups : map == CT_MAP_WEIGHT ? ceil_divide(in, most(1, ceil_divide(in, INS))) : in;
}

ct_cut ct_planes_cut(const ct_conv_form *f, ct_conv_map map)
{
    return ct_cut_make(f, map == CT_MAP_TRANSPOSE, staged(f, map), 0, STAGE, POSITIONS);
}

bool ct_planes_whole_rows(const ct_conv_form *f, ct_conv_map map, const ct_cut *c, int64_t lanes)
{
    return map != CT_MAP_WEIGHT && c->across == 1 && c->wide % lanes == 0 && (map == CT_MAP_CONV || f->stride[1] * f->stride[2] == 1);
}

static void plan(struct job *job)
{
    const ct_conv_form *f = job->f;
    const bool to_x = job->map == CT_MAP_TRANSPOSE;
    ct_cut *c = &job->cut;

    job->staged = staged(f, job->map);
    *c = ct_planes_cut(f, job->map);
    for (int a = 0; a < 3; a++) {
        job->reach[a] = f->dilation[a] * (f->k[a] - 1) / f->stride[a];
        job->phases[a] = to_x ? 1 : f->stride[a];
    }
    job->pitch = c->wide + job->reach[2];
    job->plane = (c->high + job->reach[1]) * job->pitch;
    job->term = f->k[0] * job->phases[1] * job->phases[2] * job->plane;
    job->image = job->staged * job->term;
    job->rows = ct_planes_whole_rows(f, job->map, c, job->v->lanes);
    job->positions = ceil_divide((c->high - 1) * job->pitch + c->wide, job->v->lanes) * job->v->lanes;

    const int64_t strips = c->extent[0] * c->strips;
    job->images = c->strips > 1 ? 1 : most(1, least(f->batch, least(STAGE / job->image, POSITIONS / job->positions)));
    while (job->images > 1 && ceil_divide(f->batch, job->images) * strips * f->groups < PIECES)
        job->images = (job->images + 1) / 2;
    job->chunks = ceil_divide(f->batch, job->images);
    const double work = (double)job->images * (double)job->positions * (double)job->in * (double)job->outs * (double)job->taps;
    job->share = 1;
    while (job->share < f->groups && work * (double)job->share < CT_CONV_GRAIN &&
           job->chunks * strips * ceil_divide(f->groups, 2 * job->share) >= PIECES)
        job->share *= 2;
    job->shares = ceil_divide(f->groups, job->share);
    const int64_t sums = f->groups * job->in * job->outs * job->taps * job->v->lanes;
    job->parts = least(least(job->chunks * strips, MOST_PARTS), least(ceil_divide(PIECES, job->shares), most(4, MOST_SUMS / sums)));
    job->parts = job->map == CT_MAP_WEIGHT ? most(1, job->parts) : 1;
}

/* A weight is the sum over parts and lanes: lane by lane over the parts, then half the lanes to the other half. */
static void join(void *context, int lane, int64_t number)
{
    const struct job *job = context;
    const int64_t each = job->share * job->outs * job->in * job->taps, all = job->f->groups * job->outs * job->in * job->taps,
                  lanes = job->v->lanes;

    (void)lane;
    for (int64_t i = number * each; i < least(number * each + each, all); i++) {
        float *sum = job->sums + i * lanes;
        for (int64_t part = 1; part < job->parts; part++)
            for (int64_t l = 0; l < lanes; l++)
                sum[l] += sum[part * all * lanes + l];
        for (int64_t half = lanes / 2; half > 0; half /= 2)
            for (int64_t l = 0; l < half; l++)
                sum[l] += sum[half + l];
        job->out[i] = sum[0];
    }
}

bool ct_conv_run_planes(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    struct job job = {
        .v = ct_conv_vectors(tape),
        .f = f,
        .map = map,
        .a = a,
        .b = b,
        .out = out,
        .in = f->x_channels / f->groups,
        .outs = f->y_channels / f->groups,
        .taps = volume(f->k),
    };
    const bool weight = map == CT_MAP_WEIGHT;

    (void)dtype;
    if (!job.v)
        return false;
    plan(&job);
    const int64_t products = job.staged * job.taps, weights = f->groups * job.outs * job.in * job.taps;
    const int64_t pieces = (weight ? job.parts : job.chunks * job.cut.extent[0] * job.cut.strips) * job.shares;
    const int lanes = ct_parallel_lanes(pieces);

    job.scratch_floats = (job.images * job.image + OUTS * job.images * job.positions + job.pitch + 4 * job.v->lanes + 63) / 32 * 32;
    const int64_t vectors = job.positions / job.v->lanes;
    ct_tensor *tables = ct_tape_tensor(tape, CT_F64, CT_SHAPE(2 * products + job.phases[1] + job.phases[2] + vectors)), *sums = NULL,
              *own = NULL;
    if (tables)
        sums = ct_tape_tensor(tape, CT_F32, CT_SHAPE(weight ? job.parts * weights * job.v->lanes : 0));
    if (sums)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.a_at = (int64_t *)ct_data(tables), job.b_at = job.a_at + products;
        job.has_taps[1] = job.b_at + products, job.has_taps[2] = job.has_taps[1] + job.phases[1];
        job.vector_at = job.has_taps[2] + job.phases[2];
        for (int64_t i = 0, columns = job.cut.wide / job.v->lanes; i < vectors; i++)
            job.vector_at[i] = (job.rows ? i / columns * job.pitch + i % columns * job.v->lanes : i * job.v->lanes);
        job.sums = ct_data(sums), job.scratch = ct_data(own);
        (map == CT_MAP_TRANSPOSE ? find_products_of_x : find_products_of_y)(&job);
        ct_parallel_pieces(pieces, lanes, weight ? run_w : map == CT_MAP_CONV ? run_y : run_x, &job);
        if (weight)
            ct_parallel_pieces(job.shares, lanes, join, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, sums);
    ct_tape_drop(tape, tables);
    return own != NULL;
}
