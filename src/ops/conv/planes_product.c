/* The pieces of the three maps with pixels as lanes. */
#include <string.h>

#include "planes.h"

static int64_t vectors_of(const ct_planes *job, const ct_strip *s)
{
    return ceil_divide(job->rows ? s->high * s->wide : (s->high - 1) * job->pitch + s->wide, job->v->lanes);
}

struct place {
    float *stage, *sums;
};

static struct place lane_scratch(const ct_planes *job, int lane)
{
    float *stage = job->scratch + lane * job->scratch_floats;
    return (struct place){ stage, stage + (job->images * job->image + 2 * job->v->lanes + 15) / 16 * 16 };
}

/* What a piece of conv and conv_transpose is: groups from here on, a chunk of images, a strip. */
struct piece {
    int64_t group, groups, image, images;
    ct_strip strip;
};

static struct piece piece_at(const ct_planes *job, int64_t number)
{
    const int64_t group = number % job->shares * job->share, rest = number / job->shares, strips = job->cut.extent[0] * job->cut.strips,
                  image = rest / strips * job->images;
    struct piece p = { group, least(job->share, job->f->groups - group), image, least(job->images, job->f->batch - image),
                       ct_strip_at(&job->cut, rest % strips) };
    return p;
}

void ct_planes_run_y(void *context, int lane, int64_t number)
{
    const ct_planes *job = context;
    const ct_conv_form *f = job->f;
    const struct piece p = piece_at(job, number);
    const ct_strip *s = &p.strip;
    const struct place at = lane_scratch(job, lane);

    for (int64_t group = p.group; group < p.group + p.groups; group++) {
        ct_planes_stage_x(job, job->a, group * job->in, job->in, p.image, p.images, s, at.stage);
        for (int64_t o = 0; o < job->outs; o += CT_PLANES_OUTS) {
            const int64_t outs = least(CT_PLANES_OUTS, job->outs - o), channel = group * job->outs + o;
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
                .c_group = job->rows ? f->y_channels * ct_conv_volume(f->y) : CT_PLANES_OUTS * job->positions,
                .c_out = job->rows ? ct_conv_volume(f->y) : job->positions,
            });
            for (int64_t i = 0; i < p.images * outs && !job->rows; i++) {
                const int64_t n = i / outs, y = ((p.image + n) * f->y_channels + channel + i % outs) * f->y[0] + s->depth;
                float *to = job->out + (y * f->y[1] + s->row) * f->y[2] + s->column;
                job->v->store_rows(&(ct_rows){
                    .rows = s->high,
                    .columns = s->wide,
                    .from = at.sums + (n * CT_PLANES_OUTS + i % outs) * job->positions,
                    .from_row = job->pitch,
                    .to = to,
                    .end = s->wide == f->y[2] ? to + s->high * f->y[2] : to,
                    .to_row = f->y[2],
                    .step = 1,
                    .ahead = ct_planes_ahead(f->y + 1),
                });
            }
        }
    }
}

/* A phase's sums go to every stride-th pixel, where there is one. */
static void store_phase(const ct_planes *job, const struct piece *p, const int64_t phase[3], int64_t n, int64_t channel, const float *from)
{
    const ct_conv_form *f = job->f;
    const ct_strip *s = &p->strip;
    const int64_t *stride = f->stride;
    const int64_t row = (s->row + f->padding[1] / stride[1]) * stride[1] + phase[1] - f->padding[1],
                  column = (s->column + f->padding[2] / stride[2]) * stride[2] + phase[2] - f->padding[2];
    int64_t top, bottom, left, right;

    ct_planes_inside(row, stride[1], f->x[1], s->high, &top, &bottom);
    ct_planes_inside(column, stride[2], f->x[2], s->wide, &left, &right);
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
        .ahead = ct_planes_ahead(f->x + 1),
    });
}

/* Positions of x count from before the padding, in whole strides; within a stride lie its phases. */
void ct_planes_run_x(void *context, int lane, int64_t number)
{
    const ct_planes *job = context;
    const ct_conv_form *f = job->f;
    const struct piece p = piece_at(job, number);
    const struct place at = lane_scratch(job, lane);
    const int64_t plane = f->x[1] * f->x[2];
    int64_t phase[3] = { (p.strip.depth + f->padding[0]) % f->stride[0] }, taps[CT_MOST_TAPS], back[CT_MOST_TAPS];

    for (int64_t group = p.group; group < p.group + p.groups; group++) {
        ct_planes_stage_y(job, group, p.image, p.images, &p.strip, at.stage);
        for (phase[1] = 0; phase[1] < f->stride[1]; phase[1]++)
            for (phase[2] = 0; phase[2] < f->stride[2]; phase[2]++)
                for (int64_t c = 0; c < job->in; c += CT_PLANES_OUTS) {
                    const int64_t ins = least(CT_PLANES_OUTS, job->in - c), before = ct_taps_before(f, phase) * job->outs;
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
                        .c_group = job->rows ? f->x_channels * f->x[0] * plane : CT_PLANES_OUTS * job->positions,
                        .c_out = job->rows ? f->x[0] * plane : job->positions,
                    });
                    for (int64_t i = 0; i < p.images * ins && !job->rows; i++)
                        store_phase(job, &p, phase, i / ins, group * job->in + c + i % ins,
                                    at.sums + (i / ins * CT_PLANES_OUTS + i % ins) * job->positions);
                }
    }
}

void ct_planes_run_w(void *context, int lane, int64_t number)
{
    const ct_planes *job = context;
    const ct_conv_form *f = job->f;
    const struct place at = lane_scratch(job, lane);
    const int64_t part = number / job->shares, each = job->outs * job->in * job->taps;
    const int64_t units = job->chunks * job->cut.extent[0] * job->cut.strips;
    float *sums = job->sums + part * f->groups * each * job->v->lanes;

    for (int64_t unit = part * units / job->parts; unit < (part + 1) * units / job->parts; unit++) {
        const struct piece p = piece_at(job, unit * job->shares + number % job->shares);

        if (unit == part * units / job->parts)
            memset(sums + p.group * each * job->v->lanes, 0, (size_t)(p.groups * each * job->v->lanes) * sizeof *sums);
        for (int64_t channel = p.group * job->in, ins; channel < (p.group + p.groups) * job->in; channel += ins) {
            const int64_t group = channel / job->in, c = channel % job->in;

            ins = least(job->staged, job->in - c);
            ct_planes_stage_x(job, job->a, channel, ins, p.image, p.images, &p.strip, at.stage);
            for (int64_t o = 0; o < job->outs; o += CT_PLANES_OUTS) {
                const int64_t y = (p.image * f->y_channels + group * job->outs + o) * f->y[0] + p.strip.depth;

                job->v->sum_planes(&(ct_plane_sums){
                    .groups = p.images,
                    .rows = p.strip.high,
                    .columns = p.strip.wide,
                    .outs = least(CT_PLANES_OUTS, job->outs - o),
                    .count = ins * job->taps,
                    .a = at.stage,
                    .a_at = job->a_at,
                    .a_group = job->image,
                    .a_row = job->pitch,
                    .b = sums + (group * each + (o * job->in + c) * job->taps) * job->v->lanes,
                    .b_at = job->b_at,
                    .b_out = job->in * job->taps,
                    .c = job->b + (y * f->y[1] + p.strip.row) * f->y[2] + p.strip.column,
                    .c_end = job->b + f->batch * f->y_channels * ct_conv_volume(f->y),
                    .c_group = f->y_channels * ct_conv_volume(f->y),
                    .c_out = ct_conv_volume(f->y),
                    .c_row = f->y[2],
                });
            }
        }
    }
}

/* A weight is the sum over parts and lanes: lane by lane over the parts, then half the lanes to the other half. */
void ct_planes_join(void *context, int lane, int64_t number)
{
    const ct_planes *job = context;
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
