/* The direct algorithm's conv_weight: a tap's weights are an outer product of x's pixels and y's, summed over a part of the strips. */
#include "direct.h"
#include "../../tensor/whole.h"

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

    for (int64_t c = 0; c < job->in; c++)
        for (int64_t tap = 0; tap < job->taps; tap++) {
            float *sum = stage + (c * job->taps + tap) * lanes;
            const float *part = from + (tap * job->in + c) * v->panel;
            memcpy(sum, part, (size_t)lanes * sizeof *sum);
            for (int64_t p = 1; p < job->parts; p++)
                for (int64_t l = 0; l < lanes; l++)
                    sum[l] += part[p * job->sum_floats + l];
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

void ct_direct_sum(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    const ct_conv_form *f = job->f;
    const ct_vectors *v = job->v;
    int64_t block = piece % job->blocks, group = piece / job->blocks % f->groups, part = piece / job->blocks / f->groups;
    int64_t first = block * job->block, last = least(first + job->block, job->panels);
    int64_t all = f->batch * f->y[0] * job->cut.strips, begin = part * all / job->parts, end = (part + 1) * all / job->parts;
    float *stage = ct_direct_scratch(job, lane), *y = stage + (job->cut.floats + 31) / 16 * 16;
    float *sums = job->packed + part * job->sum_floats + group * job->group_floats + first * job->in * job->taps * v->panel;
    int64_t size = ct_direct_volume(f->y), row = (f->dilation[2] == 1 ? f->k[2] : 1) * job->in, rows = f->k[2] * job->in / row;
    const float *y_end = job->b + f->batch * f->y_channels * size;

    for (int64_t i = begin; i < end; i++) {
        ct_strip s = ct_strip_at(&job->cut, i);
        int64_t plane = s.high * s.wide * v->panel;

        ct_range planes = ct_direct_planes(f, s.depth);
        ct_direct_stage(job, job->a, group, &s, planes, stage);
        for (int64_t channel = first * v->panel; channel < least(last * v->panel, job->outs); channel += v->lanes)
            ct_window_load(v, &(ct_window){
                .extent = f->y + 1,
                .first = (s.image * f->y_channels + group * job->outs + channel) * size + s.depth * f->y[1] * f->y[2],
                .apart = size,
                .valid = least(v->lanes, job->outs - channel),
                .row = s.row, .column = s.column, .rows = s.high, .columns = s.wide,
                .stage = y + (channel / v->panel - first) * plane + channel % v->panel,
                .pitch = s.wide * v->panel,
                .step = v->panel,
            }, job->b, y_end);
        for (int64_t tap = 0; tap < f->k[0] * f->k[1] * rows; tap++) {
            int64_t w = tap % rows, h = tap / rows % f->k[1], d = tap / rows / f->k[1];
            ct_range in = d < planes.begin || d >= planes.end ? (ct_range){ 0, 0 } : rows_of_tap(f, &s, h);
            for (int64_t panel = 0; in.begin == in.end && i == begin && panel < last - first; panel++)
                memset(sums + (panel * job->in * job->taps + tap * row) * v->panel, 0, (size_t)(row * v->panel) * sizeof *sums);
            v->multiply_outer(&(ct_outer_product){
                .rows = row,
                .panels = last - first,
                .valid = job->outs - (last - 1) * v->panel,
                .runs = in.end - in.begin,
                .steps = s.wide,
                .a = stage + d * job->cut.plane + (h * f->dilation[1] + in.begin * f->stride[1]) * job->cut.pitch +
                     w * f->dilation[2] * job->in,
                .a_run = f->stride[1] * job->cut.pitch,
                .a_step = f->stride[2] * job->in,
                .b = y + in.begin * s.wide * v->panel,
                .b_run = s.wide * v->panel,
                .b_step = v->panel,
                .b_panel = plane,
                .c = sums + tap * row * v->panel,
                .c_panel = job->in * job->taps * v->panel,
                .c_row = v->panel,
                .add = i > begin,
            });
        }
    }
}
