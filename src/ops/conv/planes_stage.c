/* Planes with what lies around them, for pixels as lanes. */
#include "planes.h"

/* A part of one image's plane: rows and columns from here on, so many steps apart. */
struct view {
    const float *data, *end;
    bool there;                    /* or all is padding */
    int64_t plane;                 /* where it begins */
    const int64_t *extent;
    int64_t row, column, row_step, column_step;
};

/* So many rows of the view, of which `columns` may lie in it, and zeros around. */
static void load(const ct_planes *job, const struct view *view, int64_t rows, int64_t columns, float *to)
{
    ct_plane_copy copy = {
        .data = view->data,
        .end = view->end,
        .first = view->plane + view->row * view->extent[1] + view->column,
        .row = view->row_step * view->extent[1],
        .step = view->column_step,
        .rows = rows,
        .columns = job->pitch,
        .ahead = ct_planes_ahead(view->extent),
        .to = to,
    };

    ct_planes_inside(view->row, view->row_step, view->there ? view->extent[0] : 0, rows, &copy.top, &copy.bottom);
    ct_planes_inside(view->column, view->column_step, view->extent[1], columns, &copy.left, &copy.right);
    job->v->load_plane(&copy);
}

void ct_planes_stage_x(const ct_planes *job, const float *x, int64_t channel, int64_t channels, int64_t first, int64_t images,
                       const ct_strip *s, float *stage)
{
    const ct_conv_form *f = job->f;
    struct view view = {
        .data = x,
        .end = x + f->batch * f->x_channels * ct_conv_volume(f->x),
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

void ct_planes_stage_y(const ct_planes *job, int64_t group, int64_t first, int64_t images, const ct_strip *s, float *stage)
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
                    .end = job->a + f->batch * f->y_channels * ct_conv_volume(f->y),
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
