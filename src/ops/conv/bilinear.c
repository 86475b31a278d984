/* The three maps by a bilinear algorithm. Transformed, each is a product of matrices a point:
 *
 *     conv            ỹ = w̃ x̃      from x's tiles to y's
 *     conv_transpose  x̃ = w̃ᵀ ỹ     the same, with every transform transposed
 *     conv_weight     w̃ = ỹ x̃ᵀ     the sum over tiles
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include "bilinear.h"
#include "../../tensor/whole.h"

#include <string.h>

#define CHUNK 32              /* tiles of a piece, about: what their points take should stay in the second-level cache */
#define PIECES 8               /* wanted, for threads */
#define KEPT ((int64_t)1 << 20) /* floats of transformed data that conv_weight keeps at a time, about */

struct job {
    const ct_bilinear_plan *p;
    const float *a, *b; /* the map's operands */
    float *out;
    float *kept;        /* shared by all lanes */
    float *scratch;     /* of each lane */
    int64_t scratch_floats;

    /* conv and conv_transpose */
    const ct_bilinear_side *source, *target;
    bool to_x, keep_data;
    int64_t across;                     /* vectors a panel */
    int64_t ranges, blocks, block;      /* of tiles; of the target's vectors; vectors of a block */
    int64_t unit;                       /* tiles of a range are a multiple of it: a plane's, where tiles overlap, or an image's */
    int64_t chunk;                      /* tiles at a time */
    int64_t rows_block;                 /* vectors of the source at a time, where weights are not kept */

    /* conv_weight */
    int64_t begin, end;                 /* tiles that are kept now */
    int64_t x_block, y_block;           /* vectors of a piece */
    float *sums;                        /* where they must outlive a piece */
    int64_t x_pieces, tile_pieces;
};

static float *lane_scratch(const struct job *job, int lane) { return job->scratch + lane * job->scratch_floats; }

/* Floats of the points of so many vectors of a side, for so many tiles. */
static int64_t panels_of(const ct_bilinear_plan *p, int64_t vectors, int64_t phases)
{
    return ceil_divide(vectors * phases * p->v->lanes, p->v->panel);
}

/* An odd number of lines between points, so that they do not fall into the same places of the caches. */
static int64_t point_stride(const ct_bilinear_plan *p, int64_t panels, int64_t rows)
{
    int64_t floats = panels * rows * p->v->panel;
    return floats % 32 ? floats : floats + 16;
}

/* Tiles of dilated images that stand side by side are not cut apart. */
static int64_t whole(const ct_bilinear_plan *p, int64_t tiles) { return ceil_divide(tiles, p->dilation[WIDTH]) * p->dilation[WIDTH]; }

static ct_points points_of(const ct_bilinear_plan *p, float *at, int64_t phases, int64_t first, int64_t last, int64_t begin,
                           int64_t end, int64_t rows)
{
    return (ct_points){
        .at = at,
        .point = point_stride(p, panels_of(p, last - first, phases), rows),
        .panel = rows * p->v->panel,
        .first = first,
        .last = last,
        .begin = begin,
        .end = end,
    };
}

static int64_t run_pieces(struct job *job, int64_t count, int lanes, void (*body)(void *, int, int64_t))
{
    ct_parallel_pieces(count, (int)least(lanes, ct_parallel_lanes(count)), body, job);
    return count;
}

/* ---- conv and conv_transpose ---- */

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
            .panels = panels_of(p, target->last - target->first, job->target->phases),
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
    int64_t last = least(first + job->block, job->target->vectors), rows = ct_bilinear_rows(p, job->to_x, 0, job->source->vectors);
    ct_points weights = points_of(p, job->kept, job->target->phases, 0, job->target->vectors, 0, job->source->vectors, rows);
    float *scratch = lane_scratch(job, lane);
    int64_t *runs = (int64_t *)scratch;

    weights.at += first * job->target->phases / job->across * weights.panel;
    scratch += runs_floats(job);
    for (int64_t tile = begin; tile < end; tile += job->chunk) {
        int64_t tiles = least(job->chunk, end - tile);
        ct_points source = points_of(p, scratch + p->scratch, job->source->phases, 0, job->source->vectors, tile, tile + tiles, tiles);
        ct_points target = points_of(p, source.at + p->points * source.point, job->target->phases, first, last, tile, tile + tiles, tiles);

        ct_bilinear_to_points(p, job->source, job->a, &source, scratch);
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
    ct_points source = points_of(p, job->kept, job->source->phases, 0, job->source->vectors, 0, p->all, p->all);
    float *scratch = lane_scratch(job, lane);
    int64_t *runs = (int64_t *)scratch;

    scratch += runs_floats(job);
    ct_points target = points_of(p, scratch + p->scratch, job->target->phases, first, last, 0, p->all, p->all);
    for (int64_t from = 0; from < job->source->vectors; from += job->rows_block) {
        int64_t to = least(from + job->rows_block, job->source->vectors), rows = ct_bilinear_rows(p, job->to_x, from, to);
        ct_points part = source, weights = points_of(p, target.at + p->points * target.point, job->target->phases, first, last, from,
                                                     to, rows);

        part.at += from * job->source->phases / job->across * source.panel;
        ct_bilinear_weights(p, job->to_x, job->b, &weights, scratch);
        multiply(job, &part, &weights, &target, p->all, rows, from > 0, runs);
    }
    ct_bilinear_from_points(p, job->target, &target, job->out, scratch);
}

static void keep_weights(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t first = piece * job->across, rows = ct_bilinear_rows(p, job->to_x, 0, job->source->vectors);
    ct_points all = points_of(p, job->kept, job->target->phases, 0, job->target->vectors, 0, job->source->vectors, rows);

    all.at += first * job->target->phases / job->across * all.panel;
    all.first = first, all.last = least(first + job->across, job->target->vectors);
    ct_bilinear_weights(p, job->to_x, job->b, &all, lane_scratch(job, lane));
}

static void keep_data(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t first = piece * job->across;
    ct_points all = points_of(p, job->kept, job->source->phases, 0, job->source->vectors, 0, p->all, p->all);

    all.at += first * job->source->phases / job->across * all.panel;
    all.first = first, all.last = least(first + job->across, job->source->vectors);
    ct_bilinear_to_points(p, job->source, job->a, &all, lane_scratch(job, lane));
}

/* The smaller of the two operands is transformed once and kept; the other is transformed piece by piece. */
static bool run_product(ct_tape *tape, struct job *job)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t panel = p->v->panel, source_panels = job->source->panels, target_panels = job->target->panels;
    int64_t rows = ct_bilinear_rows(p, job->to_x, 0, job->source->vectors), pieces, kept, lane_floats;

    job->across = panel / p->v->lanes;
    job->keep_data = p->all * source_panels <= rows * target_panels;
    if (job->keep_data) {
        job->block = job->across * most(1, least(4 / job->target->phases, ceil_divide(job->target->vectors, job->across) / PIECES));
        job->rows_block = job->across * most(1, CT_PARTIAL_SUM / (panel * job->source->phases));
        pieces = ceil_divide(job->target->vectors, job->block);
        kept = p->points * point_stride(p, source_panels, p->all);
        lane_floats = p->points * (point_stride(p, panels_of(p, job->block, job->target->phases), p->all) +
                                   point_stride(p, panels_of(p, job->block, job->target->phases),
                                                job->rows_block * job->source->phases * p->v->lanes));
    } else {
        job->unit = job->target->overlap ? p->tiles[HEIGHT] * p->tiles[WIDTH] * (job->target->deep ? p->y.planes : 1) : p->dilation[WIDTH];
        job->ranges = most(1, least(p->all / job->unit, (p->all + CHUNK / 2) / CHUNK));
        job->blocks = least(ceil_divide(PIECES, job->ranges), ceil_divide(job->target->vectors, job->across));
        job->block = ceil_divide(ceil_divide(job->target->vectors, job->across), job->blocks) * job->across;
        job->blocks = ceil_divide(job->target->vectors, job->block);
        int64_t longest = ceil_divide(p->all / job->unit, job->ranges) * job->unit;
        job->chunk = whole(p, ceil_divide(longest, most(1, (longest + CHUNK / 2) / CHUNK)));
        pieces = job->ranges * job->blocks;
        kept = p->points * point_stride(p, target_panels, rows);
        lane_floats = p->points * (point_stride(p, source_panels, job->chunk) +
                                   point_stride(p, panels_of(p, job->block, job->target->phases), job->chunk));
    }

    int64_t first = ceil_divide(job->keep_data ? job->source->vectors : job->target->vectors, job->across);
    int lanes = ct_parallel_lanes(most(pieces, first));
    job->scratch_floats = lane_floats + p->scratch + runs_floats(job);

    ct_tensor *shared = ct_tape_tensor(tape, CT_F32, CT_SHAPE(kept)), *own = NULL;
    if (shared)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job->scratch_floats));
    if (own) {
        job->kept = ct_data(shared), job->scratch = ct_data(own);
        run_pieces(job, first, lanes, job->keep_data ? keep_data : keep_weights);
        run_pieces(job, pieces, lanes, job->keep_data ? with_data : with_weights);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, shared);
    return own != NULL;
}

/* ---- conv_weight ---- */

static ct_points kept_x(const struct job *job)
{
    return points_of(job->p, job->kept, job->p->x.phases, 0, job->p->x.vectors, job->begin, job->end, job->end - job->begin);
}

static ct_points kept_y(const struct job *job)
{
    ct_points x = kept_x(job);
    return points_of(job->p, x.at + job->p->points * x.point, 1, 0, job->p->y.vectors, job->begin, job->end, job->end - job->begin);
}

/* A panel's vectors of x or y, and a part of the tiles that are to be kept. */
static void keep_both(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_bilinear_plan *p = job->p;
    int64_t number = piece / job->tile_pieces, part = piece % job->tile_pieces, tiles = job->end - job->begin;
    bool is_x = number < job->x_pieces;
    const ct_bilinear_side *side = is_x ? &p->x : &p->y;
    ct_points points = is_x ? kept_x(job) : kept_y(job);
    int64_t first = (is_x ? number : number - job->x_pieces) * job->across;

    points.begin += whole(p, part * tiles / job->tile_pieces);
    points.end = job->begin + whole(p, (part + 1) * tiles / job->tile_pieces);
    points.at += first * side->phases / job->across * points.panel + (points.begin - job->begin) * p->v->panel;
    points.first = first, points.last = least(first + job->across, side->vectors);
    ct_bilinear_to_points(p, side, is_x ? job->a : job->b, &points, lane_scratch(job, lane));
}

/* The sums of a block of x's vectors and y's: in memory that outlives the piece, or the lane's own. */
static ct_points sums_of(const struct job *job, int lane, int64_t block)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t y_blocks = ceil_divide(p->y.vectors, job->y_block);
    const int64_t x_first = block / y_blocks * job->x_block, x_last = least(x_first + job->x_block, p->x.vectors);
    const int64_t begin = block % y_blocks * job->y_block * p->v->lanes, end = least(begin + job->y_block * p->v->lanes, p->y.channels);

    if (!job->sums)
        return points_of(p, lane_scratch(job, lane) + p->scratch, p->x.phases, x_first, x_last, begin, end, end - begin);
    ct_points sums = points_of(p, job->sums, p->x.phases, 0, p->x.vectors, begin, end, p->y.channels);
    sums.at += x_first * p->x.phases / job->across * sums.panel + begin * p->v->panel;
    sums.first = x_first, sums.last = x_last;
    return sums;
}

static void multiply_outer(const struct job *job, const ct_points *sums, int64_t point)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t panel = p->v->panel;
    const ct_points x = kept_x(job), y = kept_y(job);

    for (int64_t o = sums->begin; o < sums->end; o += panel)
        p->v->multiply_outer(&(ct_outer_product){
            .rows = least(panel, sums->end - o),
            .panels = panels_of(p, sums->last - sums->first, p->x.phases),
            .runs = 1,
            .steps = job->end - job->begin,
            .a = y.at + point * y.point + o / panel * y.panel,
            .a_step = panel,
            .b = x.at + point * x.point + sums->first * p->x.phases / job->across * x.panel,
            .b_step = panel,
            .b_panel = x.panel,
            .c = sums->at + point * sums->point + (o - sums->begin) * panel,
            .c_panel = sums->panel,
            .c_row = panel,
            .add = job->begin > 0,
        });
}

/* All of a block. */
static void finish_block(void *context, int lane, int64_t block)
{
    const struct job *job = context;
    const ct_points sums = sums_of(job, lane, block);

    for (int64_t point = 0; !job->sums && point < job->p->points; point++)
        multiply_outer(job, &sums, point);
    ct_bilinear_weights_from(job->p, &sums, job->out, lane_scratch(job, lane));
}

/* A block's sums at one point, over the tiles that are kept now. */
static void add_point(void *context, int lane, int64_t piece)
{
    const struct job *job = context;
    const ct_points sums = sums_of(job, lane, piece / job->p->points);

    multiply_outer(job, &sums, piece % job->p->points);
}

static bool run_weight(ct_tape *tape, struct job *job)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t panel = p->v->panel, a_tile = p->points * (p->x.panels + p->y.panels) * panel;
    const int64_t all_sums = p->points * point_stride(p, p->x.panels, p->y.channels);
    int64_t tiles = most(most(KEPT, all_sums) / a_tile, CT_PARTIAL_SUM);

    tiles = tiles * 2 >= p->all ? p->all : whole(p, ceil_divide(p->all, ceil_divide(p->all, tiles)));
    job->across = panel / p->v->lanes;
    job->x_block = job->across * most(1, 4 / p->x.phases);
    job->y_block = 2 * job->across;
    job->x_pieces = ceil_divide(p->x.vectors, job->across);
    int64_t operands = job->x_pieces + ceil_divide(p->y.vectors, job->across);
    job->tile_pieces = least(ceil_divide(PIECES, operands), ceil_divide(tiles, CHUNK));
    int64_t blocks = ceil_divide(p->x.vectors, job->x_block) * ceil_divide(p->y.vectors, job->y_block);
    bool once = tiles == p->all && blocks >= PIECES; /* else the points make pieces */
    int lanes = ct_parallel_lanes(most(once ? blocks : blocks * p->points, operands * job->tile_pieces));

    job->scratch_floats = p->scratch;
    if (once)
        job->scratch_floats += p->points * point_stride(p, panels_of(p, job->x_block, p->x.phases), job->y_block * p->v->lanes);
    int64_t kept = p->points * (point_stride(p, p->x.panels, tiles) + point_stride(p, p->y.panels, tiles));

    ct_tensor *shared = ct_tape_tensor(tape, CT_F32, CT_SHAPE(kept)), *own = NULL, *sums = NULL;
    if (shared)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job->scratch_floats));
    if (own && !once)
        sums = ct_tape_tensor(tape, CT_F32, CT_SHAPE(all_sums));
    bool good = own && (once || sums);
    if (good) {
        job->kept = ct_data(shared), job->scratch = ct_data(own), job->sums = sums ? ct_data(sums) : NULL;
        for (job->begin = 0; job->begin < p->all; job->begin = job->end) {
            job->end = least(job->begin + tiles, p->all);
            run_pieces(job, operands * job->tile_pieces, lanes, keep_both);
            if (!once)
                run_pieces(job, blocks * p->points, lanes, add_point);
        }
        job->begin = 0;
        run_pieces(job, blocks, lanes, finish_block);
    }
    ct_tape_drop(tape, sums);
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, shared);
    return good;
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
        const bool to_x = map == CT_MAP_TRANSPOSE, to_w = map == CT_MAP_WEIGHT;
        struct job job = {
            .p = &plan,
            .a = (const float *)a + (to_x ? at_y : at_x),
            .b = (const float *)b + (to_w ? at_y : at_w),
            .out = (float *)out + (to_x ? at_x : to_w ? at_w : at_y),
            .to_x = to_x,
            .source = to_x ? y : x,
            .target = to_x ? x : y,
        };
        if (!(to_w ? run_weight : run_product)(tape, &job))
            return false;
    }
    return true;
}
