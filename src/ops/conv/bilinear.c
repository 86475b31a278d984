/* The three maps by a bilinear algorithm. Transformed, each is a product of matrices a point:
 *
 *     conv            ỹ = w̃ x̃      from x's tiles to y's
 *     conv_transpose  x̃ = w̃ᵀ ỹ     the same, with every transform transposed
 *     conv_weight     w̃ = ỹ x̃ᵀ     the sum over tiles
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include "bilinear.h"

#define CHUNK 32                       /* tiles of a piece, about: what their points take should stay in the second-level cache */
#define CHUNK_FLOATS ((int64_t)1 << 18) /* of their points at a time, where the source has many channels */

struct job {
    const ct_bilinear_plan *p;
    const ct_bilinear_side *source, *target;
    bool to_x, keep_data;
    const float *data, *w;
    float *out;
    int64_t group; /* the first of those that run side by side */
    float *kept;   /* shared by all lanes, group by group */
    int64_t kept_floats;
    float *scratch; /* of each lane */
    int64_t scratch_floats;
    int64_t keep_pieces, parts;    /* of a group; parts of the tiles, or of the source's vectors, each `whole` vectors */
    int64_t pieces;                /* of a group */
    int64_t ranges, blocks, block; /* of tiles; of the target's vectors; vectors of a block */
    int64_t unit;                  /* tiles of a range are a multiple of it: a plane's, where tiles overlap, or an image's */
    int64_t chunk;                 /* tiles at a time */
    int64_t rows_block;            /* vectors of the source at a time */
};

/* The group that a piece belongs to, and the piece's number there. */
static struct job of_group(const struct job *all, int64_t pieces, int64_t *piece)
{
    const int64_t number = *piece / pieces, group = all->group + number;
    struct job job = *all;

    job.data += group * job.source->channels * job.source->apart;
    job.w += group * job.p->weights;
    job.out += group * job.target->channels * job.target->apart;
    job.kept += number * job.kept_floats;
    *piece %= pieces;
    return job;
}

static float *lane_scratch(const struct job *job, int lane) { return job->scratch + lane * job->scratch_floats; }

/* Products of all points: target [panel][tile] from source [panel][tile] and weights [panel][row]. */
static void multiply(const struct job *job, const ct_points *source, const ct_points *weights, const ct_points *target,
                     int64_t tiles, int64_t rows, bool add, int64_t *runs)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t panel = p->v->panel, count = ceil_divide(rows, panel),
                  panels = ct_bilinear_panels(p, target->last - target->first, job->target->phases);

    for (int64_t i = 0; i < count; i++)
        runs[i] = i * source->panel;
    for (int64_t point = 0; point < p->points; point++)
        p->v->multiply(&(ct_product){
            .sets = 1,
            .groups = 1,
            .rows = tiles,
            .panels = panels,
            .valid = (target->last - target->first) * job->target->phases * p->v->lanes - (panels - 1) * panel,
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

static int64_t runs_floats(const struct job *job) { return (2 * job->source->panels + 31) / 16 * 16; }

/* All that is kept of a group. */
static ct_points kept_weights(const struct job *job)
{
    return ct_bilinear_points(job->p, job->kept, job->target->phases, 0, job->target->vectors, 0, job->source->vectors,
                              ct_bilinear_rows(job->p, job->to_x, 0, job->source->vectors));
}

static ct_points kept_data(const struct job *job)
{
    return ct_bilinear_points(job->p, job->kept, job->source->phases, 0, job->source->vectors, 0, job->p->all, job->p->all);
}

/* Kept weights: every lane transforms chunks of data on its own. */
static void with_weights(void *context, int lane, int64_t piece)
{
    const struct job job = of_group(context, ((const struct job *)context)->pieces, &piece);
    const ct_bilinear_plan *p = job.p;
    int64_t range = piece / job.blocks, first = piece % job.blocks * job.block, units = p->all / job.unit;
    int64_t begin = range * units / job.ranges * job.unit, end = (range + 1) * units / job.ranges * job.unit;
    int64_t last = least(first + job.block, job.target->vectors);
    ct_points weights = ct_bilinear_vectors(p, job.target, kept_weights(&job), first, job.block);
    float *scratch = lane_scratch(&job, lane);
    int64_t *runs = (int64_t *)scratch;

    scratch += runs_floats(&job);
    for (int64_t tile = begin; tile < end; tile += job.chunk) {
        int64_t tiles = least(job.chunk, end - tile);
        ct_points target =
            ct_bilinear_points(p, scratch + p->scratch, job.target->phases, first, last, tile, tile + tiles, tiles);

        for (int64_t from = 0; from < job.source->vectors; from += job.rows_block) {
            int64_t to = least(from + job.rows_block, job.source->vectors);
            ct_points source = ct_bilinear_points(p, target.at + p->points * target.point, job.source->phases, from, to, tile,
                                                  tile + tiles, tiles);
            ct_points part = weights;

            part.at += ct_bilinear_rows(p, job.to_x, 0, from) * p->v->panel;
            ct_bilinear_to_points(p, job.source, job.data, &source, scratch);
            multiply(&job, &source, &part, &target, tiles, ct_bilinear_rows(p, job.to_x, from, to), from > 0, runs);
        }
        ct_bilinear_from_points(p, job.target, &target, job.out, scratch);
    }
}

/* Kept data: every lane transforms blocks of weights on its own. */
static void with_data(void *context, int lane, int64_t piece)
{
    const struct job job = of_group(context, ((const struct job *)context)->pieces, &piece);
    const ct_bilinear_plan *p = job.p;
    int64_t first = piece * job.block, last = least(first + job.block, job.target->vectors);
    ct_points data = kept_data(&job);
    float *scratch = lane_scratch(&job, lane);
    int64_t *runs = (int64_t *)scratch;

    scratch += runs_floats(&job);
    ct_points target = ct_bilinear_points(p, scratch + p->scratch, job.target->phases, first, last, 0, p->all, p->all);
    for (int64_t from = 0; from < job.source->vectors; from += job.rows_block) {
        int64_t to = least(from + job.rows_block, job.source->vectors), rows = ct_bilinear_rows(p, job.to_x, from, to);
        ct_points part = ct_bilinear_vectors(p, job.source, data, from, job.rows_block);
        ct_points weights =
            ct_bilinear_points(p, target.at + p->points * target.point, job.target->phases, first, last, from, to, rows);

        ct_bilinear_weights(p, job.to_x, job.w, &weights, scratch);
        multiply(&job, &part, &weights, &target, p->all, rows, from > 0, runs);
    }
    ct_bilinear_from_points(p, job.target, &target, job.out, scratch);
}

static void keep_weights(void *context, int lane, int64_t piece)
{
    const struct job job = of_group(context, ((const struct job *)context)->keep_pieces, &piece);
    const ct_bilinear_side *target = job.target;
    ct_points points = ct_bilinear_vectors(job.p, target, kept_weights(&job), piece / job.parts * target->whole, target->whole);
    const int64_t part = piece % job.parts;

    points.begin = part * job.source->vectors / job.parts, points.end = (part + 1) * job.source->vectors / job.parts;
    points.at += ct_bilinear_rows(job.p, job.to_x, 0, points.begin) * job.p->v->panel;
    ct_bilinear_weights(job.p, job.to_x, job.w, &points, lane_scratch(&job, lane));
}

static void keep_data(void *context, int lane, int64_t piece)
{
    const struct job job = of_group(context, ((const struct job *)context)->keep_pieces, &piece);
    const ct_bilinear_side *source = job.source;
    ct_points points = ct_bilinear_vectors(job.p, source, kept_data(&job), piece / job.parts * source->whole, source->whole);

    points = ct_bilinear_tiles(job.p, points, piece % job.parts, job.parts);
    ct_bilinear_to_points(job.p, source, job.data, &points, lane_scratch(&job, lane));
}

/* Blocks of the target's vectors, and of the source's, whose partial sums are whole. */
static void plan_with_data(struct job *job, int64_t wanted, int64_t partial)
{
    const ct_bilinear_side *source = job->source, *target = job->target;
    const ct_bilinear_plan *p = job->p;
    const int64_t wholes = ceil_divide(source->vectors, source->whole), few = 4 * p->v->panel;

    job->parts = least(ceil_divide(wanted, wholes), ceil_divide(p->all, CHUNK));
    job->keep_pieces = wholes * job->parts;
    job->block = target->whole * most(1, least(few / (target->whole * target->phases * p->v->lanes),
                                               ceil_divide(target->vectors, target->whole) / wanted));
    job->rows_block = partial;
    job->pieces = ceil_divide(target->vectors, job->block);
    const int64_t panels = ct_bilinear_panels(p, job->block, target->phases), rows = partial * source->phases * p->v->lanes;
    job->scratch_floats += p->points * (ct_bilinear_stride(p, panels, p->all) + ct_bilinear_stride(p, panels, rows));
}

/* Ranges of tiles; where they are few, blocks of the target's vectors, too. */
static void plan_with_weights(struct job *job, int64_t wanted, int64_t partial)
{
    const ct_bilinear_side *source = job->source, *target = job->target;
    const ct_bilinear_plan *p = job->p;
    const int64_t wholes = ceil_divide(target->vectors, target->whole);

    job->parts = least(ceil_divide(wanted, wholes), source->vectors);
    job->keep_pieces = wholes * job->parts;
    job->unit = target->overlap ? p->tiles[HEIGHT] * p->tiles[WIDTH] * (target->deep ? p->y.planes : 1) : p->dilation[WIDTH];
    job->ranges = most(1, least(p->all / job->unit, (p->all + CHUNK / 2) / CHUNK));
    job->block = ceil_divide(wholes, least(ceil_divide(wanted, job->ranges), wholes)) * target->whole;
    job->blocks = ceil_divide(target->vectors, job->block);
    job->pieces = job->ranges * job->blocks;
    const int64_t longest = ceil_divide(p->all / job->unit, job->ranges) * job->unit;
    job->chunk = ct_bilinear_whole(p, ceil_divide(longest, most(1, (longest + CHUNK / 2) / CHUNK)));
    const int64_t floats = p->points * ct_bilinear_panels(p, partial, source->phases) * job->chunk * p->v->panel;
    job->rows_block = least(partial * most(1, CHUNK_FLOATS / most(floats, 1)), source->vectors);
    job->scratch_floats += p->points * (ct_bilinear_stride(p, ct_bilinear_panels(p, job->rows_block, source->phases), job->chunk) +
                                        ct_bilinear_stride(p, ct_bilinear_panels(p, job->block, target->phases), job->chunk));
}

/* The smaller of the two operands is transformed once and kept; the other is transformed piece by piece. */
static bool run_product(ct_tape *tape, const ct_bilinear_plan *p, bool to_x, const float *data, const float *w, float *out)
{
    const ct_bilinear_side *source = to_x ? &p->y : &p->x, *target = to_x ? &p->x : &p->y;
    struct job job = { .p = p, .source = source, .target = target, .to_x = to_x, .data = data, .w = w, .out = out };
    const int64_t rows = ct_bilinear_rows(p, to_x, 0, source->vectors);
    const int64_t partial = source->whole * most(1, CT_PARTIAL_SUM / (source->whole * source->phases * p->v->lanes));

    job.keep_data = p->all * source->panels <= rows * target->panels;
    job.kept_floats = p->points * (job.keep_data ? ct_bilinear_stride(p, source->panels, p->all)
                                                 : ct_bilinear_stride(p, target->panels, rows));
    job.scratch_floats = p->scratch + runs_floats(&job);
    const int64_t together = ct_bilinear_together(p, job.kept_floats);
    (job.keep_data ? plan_with_data : plan_with_weights)(&job, ceil_divide(CT_BILINEAR_PIECES, together), partial);
    const int lanes = ct_parallel_lanes(together * most(job.pieces, job.keep_pieces));

    ct_tensor *shared = ct_tape_tensor(tape, CT_F32, CT_SHAPE(together, job.kept_floats)), *own = NULL;
    if (shared)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    for (; own && job.group < p->form->groups; job.group += together) {
        const int64_t groups = least(together, p->form->groups - job.group);
        job.kept = ct_data(shared), job.scratch = ct_data(own);
        ct_parallel_pieces(groups * job.keep_pieces, lanes, job.keep_data ? keep_data : keep_weights, &job);
        ct_parallel_pieces(groups * job.pieces, lanes, job.keep_data ? with_data : with_weights, &job);
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
    return map == CT_MAP_WEIGHT ? ct_bilinear_run_weight(tape, &plan, a, b, out)
                                : run_product(tape, &plan, map == CT_MAP_TRANSPOSE, a, b, out);
}
