/* The direct algorithms' weights, as their products read them. */
#include "direct.h"

#include <string.h>

static void pack_for_y(const ct_direct *job, int64_t group, int64_t vector, const float *w, float *scratch)
{
    const ct_vectors *v = job->v;
    int64_t lanes = v->lanes, o = vector * lanes, wide = job->in * job->taps;
    float *to = job->packed + group * job->group_floats + o / v->panel * wide * v->panel + o % v->panel;
    const float *from = w + (group * job->outs + o) * wide, *end = w + job->f->y_channels * wide;

    v->gather(from, end, wide, (int)least(lanes, job->outs - o), wide, scratch, lanes);
    for (int64_t first = 0; first < job->in; first += job->slice, to += job->slice * job->taps * v->panel) {
        const int64_t channels = least(job->slice, job->in - first);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t tap = 0; tap < job->taps; tap++)
                memcpy(to + (tap * channels + c) * v->panel, scratch + ((first + c) * job->taps + tap) * lanes,
                       (size_t)lanes * sizeof *to);
    }
}

static void pack_for_x(const ct_direct *job, int64_t group, int64_t vector, const float *w, float *scratch)
{
    const ct_conv_form *f = job->f;
    const ct_vectors *v = job->v;
    int64_t lanes = v->lanes, c = vector * lanes, valid = least(lanes, job->in - c), taps[3][CT_MOST_TAPS], back[CT_MOST_TAPS], n[3];
    const float *end = w + f->y_channels * job->in * job->taps;

    for (int64_t o = 0; o < job->outs; o++) {
        const float *from = w + ((group * job->outs + o) * job->in + c) * job->taps;
        float *stage = scratch + o * job->taps * lanes;
        if (job->taps == 1 && valid == lanes)
            memcpy(stage, from, (size_t)lanes * sizeof *stage);
        else
            v->gather(from, end, job->taps, (int)valid, job->taps, stage, lanes);
    }
    for (int64_t p[3] = { 0 }; p[0] < f->stride[0]; p[0]++)
        for (p[1] = 0; p[1] < f->stride[1]; p[1]++)
            for (p[2] = 0; p[2] < f->stride[2]; p[2]++) {
                for (int a = 0; a < 3; a++)
                    n[a] = ct_taps_of(f, a, p[a], taps[a], back);
                float *to = job->packed + group * job->group_floats + ct_taps_before(f, p) * job->outs * job->panels * v->panel +
                            c / v->panel * n[0] * n[1] * n[2] * job->outs * v->panel + c % v->panel;
                for (int64_t first = 0; first < job->outs; first += job->slice)
                    for (int64_t i = 0; i < n[0] * n[1] * n[2]; i++) {
                        int64_t tap = (taps[0][i / n[2] / n[1]] * f->k[1] + taps[1][i / n[2] % n[1]]) * f->k[2] + taps[2][i % n[2]];
                        for (int64_t o = first; o < least(first + job->slice, job->outs); o++, to += v->panel)
                            memcpy(to, scratch + (o * job->taps + tap) * lanes, (size_t)lanes * sizeof *to);
                    }
            }
}

void ct_direct_pack(void *context, int lane, int64_t piece)
{
    const ct_direct *job = context;
    int64_t vectors = ceil_divide(job->lanes_of, job->v->lanes);
    (job->map == CT_MAP_TRANSPOSE ? pack_for_x : pack_for_y)(job, piece / vectors, piece % vectors, job->b, ct_direct_scratch(job, lane));
}
