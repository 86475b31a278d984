/* The three maps by a bilinear algorithm. Transformed, each is a product of matrices a point:
 *
 *     conv            ỹ = w̃ x̃      from x's tiles to y's
 *     conv_transpose  x̃ = w̃ᵀ ỹ     the same, with every transform transposed
 *     conv_weight     w̃ = ỹ x̃ᵀ     the sum over tiles
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include "bilinear.h"

#define CHUNK 32 /* tiles of a piece, about: what their points take should stay in the second-level cache */

struct job {
    const ct_bilinear_plan *p;
    const ct_bilinear_side *source, *target;
    bool to_x, keep_data;
    const float *data, *w;
    float *out;
    float *kept;    /* shared by all lanes */
    float *scratch; /* of each lane */
    int64_t scratch_floats;
    int64_t across;                /* vectors a panel */
    int64_t ranges, blocks, block; /* of tiles; of the target's vectors; vectors of a block */
    int64_t unit;                  /* tiles of a range are a multiple of it: a plane's, where tiles overlap, or an image's */
    int64_t chunk;                 /* tiles at a time */
    int64_t rows_block;            /* vectors of the source at a time, where weights are not kept */
};

static float *lane_scratch(const struct job *job, int lane) { return job->scratch + lane * job->scratch_floats; }

/* Products of all points: target [panel][tile] from source [panel][tile] and weights [panel][row]. */
static void multiply(const struct job *job, const ct_points *source, const ct_points *weights, const ct_points *target,
                     int64_t tiles, int64_t rows, bool add, int64_t *runs)
{
    const ct_bilinear_plan *p = job->p;
    int64_t panel = p->v->panel, count = ceil_divide(rows, panel);

    for (int64_t i = 0; i < count; i++)
        runs[i] = i * source->panel;
    for (int64_t point = 0; point < p->points; point++)
        p->v->multiply(&(ct_product){
            .groups = 1,
            .rows = tiles,
            .panels = ct_bilinear_panels(p, target->last - target->first, job->target->phases),
            .runs = count,
            .run = panel,
            .last = rows - (count - 1) * panel,
            .a = source->at + point * source->point,
            .a_run = runs,
            .a_row = panel,
            .b = weights->at + point * weights->point,
            .b_panel = weights->panel,
            .c = target->at + point * target->point,
            .c_panel = target->panel,
            .c_row = panel,
            .add = add,
        });
}

static int64_t runs_floats(const struct job *job)
{
    return (2 * ceil_divide(job->source->vectors * job->source->phases, job->across) + 31) / 16 * 16;
}

/* Kept weights: every lane transforms chunks of data on its own. */
static void with_weights(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t range = piece / job->blocks, first = piece % job->blocks * job->block, units = p->all / job->unit;
    int64_t begin = range * units / job->ranges * job->unit, end = (range + 1) * units / job->ranges * job->unit;
    int64_t last = least(first + job->block, job->target->vectors),
            rows = ct_bilinear_rows(p, job->to_x, 0, job->source->vectors);
    ct_points weights =
        ct_bilinear_points(p, job->kept, job->target->phases, 0, job->target->vectors, 0, job->source->vectors, rows);
    float *scratch = lane_scratch(job, lane);
    int64_t *runs = (int64_t *)scratch;

    weights.at += first * job->target->phases / job->across * weights.panel;
    scratch += runs_floats(job);
    for (int64_t tile = begin; tile < end; tile += job->chunk) {
        int64_t tiles = least(job->chunk, end - tile);
        ct_points source =
            ct_bilinear_points(p, scratch + p->scratch, job->source->phases, 0, job->source->vectors, tile, tile + tiles, tiles);
        ct_points target = ct_bilinear_points(p, source.at + p->points * source.point, job->target->phases, first, last, tile,
                                              tile + tiles, tiles);

        ct_bilinear_to_points(p, job->source, job->data, &source, scratch);
        multiply(job, &source, &weights, &target, tiles, rows, false, runs);
        ct_bilinear_from_points(p, job->target, &target, job->out, scratch);
    }
}

/* Kept data: every lane transforms blocks of weights on its own. */
static void with_data(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t first = piece * job->block, last = least(first + job->block, job->target->vectors);
    ct_points source = ct_bilinear_points(p, job->kept, job->source->phases, 0, job->source->vectors, 0, p->all, p->all);
    float *scratch = lane_scratch(job, lane);
    int64_t *runs = (int64_t *)scratch;

    scratch += runs_floats(job);
    ct_points target = ct_bilinear_points(p, scratch + p->scratch, job->target->phases, first, last, 0, p->all, p->all);
    for (int64_t from = 0; from < job->source->vectors; from += job->rows_block) {
        int64_t to = least(from + job->rows_block, job->source->vectors), rows = ct_bilinear_rows(p, job->to_x, from, to);
        ct_points part = source, weights = ct_bilinear_points(p, target.at + p->points * target.point, job->target->phases, first,
                                                              last, from, to, rows);

        part.at += from * job->source->phases / job->across * source.panel;
        ct_bilinear_weights(p, job->to_x, job->w, &weights, scratch);
        multiply(job, &part, &weights, &target, p->all, rows, from > 0, runs);
    }
    ct_bilinear_from_points(p, job->target, &target, job->out, scratch);
}

static void keep_weights(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t first = piece * job->across, rows = ct_bilinear_rows(p, job->to_x, 0, job->source->vectors);
    ct_points all = ct_bilinear_points(p, job->kept, job->target->phases, 0, job->target->vectors, 0, job->source->vectors, rows);

    all.at += first * job->target->phases / job->across * all.panel;
    all.first = first, all.last = least(first + job->across, job->target->vectors);
    ct_bilinear_weights(p, job->to_x, job->w, &all, lane_scratch(job, lane));
}

static void keep_data(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t first = piece * job->across;
    ct_points all = ct_bilinear_points(p, job->kept, job->source->phases, 0, job->source->vectors, 0, p->all, p->all);

    all.at += first * job->source->phases / job->across * all.panel;
    all.first = first, all.last = least(first + job->across, job->source->vectors);
    ct_bilinear_to_points(p, job->source, job->data, &all, lane_scratch(job, lane));
}

/* The smaller of the two operands is transformed once and kept; the other is transformed piece by piece. */
static bool run_product(ct_tape *tape, const ct_bilinear_plan *p, bool to_x, const float *data, const float *w, float *out)
{
    struct job job = {
        .p = p,
        .source = to_x ? &p->y : &p->x,
        .target = to_x ? &p->x : &p->y,
        .to_x = to_x,
        .data = data,
        .w = w,
        .out = out,
        .across = p->v->panel / p->v->lanes,
    };
    const int64_t source_panels = job.source->panels, target_panels = job.target->panels;
    int64_t rows = ct_bilinear_rows(p, to_x, 0, job.source->vectors), pieces, kept, lane_floats;

    job.keep_data = p->all * source_panels <= rows * target_panels;
    if (job.keep_data) {
        job.block = job.across *
                     most(1, least(4 / job.target->phases, ceil_divide(job.target->vectors, job.across) / CT_BILINEAR_PIECES));
        job.rows_block = job.across * most(1, CT_PARTIAL_SUM / (p->v->panel * job.source->phases));
        pieces = ceil_divide(job.target->vectors, job.block);
        kept = p->points * ct_bilinear_stride(p, source_panels, p->all);
        lane_floats = p->points * (ct_bilinear_stride(p, ct_bilinear_panels(p, job.block, job.target->phases), p->all) +
                                   ct_bilinear_stride(p, ct_bilinear_panels(p, job.block, job.target->phases),
                                                      job.rows_block * job.source->phases * p->v->lanes));
    } else {
        job.unit = job.target->overlap ? p->tiles[HEIGHT] * p->tiles[WIDTH] * (job.target->deep ? p->y.planes : 1)
                                         : p->dilation[WIDTH];
        job.ranges = most(1, least(p->all / job.unit, (p->all + CHUNK / 2) / CHUNK));
        job.blocks = least(ceil_divide(CT_BILINEAR_PIECES, job.ranges), ceil_divide(job.target->vectors, job.across));
        job.block = ceil_divide(ceil_divide(job.target->vectors, job.across), job.blocks) * job.across;
        job.blocks = ceil_divide(job.target->vectors, job.block);
        int64_t longest = ceil_divide(p->all / job.unit, job.ranges) * job.unit;
        job.chunk = ct_bilinear_whole(p, ceil_divide(longest, most(1, (longest + CHUNK / 2) / CHUNK)));
        pieces = job.ranges * job.blocks;
        kept = p->points * ct_bilinear_stride(p, target_panels, rows);
        lane_floats = p->points * (ct_bilinear_stride(p, source_panels, job.chunk) +
                                   ct_bilinear_stride(p, ct_bilinear_panels(p, job.block, job.target->phases), job.chunk));
    }

    int64_t first = ceil_divide(job.keep_data ? job.source->vectors : job.target->vectors, job.across);
    int lanes = ct_parallel_lanes(most(pieces, first));
    job.scratch_floats = lane_floats + p->scratch + runs_floats(&job);

    ct_tensor *shared = ct_tape_tensor(tape, CT_F32, CT_SHAPE(kept)), *own = NULL;
    if (shared)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.kept = ct_data(shared), job.scratch = ct_data(own);
        ct_parallel_pieces(first, lanes, job.keep_data ? keep_data : keep_weights, &job);
        ct_parallel_pieces(pieces, lanes, job.keep_data ? with_data : with_weights, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, shared);
    return own != NULL;
}

bool ct_conv_run_bilinear(ct_tape *tape, const ct_conv_form *form, ct_conv_map map, ct_dtype dtype, const void *a, const void *b,
                          void *out)
{
    ct_bilinear_plan plan;
    const ct_vectors *v = ct_conv_vectors(tape);

    if (!v)
        return false;
    if (dtype != CT_F32 || !ct_bilinear_plan_make(form, v, &plan))
        return ct_conv_run_columns(tape, form, map, dtype, a, b, out);
    const ct_bilinear_side *x = &plan.x, *y = &plan.y;
    const int64_t w = x->channels * y->channels * form->k[0] * form->k[1] * form->k[2];
    for (int64_t group = 0; group < form->groups; group++) {
        const int64_t at_x = group * x->channels * x->apart, at_y = group * y->channels * y->apart, at_w = group * w;
        const float *first = a, *second = b;
        float *result = out;
        bool good;

        if (map == CT_MAP_CONV)
            good = run_product(tape, &plan, false, first + at_x, second + at_w, result + at_y);
        else if (map == CT_MAP_TRANSPOSE)
            good = run_product(tape, &plan, true, first + at_y, second + at_w, result + at_x);
        else
            good = ct_bilinear_run_weight(tape, &plan, first + at_x, second + at_y, result + at_w);
        if (!good)
            return false;
    }
    return true;
}
