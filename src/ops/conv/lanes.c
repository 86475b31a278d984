/* Groups of few channels, depthwise among them, in float32: the channels of all groups lie in lanes side by side, and each channel that a
 * group contracts (a term) is gathered for all lanes of its group. A product is then one of vectors, tap by tap.
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include <string.h>

#include "conv.h"
#include "../../tensor/whole.h"
#include "strip.h"
#include "window.h"

enum { PARTS = 16, STAGE = 3 << 12, MOST_POSITIONS = 512, MOST_LANES = 64 };

struct job {
    const ct_vectors *v;
    const ct_conv_form *f;
    ct_conv_map map;
    const float *a, *b;
    float *out, *packed, *scratch;
    int64_t scratch_floats;
    int64_t channels, vectors;  /* that are lanes */
    int64_t source_channels;    /* that are terms, of all groups */
    int64_t each, terms;        /* of a group */
    int64_t taps, wide;         /* wide: floats of a vector's weights */
    ct_cut cut;
    int64_t parts, sum_floats;  /* conv_weight */
};

/* Where the lanes of a vector find term 0: the channel, counted from the image's first. */
static void term_channels(const struct job *job, int64_t vector, int64_t channel[MOST_LANES])
{
    for (int64_t l = 0; l < job->v->lanes; l++)
        channel[l] = (vector * job->v->lanes + l) / job->each * job->terms;
}

static int64_t valid_lanes(const struct job *job, int64_t vector)
{
    return least(job->v->lanes, job->channels - vector * job->v->lanes);
}

/* One plane of a term for all lanes of a vector. */
static void stage_term(const struct job *job, const float *data, const int64_t extent[3], int64_t image, int64_t vector, int64_t term,
                       int64_t depth, ct_window w)
{
    int64_t channel[MOST_LANES], size = ct_conv_volume(extent);
    bool there = depth >= 0 && depth < extent[0];

    term_channels(job, vector, channel);
    for (int64_t l = 0; l < job->v->lanes; l++)
        channel[l] *= size;
    if (!there)
        w.row = -w.rows - extent[1]; /* all of it outside */
    w.extent = extent + 1, w.places = channel, w.valid = valid_lanes(job, vector);
    w.first = (image * job->source_channels + term) * size + (there ? depth : 0) * extent[1] * extent[2];
    w.pitch = job->cut.pitch, w.step = job->v->lanes;
    ct_window_load(job->v, &w, data, data + job->f->batch * job->source_channels * size);
}

/* x's pixels under a strip of y. */
static void stage_x(const struct job *job, int64_t vector, int64_t term, const ct_strip *s, float *stage)
{
    const ct_conv_form *f = job->f;

    for (int64_t d = 0; d < f->k[0]; d++)
        stage_term(job, job->a, f->x, s->image, vector, term, s->depth * f->stride[0] - f->padding[0] + d * f->dilation[0],
                   (ct_window){
                       .row = s->row * f->stride[1] - f->padding[1],
                       .column = s->column * f->stride[2] - f->padding[2],
                       .rows = (s->high - 1) * f->stride[1] + job->cut.reach[1] + 1,
                       .columns = (s->wide - 1) * f->stride[2] + job->cut.reach[2] + 1,
                       .stage = stage + d * job->cut.plane,
                   });
}

/* Where taps look in the stage. */
static void find_taps(const struct job *job, const int64_t count[3], int64_t place[3][CT_MOST_TAPS], int64_t *tap)
{
    for (int64_t d = 0; d < count[0]; d++)
        for (int64_t h = 0; h < count[1]; h++)
            for (int64_t w = 0; w < count[2]; w++)
                *tap++ = place[0][d] * job->cut.plane + place[1][h] * job->cut.pitch + place[2][w] * job->v->lanes;
}

static void find_all_taps(const struct job *job, int64_t *tap)
{
    int64_t place[3][CT_MOST_TAPS];

    for (int a = 0; a < 3; a++)
        for (int64_t k = 0; k < job->f->k[a]; k++)
            place[a][k] = a ? k * job->f->dilation[a] : k;
    find_taps(job, job->f->k, place, tap);
}

static ct_lane_product product_of_y(const struct job *job, const ct_strip *s, const float *stage, const int64_t *tap, float *b, float *c)
{
    return (ct_lane_product){
        .groups = s->high,
        .rows = s->wide,
        .taps = job->taps,
        .a = stage,
        .a_tap = tap,
        .a_group = job->f->stride[1] * job->cut.pitch,
        .a_row = job->f->stride[2] * job->v->lanes,
        .b = b,
        .c = c,
        .c_group = s->wide * job->v->lanes,
        .c_row = job->v->lanes,
    };
}

struct place {
    int64_t *tap;
    float *stage, *c;
};

static struct place lane_scratch(const struct job *job, int lane)
{
    int64_t *tap = (int64_t *)(job->scratch + lane * job->scratch_floats);
    float *stage = (float *)(tap + (job->taps + 7) / 8 * 8);
    return (struct place){ tap, stage, stage + (job->cut.floats + 15) / 16 * 16 };
}

/* ---- weights: [vector][term][tap][lane], phase by phase for conv_transpose ---- */

static void pack(void *context, int lane, int64_t vector)
{
    const struct job *job = context;
    const ct_conv_form *f = job->f;
    const ct_vectors *v = job->v;
    int64_t in = f->x_channels / f->groups, outs = f->y_channels / f->groups, first = vector * v->lanes, lanes = v->lanes;
    const float *end = job->b + f->y_channels * in * job->taps;
    float *to = job->packed + vector * job->wide, *stage = lane_scratch(job, lane).stage;
    int64_t place[MOST_LANES], taps[3][CT_MOST_TAPS], back[CT_MOST_TAPS], n[3];

    if (job->map == CT_MAP_CONV) {
        v->gather(job->b + first * job->wide / lanes, end, job->wide / lanes, (int)valid_lanes(job, vector), job->wide / lanes, to, lanes);
        return;
    }
    for (int64_t e = 0; e < job->terms; e++) {
        for (int64_t l = 0; l < lanes; l++)
            place[l] = (((first + l) / in * outs + e) * in + (first + l) % in) * job->taps;
        v->gather_at(job->b, end, place, (int)valid_lanes(job, vector), job->taps, stage, lanes);
        for (int64_t p[3] = { 0 }; p[0] < f->stride[0]; p[0]++)
            for (p[1] = 0; p[1] < f->stride[1]; p[1]++)
                for (p[2] = 0; p[2] < f->stride[2]; p[2]++) {
                    for (int a = 0; a < 3; a++)
                        n[a] = ct_taps_of(f, a, p[a], taps[a], back);
                    int64_t count = n[0] * n[1] * n[2];
                    float *phase = to + (ct_taps_before(f, p) * job->terms + e * count) * lanes;
                    for (int64_t i = 0; i < count; i++) {
                        int64_t tap = (taps[0][i / n[2] / n[1]] * f->k[1] + taps[1][i / n[2] % n[1]]) * f->k[2] + taps[2][i % n[2]];
                        memcpy(phase + i * lanes, stage + tap * lanes, (size_t)lanes * sizeof *phase);
                    }
                }
    }
}

/* Summed over the parts in order. */
static void unpack(void *context, int lane, int64_t vector)
{
    const struct job *job = context;
    int64_t row = job->wide / job->v->lanes;
    float *sum = job->packed + vector * job->wide;

    (void)lane;
    for (int64_t p = 1; p < job->parts; p++)
        for (int64_t i = 0; i < job->wide; i++)
            sum[i] += sum[p * job->sum_floats + i];
    job->v->scatter(sum, job->v->lanes, row, job->out + vector * job->wide, row, (int)valid_lanes(job, vector));
}

/* ---- the maps ---- */

static void store(const struct job *job, int64_t image, int64_t vector, const int64_t extent[3], int64_t depth, ct_window w)
{
    int64_t size = ct_conv_volume(extent);

    w.extent = extent + 1, w.apart = size, w.valid = valid_lanes(job, vector), w.step = job->v->lanes;
    w.first = (image * job->channels + vector * job->v->lanes) * size + depth * extent[1] * extent[2];
    ct_window_store(job->v, &w, job->out);
}

static void run_y(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    int64_t vector = piece % job->vectors;
    ct_strip s = ct_strip_at(&job->cut, piece / job->vectors);
    struct place at = lane_scratch(job, lane);

    find_all_taps(job, at.tap);
    for (int64_t e = 0; e < job->terms; e++) {
        ct_lane_product product = product_of_y(job, &s, at.stage, at.tap,
                                               job->packed + vector * job->wide + e * job->taps * job->v->lanes, at.c);
        product.add = e > 0;
        stage_x(job, vector, e, &s, at.stage);
        job->v->multiply_lanes(&product);
    }
    store(job, s.image, vector, job->f->y, s.depth,
          (ct_window){ .row = s.row, .column = s.column, .rows = s.high, .columns = s.wide, .stage = at.c,
                       .pitch = s.wide * job->v->lanes });
}

/* Positions of x count from before the padding, in whole strides; within a stride lie its phases. */
static void run_x(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_conv_form *f = job->f;
    const int64_t *stride = f->stride, lanes = job->v->lanes;
    int64_t vector = piece % job->vectors, taps[CT_MOST_TAPS], back[3][CT_MOST_TAPS], place[3][CT_MOST_TAPS], n[3];
    ct_strip s = ct_strip_at(&job->cut, piece / job->vectors);
    struct place at = lane_scratch(job, lane);
    int64_t depth = s.depth + f->padding[0], phase[3] = { depth % stride[0] };
    int64_t row = s.row + f->padding[1] / stride[1], column = s.column + f->padding[2] / stride[2];
    int64_t pitch = s.wide * stride[2] * lanes;

    n[0] = ct_taps_of(f, 0, phase[0], taps, back[0]);
    memset(at.c, 0, (size_t)(s.high * stride[1] * pitch) * sizeof *at.c);
    for (int64_t e = 0; e < job->terms; e++) {
        for (int64_t d = 0; d < n[0]; d++) {
            place[0][d] = d;
            stage_term(job, job->a, f->y, s.image, vector, e, depth / stride[0] - back[0][d],
                       (ct_window){ .row = row - job->cut.reach[1], .column = column - job->cut.reach[2],
                                    .rows = s.high + job->cut.reach[1], .columns = s.wide + job->cut.reach[2],
                                    .stage = at.stage + d * job->cut.plane });
        }
        for (phase[1] = 0; phase[1] < stride[1]; phase[1]++)
            for (phase[2] = 0; phase[2] < stride[2]; phase[2]++) {
                for (int a = 1; a < 3; a++) {
                    n[a] = ct_taps_of(f, a, phase[a], taps, back[a]);
                    for (int64_t t = 0; t < n[a]; t++)
                        place[a][t] = job->cut.reach[a] - back[a][t];
                }
                int64_t count = n[0] * n[1] * n[2];
                find_taps(job, n, place, at.tap);
                job->v->multiply_lanes(&(ct_lane_product){
                    .groups = s.high,
                    .rows = s.wide,
                    .taps = count,
                    .a = at.stage,
                    .a_tap = at.tap,
                    .a_group = job->cut.pitch,
                    .a_row = lanes,
                    .b = job->packed + vector * job->wide + (ct_taps_before(f, phase) * job->terms + e * count) * lanes,
                    .c = at.c + phase[1] * pitch + phase[2] * lanes,
                    .c_group = stride[1] * pitch,
                    .c_row = stride[2] * lanes,
                    .add = true,
                });
            }
    }
    store(job, s.image, vector, f->x, s.depth,
          (ct_window){ .row = row * stride[1] - f->padding[1], .column = column * stride[2] - f->padding[2],
                       .rows = s.high * stride[1], .columns = s.wide * stride[2], .stage = at.c, .pitch = pitch });
}

static void run_w(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_conv_form *f = job->f;
    int64_t vector = piece % job->vectors, part = piece / job->vectors, all = f->batch * f->y[0] * job->cut.strips;
    int64_t begin = part * all / job->parts, end = (part + 1) * all / job->parts, size = ct_conv_volume(f->y);
    struct place at = lane_scratch(job, lane);

    find_all_taps(job, at.tap);
    for (int64_t i = begin; i < end; i++) {
        ct_strip s = ct_strip_at(&job->cut, i);
        ct_window_load(job->v, &(ct_window){
            .extent = f->y + 1,
            .first = (s.image * f->y_channels + vector * job->v->lanes) * size + s.depth * f->y[1] * f->y[2],
            .apart = size,
            .valid = valid_lanes(job, vector),
            .row = s.row, .column = s.column, .rows = s.high, .columns = s.wide,
            .stage = at.c, .pitch = s.wide * job->v->lanes, .step = job->v->lanes,
        }, job->b, job->b + f->batch * f->y_channels * size);
        for (int64_t e = 0; e < job->terms; e++) {
            ct_lane_product product = product_of_y(job, &s, at.stage, at.tap, job->packed + part * job->sum_floats +
                                                   vector * job->wide + e * job->taps * job->v->lanes, at.c);
            product.add = i > begin;
            stage_x(job, vector, e, &s, at.stage);
            job->v->multiply_lanes_outer(&product);
        }
    }
}

bool ct_conv_run_lanes(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    const ct_vectors *v = ct_conv_vectors(tape);
    bool to_x = map == CT_MAP_TRANSPOSE, weight = map == CT_MAP_WEIGHT;
    int64_t in = f->x_channels / f->groups, outs = f->y_channels / f->groups;
    struct job job = {
        .v = v,
        .f = f,
        .map = map,
        .a = a,
        .b = b,
        .out = out,
        .channels = to_x ? f->x_channels : f->y_channels,
        .source_channels = to_x ? f->y_channels : f->x_channels,
        .each = to_x ? in : outs,
        .terms = to_x ? outs : in,
        .taps = ct_conv_volume(f->k),
    };

    (void)dtype;
    if (!v)
        return false;
    job.vectors = ceil_divide(job.channels, v->lanes);
    job.wide = job.terms * job.taps * v->lanes;
    job.sum_floats = job.vectors * job.wide;
    job.cut = ct_cut_make(f, to_x, v->lanes, 0, STAGE, MOST_POSITIONS);

    int64_t strips = f->batch * job.cut.extent[0] * job.cut.strips;
    job.parts = weight ? least(strips, PARTS) : 1;
    int64_t pieces = (weight ? job.parts : strips) * job.vectors, phases = to_x ? f->stride[1] * f->stride[2] : 1;
    int lanes = ct_parallel_lanes(pieces);
    job.scratch_floats = 2 * ((job.taps + 7) / 8 * 8) + (most(job.cut.floats, job.taps * v->lanes) + 15) / 16 * 16 +
                         job.cut.high * job.cut.wide * phases * v->lanes;
    job.scratch_floats = (job.scratch_floats + 31) / 16 * 16;

    ct_tensor *packed = ct_tape_tensor(tape, CT_F32, CT_SHAPE(job.parts * job.sum_floats)), *own = NULL;
    if (packed)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.packed = ct_data(packed), job.scratch = ct_data(own);
        if (!weight)
            ct_parallel_pieces(job.vectors, lanes, pack, &job);
        ct_parallel_pieces(pieces, lanes, weight ? run_w : to_x ? run_x : run_y, &job);
        if (weight)
            ct_parallel_pieces(job.vectors, lanes, unpack, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, packed);
    return own != NULL;
}
