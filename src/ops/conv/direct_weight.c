/* The direct algorithm's conv_weight: a tap's weights are an outer product of x's pixels and y's, summed over a part of the strips. */
#include "direct.h"

#include <string.h>

/* Packed weights to where they belong, summed over the parts in order. */
void ct_direct_unpack(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_vectors *v = job->v;
    int64_t lanes = v->lanes, vectors = ceil_divide(job->outs, lanes), group = piece / vectors, o = piece % vectors * lanes;
    int64_t wide = job->in * job->taps;
    const float *from = job->packed + group * job->group_floats + o / v->panel * wide * v->panel + o % v->panel;
    float *stage = ct_direct_scratch(job, lane);

    for (int64_t first = 0; first < job->in; first += job->slice, from += job->slice * job->taps * v->panel) {
        const int64_t channels = least(job->slice, job->in - first);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t tap = 0; tap < job->taps; tap++) {
                float *sum = stage + ((first + c) * job->taps + tap) * lanes;
                const float *part = from + (tap * channels + c) * v->panel;
                memcpy(sum, part, (size_t)lanes * sizeof *sum);
                for (int64_t p = 1; p < job->parts; p++)
                    for (int64_t l = 0; l < lanes; l++)
                        sum[l] += part[p * job->sum_floats + l];
            }
    }
    v->scatter(stage, lanes, wide, job->out + (group * job->outs + o) * wide, wide, (int)least(lanes, job->outs - o));
}

/* A strip's rows of y whose tap h lies in x. */
static ct_range rows_of_tap(const ct_conv_form *f, const ct_strip *s, int64_t h)
{
    int64_t stride = f->stride[1], first = s->row * stride - f->padding[1] + h * f->dilation[1];
    int64_t begin = first < 0 ? ceil_divide(-first, stride) : 0, end = f->x[1] > first ? ceil_divide(f->x[1] - first, stride) : 0;
    return (ct_range){ least(begin, least(end, s->high)), least(end, s->high) };
}

/* A strip's pixels of y: [panel][image][row][column][lane]. */
static void stage_y(const ct_direct *job, int64_t group, int64_t first, int64_t last, const ct_view *view, float *y)
{
    const ct_conv_form *f = job->f;
    const ct_vectors *v = job->v;
    const ct_strip *s = &view->strip;
    const int64_t size = ct_conv_volume(f->y), image = s->high * s->wide * v->panel;

    for (int64_t channel = first * v->panel; channel < least(last * v->panel, job->outs); channel += v->lanes)
        for (int64_t i = 0; i < view->images; i++)
            ct_window_load(v, &(ct_window){
                .extent = f->y + 1,
                .first = ((s->image + i) * f->y_channels + group * job->outs + channel) * size + s->depth * f->y[1] * f->y[2],
                .apart = size,
                .valid = least(v->lanes, job->outs - channel),
                .row = s->row, .column = s->column, .rows = s->high, .columns = s->wide,
                .stage = y + ((channel / v->panel - first) * view->images + i) * image + channel % v->panel,
                .pitch = s->wide * v->panel,
                .step = v->panel,
            }, job->b, job->b + f->batch * f->y_channels * size);
}

/* A strip's products with a slice of x's channels: at the taps one row of them after the other, of rows of y a run. */
static void sum_slice(const ct_direct *job, const ct_view *view, ct_range planes, const float *stage, const float *y, int64_t panels,
                      int64_t valid, float *sums, bool add, int64_t *runs)
{
    const ct_conv_form *f = job->f;
    const ct_cut *cut = &job->cut;
    const ct_strip *s = &view->strip;
    const int64_t panel = job->v->panel, across = f->dilation[2] == 1 ? f->k[2] : 1, row = across * view->channels, rows = f->k[2] / across;
    int64_t *a_run = runs, *b_run = runs + view->images * s->high;

    sums += view->first * job->taps * panel;
    for (int64_t tap = 0; tap < f->k[0] * f->k[1] * rows; tap++) {
        int64_t w = tap % rows, h = tap / rows % f->k[1], d = tap / rows / f->k[1], number = 0;
        ct_range in = d < planes.begin || d >= planes.end ? (ct_range){ 0, 0 } : rows_of_tap(f, s, h);

        for (int64_t n = 0; in.begin == in.end && !add && n < panels; n++)
            memset(sums + (n * job->in * job->taps + tap * row) * panel, 0, (size_t)(row * panel) * sizeof *sums);
        for (int64_t i = 0; i < view->images; i++)
            for (int64_t r = in.begin; r < in.end; r++, number++) {
                a_run[number] = i * cut->floats + r * f->stride[1] * cut->pitch;
                b_run[number] = (i * s->high + r) * s->wide * panel;
            }
        job->v->multiply_outer(&(ct_outer_product){
            .rows = row,
            .panels = panels,
            .valid = valid,
            .runs = number,
            .steps = s->wide,
            .a = stage + d * cut->plane + h * f->dilation[1] * cut->pitch + w * f->dilation[2] * view->channels,
            .a_run = a_run,
            .a_step = f->stride[2] * view->channels,
            .b = y,
            .b_run = b_run,
            .b_step = panel,
            .b_panel = view->images * s->high * s->wide * panel,
            .c = sums + tap * row * panel,
            .c_panel = job->in * job->taps * panel,
            .c_row = panel,
            .add = add,
        });
    }
}

void ct_direct_sum(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_conv_form *f = job->f;
    int64_t span = piece % job->spans, block = piece / job->spans % job->blocks, rest = piece / job->spans / job->blocks;
    int64_t group = rest % f->groups, part = rest / f->groups;
    int64_t first = block * job->block, last = least(first + job->block, job->panels);
    int64_t all = ct_direct_strips(job), begin = part * all / job->parts, end = (part + 1) * all / job->parts;
    int64_t *runs = (int64_t *)ct_direct_scratch(job, lane);
    float *stage = (float *)(runs + (job->runs + 7) / 8 * 8), *y = stage + (job->images * job->cut.floats + 31) / 16 * 16;
    float *sums = job->packed + part * job->sum_floats + group * job->group_floats + first * job->in * job->taps * job->v->panel;

    for (int64_t i = begin; i < end; i++) {
        ct_view view = ct_direct_view(job, i);
        ct_range planes = ct_direct_planes(f, view.strip.depth);

        stage_y(job, group, first, last, &view, y);
        for (int64_t slice = span * job->span; slice < least((span + 1) * job->span, ct_direct_slices(job)); slice++) {
            ct_direct_slice(job, &view, slice);
            ct_direct_stage(job, job->a, group, &view, planes, stage);
            sum_slice(job, &view, planes, stage, y, last - first, job->outs - (last - 1) * job->v->panel, sums, i > begin, runs);
        }
    }
}
