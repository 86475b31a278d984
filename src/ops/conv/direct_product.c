/* The direct algorithms' conv and conv_transpose: sums over a strip's pixels in the stage. */
#include "direct.h"

#include <string.h>

enum { LONGEST_RUN = 256, SMALL = 256 /* pixels of a window whose memory is asked for ahead: the processor sees longer runs by itself */ };

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
    const float *end = data + job->f->batch * all * ct_conv_volume(extent);
    int64_t lanes = job->v->lanes, vectors = ceil_divide(channels, lanes);

    w.extent = extent + 1, w.apart = ct_conv_volume(extent);
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
    for (int64_t parts = ceil_divide(pixel, LONGEST_RUN); parts < pixel && parts < CT_DIRECT_PARTS; parts++)
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

    w.extent = extent + 1, w.apart = ct_conv_volume(extent), w.step = v->panel;
    for (int64_t i = 0; i < v->panel; i += v->lanes) {
        ct_window part = w;
        int64_t channel = panel * v->panel + i;
        part.valid = least(v->lanes, all - channel);
        part.first = (first + channel) * ct_conv_volume(extent) + depth * extent[1] * extent[2];
        part.stage += i;
        if (part.valid > 0)
            ct_window_store(v, &part, job->out);
    }
}

void ct_direct_run_y(void *context, int lane, int64_t piece)
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
        next = least(p + ct_direct_together(job), last);
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
void ct_direct_run_x(void *context, int lane, int64_t piece)
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
        next = least(p + ct_direct_together(job), end);
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
