/* Convolutions of any geometry in float32 without columns: the image's pixels are gathered channels-last into a stage, and the product
 * reads each pixel's taps where they lie. A run of products is a row of taps, or one tap where dilation parts them.
 *
 *     conv            rows: outputs of a strip     products: (tap, c)           lanes: o
 *     conv_transpose  rows: a phase's inputs       products: (phase's tap, o)   lanes: c
 *     conv_weight     rows: (tap, c)               products: outputs            lanes: o
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include "direct.h"

#include <string.h>

enum { PIECES = 16, FEW = 4, LONGEST_RUN = 256, STAGE = 1 << 16, SLICE = 128, MOST_ROWS = 512, FEW_ROWS = 128, LEAST_ROWS = 32,
       SMALL = 256 /* pixels of a window whose memory is asked for ahead: the processor sees longer runs by itself */,
       MOST_PARTS = 64 /* of a run */, MOST_STRIDE = 8, MOST_KERNEL = 4096 /* taps */, MOST_STAGE = 1 << 24 };

static ct_window vector_of(const ct_direct *job, ct_window w, int64_t first, int64_t channels, int64_t i)
{
    const int64_t lanes = job->v->lanes;

    w.first += (first + i * lanes) * w.apart;
    w.valid = least(lanes, channels - i * lanes);
    w.stage += i * lanes;
    return w;
}

/* One plane of a slice of channels, from (row, column) on, channels last. The last vector goes first: what it writes behind a pixel's
 * channels is then overwritten by the next pixel's. */
static void stage_plane(const ct_direct *job, const float *data, int64_t all, int64_t first, int64_t channels, const int64_t extent[3],
                        int64_t depth, ct_window w)
{
    const float *end = data + job->f->batch * all * ct_direct_volume(extent);
    int64_t lanes = job->v->lanes, vectors = ceil_divide(channels, lanes);

    w.extent = extent + 1, w.apart = ct_direct_volume(extent);
    w.first = depth * extent[1] * extent[2];
    w.pitch = job->cut.pitch, w.step = channels;
    for (int64_t i = vectors - 1; i >= 0; i--) {
        ct_window part = vector_of(job, w, first, channels, i);
        if (i > 0 && w.rows * w.columns <= SMALL) {
            ct_window next = vector_of(job, w, first, channels, i - 1);
            ct_window_prefetch(&next, data, 0, 1);
        }
        ct_window_load(job->v, &part, data, end);
    }
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
static int64_t find_runs(const ct_direct *job, ct_range high, int64_t wide, const int64_t *const place[3], int64_t channels, int64_t run,
                         int64_t *runs)
{
    bool merged = job->f->dilation[2] == 1;
    int64_t pixel = (merged ? wide : 1) * channels, n = 0;

    for (int64_t h = high.begin; h < high.end; h++)
        for (int64_t w = 0; w < (merged ? 1 : wide); w++)
            for (int64_t i = 0; i < pixel; i += run)
                runs[n++] = place[1][h] * job->cut.pitch + place[2][w] * channels + i;
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

/* A strip's sums over a slice of channels and count[0] × count[1] × count[2] taps at their places in the stage, which begins at `origin`:
 * of rows that see the same taps at a time, plane after plane. The first slice sets them, the others add. */
struct products {
    const ct_view *view;
    int64_t high, wide;     /* of the strip, or of a phase's part of it */
    const int64_t *count, *const *place;
    ct_range planes;
    int64_t origin, extent; /* of rows */
    int64_t panels, valid;  /* valid: lanes of the last panel */
    const float *stage, *weights;
    float *c;
    int64_t c_panel, c_set, c_group, c_row;
};

static ct_range taps_of_row(const ct_direct *job, const struct products *p, int64_t h)
{
    return inside(p->place[1], p->count[1], p->origin + h * job->cut.stride[1], p->extent);
}

static void multiply(const ct_direct *job, const struct products *p, int64_t *runs)
{
    const ct_cut *cut = &job->cut;
    const int64_t *n = p->count, panel = job->v->panel, channels = p->view->channels, first = p->view->first * n[0] * n[1] * n[2];
    const int64_t run = run_length((job->f->dilation[2] == 1 ? n[2] : 1) * channels);

    for (int64_t h = 0, next; h < p->high; h = next) {
        ct_range taps = taps_of_row(job, p, h);
        for (next = h + 1; next < p->high; next++) {
            ct_range other = taps_of_row(job, p, next);
            if (other.begin != taps.begin || other.end != taps.end)
                break;
        }
        int64_t number = find_runs(job, taps, n[2], p->place, channels, run, runs);
        bool none = number == 0 || p->planes.begin == p->planes.end;
        for (int64_t d = p->planes.begin; !none && d < p->planes.end; d++)
            job->v->multiply(&(ct_product){
                .sets = p->view->images,
                .groups = next - h,
                .rows = p->wide,
                .panels = p->panels,
                .valid = p->valid,
                .runs = number,
                .run = run,
                .last = run,
                .a = p->stage + p->place[0][d] * cut->plane + h * cut->stride[1] * cut->pitch,
                .a_run = runs,
                .a_set = cut->floats,
                .a_group = cut->stride[1] * cut->pitch,
                .a_row = cut->stride[2] * channels,
                .b = p->weights + (first + (d * n[1] + taps.begin) * n[2] * channels) * panel,
                .b_panel = n[0] * n[1] * n[2] * job->sources * panel,
                .c = p->c + h * p->c_group,
                .c_panel = p->c_panel,
                .c_set = p->c_set,
                .c_group = p->c_group,
                .c_row = p->c_row,
                .add = p->view->first > 0 || d > p->planes.begin,
            });
        for (int64_t i = 0; none && i < p->panels * p->view->images; i++)
            for (int64_t g = h; g < next; g++)
                for (int64_t w = 0; w < p->wide; w++)
                    memset(p->c + i / p->view->images * p->c_panel + i % p->view->images * p->c_set + g * p->c_group + w * p->c_row, 0,
                           (size_t)panel * sizeof *p->c);
    }
}

ct_range ct_direct_planes(const ct_conv_form *f, int64_t depth)
{
    int64_t place[CT_MOST_TAPS];

    for (int64_t k = 0; k < f->k[0]; k++)
        place[k] = k * f->dilation[0];
    return inside(place, f->k[0], depth * f->stride[0] - f->padding[0], f->x[0]);
}

void ct_direct_stage(const ct_direct *job, const float *x, int64_t group, const ct_view *view, ct_range planes, float *stage)
{
    const ct_conv_form *f = job->f;
    const ct_strip *s = &view->strip;

    for (int64_t i = 0; i < view->images; i++)
        for (int64_t d = planes.begin; d < planes.end; d++)
            stage_plane(job, x, f->x_channels, (s->image + i) * f->x_channels + group * job->in + view->first, view->channels, f->x,
                        s->depth * f->stride[0] - f->padding[0] + d * f->dilation[0],
                        (ct_window){
                            .row = s->row * f->stride[1] - f->padding[1],
                            .column = s->column * f->stride[2] - f->padding[2],
                            .rows = (s->high - 1) * f->stride[1] + job->cut.reach[1] + 1,
                            .columns = (s->wide - 1) * f->stride[2] + job->cut.reach[2] + 1,
                            .stage = stage + i * job->cut.floats + d * job->cut.plane,
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

/* Panels that are multiplied at a time: where channels are staged slice by slice, all of the piece's, whose sums the next slice adds to. */
static int64_t together(const ct_direct *job) { return ct_direct_slices(job) > 1 ? job->block : 1; }

static void run_y(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_conv_form *f = job->f;
    int64_t block = piece % job->blocks, group = piece / job->blocks % f->groups;
    ct_view view = ct_direct_view(job, piece / job->blocks / f->groups);
    const ct_strip s = view.strip;
    int64_t *runs = (int64_t *)ct_direct_scratch(job, lane), place[3][CT_MOST_TAPS], last = least((block + 1) * job->block, job->panels);
    float *stage = (float *)(runs + (job->runs + 7) / 8 * 8), *c = stage + (job->images * job->cut.floats + 31) / 16 * 16;
    const int64_t row = s.wide * job->v->panel, image = s.high * row;
    ct_range planes = ct_direct_planes(f, s.depth);

    for (int a = 0; a < 3; a++)
        for (int64_t k = 0; k < f->k[a]; k++)
            place[a][k] = a ? k * f->dilation[a] : k;
    for (int64_t p = block * job->block, next; p < last; p = next) {
        next = least(p + together(job), last);
        for (int64_t slice = 0; slice < ct_direct_slices(job); slice++) {
            ct_direct_slice(job, &view, slice);
            if (p == block * job->block)
                ct_direct_stage(job, job->a, group, &view, planes, stage);
            multiply(job, &(struct products){
                .view = &view,
                .high = s.high,
                .wide = s.wide,
                .count = f->k,
                .place = (const int64_t *[]){ place[0], place[1], place[2] },
                .planes = planes,
                .origin = s.row * f->stride[1] - f->padding[1],
                .extent = f->x[1],
                .panels = next - p,
                .valid = job->outs - (next - 1) * job->v->panel,
                .stage = stage,
                .weights = job->packed + group * job->group_floats + p * job->in * job->taps * job->v->panel,
                .c = c,
                .c_panel = view.images * image,
                .c_set = image,
                .c_group = row,
                .c_row = job->v->panel,
            }, runs);
        }
        for (int64_t i = 0; i < (next - p) * view.images; i++)
            store_panel(job, p + i / view.images, job->outs, (s.image + i % view.images) * f->y_channels + group * job->outs, f->y, s.depth,
                        (ct_window){ .row = s.row, .column = s.column, .rows = s.high, .columns = s.wide, .stage = c + i * image,
                                     .pitch = row });
    }
}

/* Of positions [first, first + count) along an axis of x, those whose pixel of a phase is not in the padding. */
static ct_range of_phase(const ct_conv_form *f, int axis, int64_t first, int64_t count, int64_t phase)
{
    const int64_t stride = f->stride[axis], begin = ceil_divide(most(0, f->padding[axis] - phase), stride);
    const int64_t end = ceil_divide(most(0, f->x[axis] + f->padding[axis] - phase), stride);
    const ct_range in = { most(begin - first, 0), least(end - first, count) };
    return in.begin < in.end ? in : (ct_range){ 0, 0 };
}

/* Positions of x count from before the padding, in whole strides; within a stride lie its phases. */
static void run_x(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_conv_form *f = job->f;
    const int64_t panel = job->v->panel, *stride = f->stride;
    int64_t block = piece % job->blocks, group = piece / job->blocks % f->groups, end = least((block + 1) * job->block, job->panels);
    ct_view view = ct_direct_view(job, piece / job->blocks / f->groups);
    const ct_strip s = view.strip;
    int64_t *runs = (int64_t *)ct_direct_scratch(job, lane), taps[CT_MOST_TAPS], back[3][CT_MOST_TAPS], place[3][CT_MOST_TAPS], n[3];
    float *stage = (float *)(runs + (job->runs + 7) / 8 * 8), *c = stage + (job->images * job->cut.floats + 31) / 16 * 16;
    int64_t depth = s.depth + f->padding[0], phase[3] = { depth % stride[0] };
    int64_t row = s.row + f->padding[1] / stride[1], column = s.column + f->padding[2] / stride[2];
    const int64_t pitch = s.wide * stride[2] * panel, image = s.high * stride[1] * pitch;

    n[0] = ct_taps_of(f, 0, phase[0], taps, back[0]);
    for (int64_t d = 0; d < n[0]; d++)
        place[0][d] = -back[0][d];
    ct_range planes = inside(place[0], n[0], depth / stride[0], f->y[0]);
    for (int64_t d = planes.begin; d < planes.end; d++)
        place[0][d] = d;
    for (int64_t p = block * job->block, next; p < end; p = next) {
        next = least(p + together(job), end);
        for (int64_t slice = 0; slice < ct_direct_slices(job); slice++) {
            ct_direct_slice(job, &view, slice);
            for (int64_t i = 0; p == block * job->block && i < view.images; i++)
                for (int64_t d = planes.begin; d < planes.end; d++)
                    stage_plane(job, job->a, f->y_channels, (s.image + i) * f->y_channels + group * job->outs + view.first, view.channels,
                                f->y, depth / stride[0] - back[0][d],
                                (ct_window){ .row = row - job->cut.reach[1], .column = column - job->cut.reach[2],
                                             .rows = s.high + job->cut.reach[1], .columns = s.wide + job->cut.reach[2],
                                             .stage = stage + i * job->cut.floats + d * job->cut.plane });
            for (phase[1] = 0; phase[1] < stride[1]; phase[1]++)
                for (phase[2] = 0; phase[2] < stride[2]; phase[2]++) {
                    const ct_range high = of_phase(f, 1, row, s.high, phase[1]), wide = of_phase(f, 2, column, s.wide, phase[2]);
                    for (int a = 1; a < 3; a++) {
                        n[a] = ct_taps_of(f, a, phase[a], taps, back[a]);
                        for (int64_t t = 0; t < n[a]; t++)
                            place[a][t] = job->cut.reach[a] - back[a][t];
                    }
                    multiply(job, &(struct products){
                        .view = &view,
                        .high = high.end - high.begin,
                        .wide = wide.end - wide.begin,
                        .count = n,
                        .place = (const int64_t *[]){ place[0], place[1], place[2] },
                        .planes = planes,
                        .origin = row + high.begin - job->cut.reach[1],
                        .extent = f->y[1],
                        .panels = next - p,
                        .valid = job->in - (next - 1) * panel,
                        .stage = stage + high.begin * job->cut.pitch + wide.begin * view.channels,
                        .weights = job->packed + group * job->group_floats + ct_taps_before(f, phase) * job->outs * job->panels * panel +
                                   p * n[0] * n[1] * n[2] * job->outs * panel,
                        .c = c + (high.begin * stride[1] + phase[1]) * pitch + (wide.begin * stride[2] + phase[2]) * panel,
                        .c_panel = view.images * image,
                        .c_set = image,
                        .c_group = stride[1] * pitch,
                        .c_row = stride[2] * panel,
                    }, runs);
                }
        }
        for (int64_t i = 0; i < (next - p) * view.images; i++)
            store_panel(job, p + i / view.images, job->in, (s.image + i % view.images) * f->x_channels + group * job->in, f->x, s.depth,
                        (ct_window){ .row = row * stride[1] - f->padding[1], .column = column * stride[2] - f->padding[2],
                                     .rows = s.high * stride[1], .columns = s.wide * stride[2], .stage = c + i * image, .pitch = pitch });
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

/* Neighbouring axes without a kernel are one. */
static ct_conv_form folded(const ct_conv_form *form)
{
    ct_conv_form f = *form;

    for (int a = 0; a + 1 < CT_MAX_SPATIAL; a++) {
        bool plain = true;
        for (int b = a; b < a + 2; b++)
            plain &= f.k[b] == 1 && f.stride[b] == 1 && f.padding[b] == 0 && f.x[b] == f.y[b];
        if (plain)
            f.x[a + 1] *= f.x[a], f.y[a + 1] = f.x[a + 1], f.x[a] = f.y[a] = 1;
    }
    return f;
}

/* Channels that are staged: all, or where they are many slices of about so many. */
static int64_t slice_of(int64_t channels, int64_t lanes)
{
    return channels < 2 * SLICE ? channels : ceil_divide(ceil_divide(channels, channels / SLICE), lanes) * lanes;
}

/* Several images at once where one has few positions, and enough pieces are left. */
static void plan_images(ct_direct *job, int64_t positions, int64_t pieces)
{
    const ct_cut *c = &job->cut;

    job->images = c->strips == 1 ? most(1, least(least(pieces, job->f->batch), least(positions / (c->high * c->wide), STAGE / c->floats))) : 1;
    job->sets = ceil_divide(job->f->batch, job->images);
}

/* Cuts panels into about so many blocks, and finds how many there are. */
static void plan_blocks(ct_direct *job, int64_t blocks)
{
    job->block = ceil_divide(job->panels, most(1, least(blocks, job->panels)));
    job->blocks = ceil_divide(job->panels, job->block);
}

/* Pieces are strips and blocks of panels, whose sums stay in the second-level cache where slice after slice adds to them. */
static void plan_products(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    ct_cut *c = &job->cut;
    const bool to_x = job->map == CT_MAP_TRANSPOSE, sliced = ct_direct_slices(job) > 1;
    const int64_t position = (to_x ? f->stride[1] * f->stride[2] : 1) * job->v->panel; /* floats of a panel's sums */

    *c = ct_cut_make(f, to_x, job->slice, job->v->lanes, STAGE,
                     sliced ? least(most(FEW_ROWS, STAGE / (position * job->panels)), MOST_ROWS) : MOST_ROWS);
    const int64_t pieces = f->batch * c->extent[0] * f->groups;
    if (pieces * job->panels > 0 && pieces * job->panels * c->strips < FEW) /* lower strips, so that there is work for threads */
        *c = ct_cut_make(f, to_x, job->slice, job->v->lanes, STAGE,
                         most(LEAST_ROWS, c->extent[1] * c->extent[2] * pieces * job->panels / FEW));
    plan_images(job, FEW_ROWS, pieces / (PIECES / 2));
    const int64_t sums = job->images * c->high * c->wide * position;
    plan_blocks(job, most(ceil_divide(PIECES, ct_direct_strips(job) * f->groups),
                          sliced ? ceil_divide(sums * job->panels, 2 * STAGE) : 1));
    job->runs = job->taps * least(MOST_PARTS, c->channels * f->k[2]);
    job->scratch_floats = sums * together(job);
}

/* Pieces are parts of the strips, with sums of their own, blocks of panels and spans of slices. A part costs its sums, a block and a span stage
 * the same pixels again. */
static void plan_sums(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    const int64_t x = f->x_channels * ct_direct_volume(f->x), y = f->y_channels * ct_direct_volume(f->y), sums = job->group_floats * f->groups;

    job->cut = ct_cut_make(f, false, job->slice, job->v->lanes, STAGE, MOST_ROWS);
    plan_images(job, sums > STAGE ? MOST_ROWS : 1, f->batch);
    const int64_t strips = ct_direct_strips(job);
    job->parts = most(1, least(least(strips, PIECES), least(((int64_t)1 << 22) / sums, f->batch * (x + y) / sums)));
    job->parts = most(1, ceil_divide(strips, most(1, ceil_divide(strips, job->parts)))); /* of even size */
    const int64_t wanted = ceil_divide(PIECES, job->parts * f->groups), slices = ct_direct_slices(job);
    job->span = slices;
    plan_blocks(job, wanted);
    for (int64_t spans = 2, cost = x * job->blocks + y; spans <= least(wanted, slices); spans++)
        if (x * ceil_divide(wanted, spans) + y * spans < cost) {
            cost = x * ceil_divide(wanted, spans) + y * spans;
            job->span = ceil_divide(slices, spans);
            plan_blocks(job, ceil_divide(wanted, spans));
        }
    job->spans = ceil_divide(slices, job->span);
    job->runs = 2 * job->images * job->cut.high;
    job->scratch_floats = job->images * job->cut.high * job->cut.wide * job->v->panel * job->block;
}

static void plan(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    const bool to_x = job->map == CT_MAP_TRANSPOSE;

    job->in = f->x_channels / f->groups, job->outs = f->y_channels / f->groups, job->taps = ct_direct_volume(f->k);
    job->lanes_of = to_x ? job->in : job->outs, job->sources = to_x ? job->outs : job->in;
    job->panels = ceil_divide(job->lanes_of, job->v->panel);
    job->group_floats = job->panels * job->v->panel * job->taps * job->sources;
    job->sum_floats = (job->group_floats * f->groups + 15) / 16 * 16;
    job->parts = job->spans = 1;
    job->slice = slice_of(job->sources, job->v->lanes);
    (job->map == CT_MAP_WEIGHT ? plan_sums : plan_products)(job);
    job->scratch_floats += 2 * ((job->runs + 7) / 8 * 8) + (job->images * job->cut.floats + 31) / 16 * 16;
    job->scratch_floats = (most(job->scratch_floats, job->taps * job->sources * job->v->lanes) + 31) / 16 * 16;
}

bool ct_conv_run_panels(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    const ct_conv_form form = folded(f);
    ct_direct job = { .f = &form, .map = map, .a = a, .b = b, .out = out };

    (void)dtype;
    job.v = ct_conv_vectors(tape);
    if (!job.v)
        return false;
    plan(&job);

    const bool weight = map == CT_MAP_WEIGHT;
    const int64_t vectors = ceil_divide(job.lanes_of, job.v->lanes) * f->groups;
    const int64_t pieces = (weight ? job.parts * job.spans : ct_direct_strips(&job)) * f->groups * job.blocks;
    const int lanes = ct_parallel_lanes(most(pieces, vectors));

    ct_tensor *packed = ct_tape_tensor(tape, CT_F32, CT_SHAPE(job.parts * job.sum_floats)), *own = NULL;
    if (packed)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.packed = ct_data(packed), job.scratch = ct_data(own);
        if (!weight)
            ct_parallel_pieces(vectors, lanes, ct_direct_pack, &job);
        ct_parallel_pieces(pieces, lanes, weight ? ct_direct_sum : map == CT_MAP_CONV ? run_y : run_x, &job);
        if (weight)
            ct_parallel_pieces(vectors, lanes, ct_direct_unpack, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, packed);
    return own != NULL;
}
