/* Convolutions of any geometry in float32 without columns: the image's pixels are gathered channels-last into a stage, and the product
 * reads each pixel's taps where they lie. A run of products is a row of taps, or one tap where dilation parts them.
 *
 *     conv            rows: outputs of a strip     products: (tap, c)           lanes: o
 *     conv_transpose  rows: a phase's inputs       products: (phase's tap, o)   lanes: c
 *     conv_weight     rows: (tap, c)               products: outputs            lanes: o
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include "direct.h"
#include "../../tensor/whole.h"

#include <string.h>

enum { PIECES = 16, FEW = 4, LONGEST_RUN = 256, STAGE = 1 << 16, MOST_ROWS = 512, LEAST_ROWS = 32, MOST_PARTS = 64 /* of a run */,
       MOST_STRIDE = 8, MOST_KERNEL = 4096 /* taps */, MOST_STAGE = 1 << 24 };

/* One plane of a group's channels, from (row, column) on, channels last. The last vector goes first: what it writes behind a pixel's
 * channels is then overwritten by the next pixel's. */
static void stage_plane(const ct_direct *job, const float *data, int64_t all, int64_t first, const int64_t extent[3], int64_t depth,
                        ct_window w)
{
    const ct_cut *c = &job->cut;
    const float *end = data + job->f->batch * all * ct_direct_volume(extent);
    int64_t lanes = job->v->lanes, vectors = ceil_divide(c->channels, lanes);

    w.extent = extent + 1, w.apart = ct_direct_volume(extent);
    w.pitch = c->pitch, w.step = c->channels;
    for (int64_t i = vectors - 1; i >= 0; i--) {
        ct_window part = w;
        part.first = (first + i * lanes) * ct_direct_volume(extent) + depth * extent[1] * extent[2];
        part.valid = least(lanes, c->channels - i * lanes);
        part.stage += i * lanes;
        ct_window_load(job->v, &part, data, end);
    }
}

/* ---- packed weights: [group][panel of lanes][product][lane], and for conv_transpose phase by phase ---- */

static void pack_for_y(const ct_direct *job, int64_t group, int64_t vector, const float *w, float *scratch)
{
    const ct_vectors *v = job->v;
    int64_t lanes = v->lanes, o = vector * lanes, wide = job->in * job->taps;
    float *to = job->packed + group * job->group_floats + o / v->panel * wide * v->panel + o % v->panel;
    const float *from = w + (group * job->outs + o) * wide, *end = w + job->f->y_channels * wide;

    v->gather(from, end, wide, (int)least(lanes, job->outs - o), wide, scratch, lanes);
    for (int64_t c = 0; c < job->in; c++)
        for (int64_t tap = 0; tap < job->taps; tap++)
            memcpy(to + (tap * job->in + c) * v->panel, scratch + (c * job->taps + tap) * lanes, (size_t)lanes * sizeof *to);
}

static void pack_for_x(const ct_direct *job, int64_t group, int64_t vector, const float *w, float *scratch)
{
    const ct_conv_form *f = job->f;
    const ct_vectors *v = job->v;
    int64_t lanes = v->lanes, c = vector * lanes, valid = least(lanes, job->in - c), taps[3][CT_MOST_TAPS], back[CT_MOST_TAPS], n[3];
    const float *end = w + f->y_channels * job->in * job->taps;

    for (int64_t o = 0; o < job->outs; o++)
        v->gather(w + ((group * job->outs + o) * job->in + c) * job->taps, end, job->taps, (int)valid, job->taps,
                  scratch + o * job->taps * lanes, lanes);
    for (int64_t p[3] = { 0 }; p[0] < f->stride[0]; p[0]++)
        for (p[1] = 0; p[1] < f->stride[1]; p[1]++)
            for (p[2] = 0; p[2] < f->stride[2]; p[2]++) {
                for (int a = 0; a < 3; a++)
                    n[a] = ct_taps_of(f, a, p[a], taps[a], back);
                float *to = job->packed + group * job->group_floats + ct_taps_before(f, p) * job->outs * job->panels * v->panel +
                            c / v->panel * n[0] * n[1] * n[2] * job->outs * v->panel + c % v->panel;
                for (int64_t i = 0; i < n[0] * n[1] * n[2]; i++) {
                    int64_t tap = (taps[0][i / n[2] / n[1]] * f->k[1] + taps[1][i / n[2] % n[1]]) * f->k[2] + taps[2][i % n[2]];
                    for (int64_t o = 0; o < job->outs; o++, to += v->panel)
                        memcpy(to, scratch + (o * job->taps + tap) * lanes, (size_t)lanes * sizeof *to);
                }
            }
}

static void pack(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    int64_t vectors = ceil_divide(job->lanes_of, job->v->lanes);
    (job->map == CT_MAP_TRANSPOSE ? pack_for_x : pack_for_y)(job, piece / vectors, piece % vectors, job->b, ct_direct_scratch(job, lane));
}

/* ---- the maps ---- */

/* The i in [0, count) with 0 ≤ first + place[i] < extent; places grow. */
static ct_range inside(const int64_t *place, int64_t count, int64_t first, int64_t extent)
{
    ct_range in = { 0, count };

    while (in.begin < in.end && first + place[in.begin] < 0)
        in.begin++;
    while (in.begin < in.end && first + place[in.end - 1] >= extent)
        in.end--;
    return in;
}

/* The offsets of runs in the stage: rows × (columns, where they are not one run) × pieces of a run. */
static int64_t find_runs(const ct_direct *job, ct_range high, int64_t wide, const int64_t *const place[3], int64_t run,
                         int64_t *runs)
{
    const ct_cut *c = &job->cut;
    bool merged = job->f->dilation[2] == 1;
    int64_t pixel = (merged ? wide : 1) * c->channels, n = 0;

    for (int64_t h = high.begin; h < high.end; h++)
        for (int64_t w = 0; w < (merged ? 1 : wide); w++)
            for (int64_t i = 0; i < pixel; i += run)
                runs[n++] = place[1][h] * c->pitch + place[2][w] * c->channels + i;
    return n;
}

/* Products of a run: a row of taps, or a tap's channels, or an even part of them. */
static int64_t run_length(int64_t pixel)
{
    for (int64_t parts = ceil_divide(pixel, LONGEST_RUN); parts < pixel && parts < MOST_PARTS; parts++)
        if (pixel % parts == 0)
            return pixel / parts;
    return pixel;
}

/* A strip's sums over count[0] × count[1] × count[2] taps at their places in the stage, which begins at `origin`: of rows that see the
 * same taps at a time, plane after plane. */
struct products {
    const ct_strip *strip;
    const int64_t *count, *const *place;
    ct_range planes;
    int64_t origin, extent; /* of rows */
    int64_t valid;          /* lanes */
    const float *stage, *weights;
    float *c;
    int64_t c_group, c_row;
};

static ct_range taps_of_row(const ct_direct *job, const struct products *p, int64_t h)
{
    return inside(p->place[1], p->count[1], p->origin + h * job->cut.stride[1], p->extent);
}

static void multiply(const ct_direct *job, const struct products *p, int64_t *runs)
{
    const ct_cut *cut = &job->cut;
    const int64_t *n = p->count, panel = job->v->panel, pixel = (job->f->dilation[2] == 1 ? n[2] : 1) * cut->channels;
    const int64_t run = run_length(pixel);

    for (int64_t h = 0, next; h < p->strip->high; h = next) {
        ct_range taps = taps_of_row(job, p, h);
        for (next = h + 1; next < p->strip->high; next++) {
            ct_range other = taps_of_row(job, p, next);
            if (other.begin != taps.begin || other.end != taps.end)
                break;
        }
        int64_t number = find_runs(job, taps, n[2], p->place, run, runs);
        bool none = number == 0 || p->planes.begin == p->planes.end;
        for (int64_t d = p->planes.begin; !none && d < p->planes.end; d++)
            job->v->multiply(&(ct_product){
                .groups = next - h,
                .rows = p->strip->wide,
                .panels = 1,
                .valid = p->valid,
                .runs = number,
                .run = run,
                .last = run,
                .a = p->stage + p->place[0][d] * cut->plane + h * cut->stride[1] * cut->pitch,
                .a_run = runs,
                .a_group = cut->stride[1] * cut->pitch,
                .a_row = cut->stride[2] * cut->channels,
                .b = p->weights + (d * n[1] + taps.begin) * n[2] * cut->channels * panel,
                .c = p->c + h * p->c_group,
                .c_group = p->c_group,
                .c_row = p->c_row,
                .add = d > p->planes.begin,
            });
        for (int64_t g = h; none && g < next; g++)
            for (int64_t w = 0; w < p->strip->wide; w++)
                memset(p->c + g * p->c_group + w * p->c_row, 0, (size_t)panel * sizeof *p->c);
    }
}

ct_range ct_direct_planes(const ct_conv_form *f, int64_t depth)
{
    int64_t place[CT_MOST_TAPS];

    for (int64_t k = 0; k < f->k[0]; k++)
        place[k] = k * f->dilation[0];
    return inside(place, f->k[0], depth * f->stride[0] - f->padding[0], f->x[0]);
}

void ct_direct_stage(const ct_direct *job, const float *x, int64_t group, const ct_strip *s, ct_range planes, float *stage)
{
    const ct_conv_form *f = job->f;

    for (int64_t d = planes.begin; d < planes.end; d++)
        stage_plane(job, x, f->x_channels, s->image * f->x_channels + group * job->in, f->x,
                    s->depth * f->stride[0] - f->padding[0] + d * f->dilation[0],
                    (ct_window){
                        .row = s->row * f->stride[1] - f->padding[1],
                        .column = s->column * f->stride[2] - f->padding[2],
                        .rows = (s->high - 1) * f->stride[1] + job->cut.reach[1] + 1,
                        .columns = (s->wide - 1) * f->stride[2] + job->cut.reach[2] + 1,
                        .stage = stage + d * job->cut.plane,
                    });
}

/* A window of one panel's vectors, stored to the group's planes at `depth`. */
static void store_panel(const ct_direct *job, int64_t panel, int64_t all, int64_t first, const int64_t extent[3], int64_t depth,
                        ct_window w)
{
    const ct_vectors *v = job->v;

    w.extent = extent + 1, w.apart = ct_direct_volume(extent), w.step = v->panel;
    for (int64_t i = 0; i < v->panel; i += v->lanes) {
        ct_window part = w;
        int64_t channel = panel * v->panel + i;
        part.valid = least(v->lanes, all - channel);
        part.first = (first + channel) * ct_direct_volume(extent) + depth * extent[1] * extent[2];
        part.stage += i;
        if (part.valid > 0)
            ct_window_store(v, &part, job->out);
    }
}

static void run_y(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_conv_form *f = job->f;
    int64_t block = piece % job->blocks, group = piece / job->blocks % f->groups;
    ct_strip s = ct_strip_at(&job->cut, piece / job->blocks / f->groups);
    int64_t *runs = (int64_t *)ct_direct_scratch(job, lane), place[3][CT_MOST_TAPS];
    float *stage = (float *)(runs + (job->runs + 7) / 8 * 8), *c = stage + (job->cut.floats + 31) / 16 * 16;
    ct_range planes = ct_direct_planes(f, s.depth);

    for (int a = 0; a < 3; a++)
        for (int64_t k = 0; k < f->k[a]; k++)
            place[a][k] = a ? k * f->dilation[a] : k;
    ct_direct_stage(job, job->a, group, &s, planes, stage);
    for (int64_t p = block * job->block; p < least((block + 1) * job->block, job->panels); p++) {
        multiply(job, &(struct products){
            .strip = &s,
            .count = f->k,
            .place = (const int64_t *[]){ place[0], place[1], place[2] },
            .planes = planes,
            .origin = s.row * f->stride[1] - f->padding[1],
            .extent = f->x[1],
            .valid = job->outs - p * job->v->panel,
            .stage = stage,
            .weights = job->packed + group * job->group_floats + p * job->in * job->taps * job->v->panel,
            .c = c,
            .c_group = s.wide * job->v->panel,
            .c_row = job->v->panel,
        }, runs);
        store_panel(job, p, job->outs, s.image * f->y_channels + group * job->outs, f->y, s.depth,
                    (ct_window){ .row = s.row, .column = s.column, .rows = s.high, .columns = s.wide, .stage = c,
                                 .pitch = s.wide * job->v->panel });
    }
}

/* Positions of x count from before the padding, in whole strides; within a stride lie its phases. */
static void run_x(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_conv_form *f = job->f;
    const int64_t panel = job->v->panel, *stride = f->stride;
    int64_t block = piece % job->blocks, group = piece / job->blocks % f->groups;
    ct_strip s = ct_strip_at(&job->cut, piece / job->blocks / f->groups);
    int64_t *runs = (int64_t *)ct_direct_scratch(job, lane), taps[CT_MOST_TAPS], back[3][CT_MOST_TAPS], place[3][CT_MOST_TAPS], n[3];
    float *stage = (float *)(runs + (job->runs + 7) / 8 * 8), *c = stage + (job->cut.floats + 31) / 16 * 16;
    int64_t depth = s.depth + f->padding[0], phase[3] = { depth % stride[0] };
    int64_t row = s.row + f->padding[1] / stride[1], column = s.column + f->padding[2] / stride[2];

    n[0] = ct_taps_of(f, 0, phase[0], taps, back[0]);
    for (int64_t d = 0; d < n[0]; d++)
        place[0][d] = -back[0][d];
    ct_range planes = inside(place[0], n[0], depth / stride[0], f->y[0]);
    for (int64_t d = planes.begin; d < planes.end; d++) {
        place[0][d] = d;
        stage_plane(job, job->a, f->y_channels, s.image * f->y_channels + group * job->outs, f->y, depth / stride[0] - back[0][d],
                    (ct_window){ .row = row - job->cut.reach[1], .column = column - job->cut.reach[2],
                                 .rows = s.high + job->cut.reach[1], .columns = s.wide + job->cut.reach[2],
                                 .stage = stage + d * job->cut.plane });
    }
    for (int64_t p = block * job->block; p < least((block + 1) * job->block, job->panels); p++) {
        int64_t pitch = s.wide * stride[2] * panel;
        for (phase[1] = 0; phase[1] < stride[1]; phase[1]++)
            for (phase[2] = 0; phase[2] < stride[2]; phase[2]++) {
                for (int a = 1; a < 3; a++) {
                    n[a] = ct_taps_of(f, a, phase[a], taps, back[a]);
                    for (int64_t t = 0; t < n[a]; t++)
                        place[a][t] = job->cut.reach[a] - back[a][t];
                }
                multiply(job, &(struct products){
                    .strip = &s,
                    .count = n,
                    .place = (const int64_t *[]){ place[0], place[1], place[2] },
                    .planes = planes,
                    .origin = row - job->cut.reach[1],
                    .extent = f->y[1],
                    .valid = job->in - p * panel,
                    .stage = stage,
                    .weights = job->packed + group * job->group_floats + ct_taps_before(f, phase) * job->outs * job->panels * panel +
                               p * n[0] * n[1] * n[2] * job->outs * panel,
                    .c = c + phase[1] * pitch + phase[2] * panel,
                    .c_group = stride[1] * pitch,
                    .c_row = stride[2] * panel,
                }, runs);
            }
        store_panel(job, p, job->in, s.image * f->x_channels + group * job->in, f->x, s.depth,
                    (ct_window){ .row = row * stride[1] - f->padding[1], .column = column * stride[2] - f->padding[2],
                                 .rows = s.high * stride[1], .columns = s.wide * stride[2], .stage = c, .pitch = pitch });
    }
}

/* ---- */

/* Phases are walked one by one, and a strip's stage holds all that its kernels reach, padding too. */
bool ct_conv_direct_fits(const ct_conv_form *f, ct_dtype dtype)
{
    double stage = (double)most(most(f->x_channels, f->y_channels) / f->groups, 16);

    for (int a = 0; a < CT_MAX_SPATIAL; a++) {
        if (f->k[a] > CT_MOST_TAPS || f->stride[a] > MOST_STRIDE)
            return false;
        stage *= a == 0   ? (double)f->k[a]
                 : a == 1 ? (double)f->dilation[a] * (double)f->k[a]
                          : (double)f->dilation[a] * (double)f->k[a] + 128.0 * (double)f->stride[a];
    }
    return dtype == CT_F32 && ct_direct_volume(f->k) <= MOST_KERNEL && stage <= MOST_STAGE;
}

static void plan(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    const ct_vectors *v = job->v;
    ct_cut *c = &job->cut;
    bool to_x = job->map == CT_MAP_TRANSPOSE;

    job->in = f->x_channels / f->groups, job->outs = f->y_channels / f->groups, job->taps = ct_direct_volume(f->k);
    job->lanes_of = to_x ? job->in : job->outs;
    job->panels = ceil_divide(job->lanes_of, v->panel);
    job->group_floats = job->panels * v->panel * job->taps * (to_x ? job->outs : job->in);
    *c = ct_cut_make(f, to_x, to_x ? job->outs : job->in, v->lanes, STAGE, MOST_ROWS);
    const int64_t pieces = f->batch * c->extent[0] * f->groups * job->panels;
    if (job->map != CT_MAP_WEIGHT && pieces > 0 && pieces * c->strips < FEW) /* lower strips, so that there is work for threads */
        *c = ct_cut_make(f, to_x, to_x ? job->outs : job->in, v->lanes, STAGE,
                         most(LEAST_ROWS, c->extent[1] * c->extent[2] * pieces / FEW));
    job->runs = job->taps * least(MOST_PARTS, c->channels * f->k[2]);
}

bool ct_conv_run_direct(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    ct_direct job = { .f = f, .map = map, .a = a, .b = b, .out = out };

    if (!ct_conv_direct_fits(f, dtype))
        return ct_conv_run_columns(tape, f, map, dtype, a, b, out);
    if (ct_conv_lanes_cheaper(f, map))
        return ct_conv_run_lanes(tape, f, map, dtype, a, b, out);
    job.v = ct_conv_vectors(tape);
    if (!job.v)
        return false;
    plan(&job);

    const ct_vectors *v = job.v;
    int64_t strips = f->batch * job.cut.extent[0] * job.cut.strips, sums = job.group_floats * f->groups;
    bool weight = map == CT_MAP_WEIGHT;
    job.parts = weight ? most(1, least(least(strips, PIECES), ((int64_t)1 << 22) / sums)) : 1;
    job.sum_floats = (sums + 15) / 16 * 16;
    int64_t units = (weight ? job.parts : strips) * f->groups;
    job.blocks = least(ceil_divide(PIECES, units), job.panels);
    job.block = ceil_divide(job.panels, job.blocks);
    job.blocks = ceil_divide(job.panels, job.block);

    int64_t positions = job.cut.high * job.cut.wide * (map == CT_MAP_TRANSPOSE ? f->stride[1] * f->stride[2] : 1);
    int64_t stage = (job.cut.floats + 31) / 16 * 16, vectors = ceil_divide(job.lanes_of, v->lanes) * f->groups;
    int64_t packing = job.taps * (map == CT_MAP_TRANSPOSE ? job.outs : job.in) * v->lanes;
    job.scratch_floats = most(packing, 2 * ((job.runs + 7) / 8 * 8) + stage + positions * v->panel * (weight ? job.block : 1));
    job.scratch_floats = (job.scratch_floats + 31) / 16 * 16;
    int lanes = ct_parallel_lanes(most(units * job.blocks, vectors));

    ct_tensor *packed = ct_tape_tensor(tape, CT_F32, CT_SHAPE(job.parts * job.sum_floats)), *own = NULL;
    if (packed)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.packed = ct_data(packed), job.scratch = ct_data(own);
        if (!weight)
            ct_parallel_pieces(vectors, lanes, pack, &job);
        ct_parallel_pieces(units * job.blocks, lanes, weight ? ct_direct_sum : map == CT_MAP_CONV ? run_y : run_x, &job);
        if (weight)
            ct_parallel_pieces(vectors, lanes, ct_direct_unpack, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, packed);
    return own != NULL;
}
