/* conv_weight by a bilinear algorithm: w̃ = ỹ x̃ᵀ at each point, a sum over tiles. The shape says which of two ways:
 *
 *     few tiles for many sums   both operands are transformed and kept; a piece is a block of the sums, over all tiles
 *     many tiles                a piece is a part of the tiles, and of x's channels, with sums of its own. It transforms and multiplies a
 *                               chunk at a time, which stays in the caches of the core that works on it; then the parts are added up */
#include "bilinear.h"

#define CHUNK 32                /* tiles that are worth a piece */
#define OWN ((int64_t)1 << 17)  /* floats of a chunk's points that stay in the second-level cache */
#define SUMS (5 * OWN)          /* with more, x's channels are halved */

struct job {
    const ct_bilinear_plan *p;
    const float *x, *y;
    float *w;
    int64_t group;  /* the first of those that run side by side, which share `kept` or `sums` */
    float *kept;    /* points of tiles [begin, end): those of x's vectors [first, last), and y's */
    int64_t kept_floats;
    int64_t first, last, begin, end, tile_pieces;
    bool add;    /* to the sums of the tiles before */
    float *sums; /* of each part; NULL: a block's are in scratch */
    int64_t sums_floats;
    int64_t pieces, wanted;         /* of a group */
    int64_t parts, x_parts, x_part; /* of the tiles; of x's vectors; vectors of one */
    int64_t chunk;                  /* tiles at a time */
    int64_t x_block, y_block;       /* vectors of a block of sums */
    float *scratch;                 /* of each lane */
    int64_t scratch_floats;
};

/* The group that a piece belongs to, and the piece's number there. */
static struct job of_group(const struct job *all, int64_t pieces, int64_t *piece)
{
    const int64_t number = *piece / pieces, group = all->group + number;
    const ct_bilinear_plan *p = all->p;
    struct job job = *all;

    job.x += group * p->x.channels * p->x.apart;
    job.y += group * p->y.channels * p->y.apart;
    job.w += group * p->weights;
    if (job.kept)
        job.kept += number * job.kept_floats;
    else
        job.sums += number * job.parts * job.sums_floats;
    *piece %= pieces;
    return job;
}

static float *lane_scratch(const struct job *job, int lane) { return job->scratch + lane * job->scratch_floats; }

static ct_points kept_x(const struct job *job)
{
    return ct_bilinear_points(job->p, job->kept, job->p->x.phases, job->first, job->last, job->begin, job->end,
                              job->end - job->begin);
}

static ct_points kept_y(const struct job *job)
{
    const ct_points x = kept_x(job);
    return ct_bilinear_points(job->p, x.at + job->p->points * x.point, 1, 0, job->p->y.vectors, job->begin, job->end,
                              job->end - job->begin);
}

static int64_t points_floats(const struct job *job, int64_t x_vectors, int64_t tiles)
{
    const ct_bilinear_plan *p = job->p;
    return p->points * (ct_bilinear_stride(p, ct_bilinear_panels(p, x_vectors, p->x.phases), tiles) +
                        ct_bilinear_stride(p, p->y.panels, tiles));
}

/* Pieces of what is kept: so many tile pieces of each few vectors, x's and then y's. */
static int64_t keep_pieces(const struct job *job)
{
    const ct_bilinear_side *x = &job->p->x, *y = &job->p->y;
    return (ceil_divide(job->last - job->first, x->whole) + ceil_divide(y->vectors, y->whole)) * job->tile_pieces;
}

static void keep_piece(const struct job *job, int lane, int64_t piece)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t x_wholes = ceil_divide(job->last - job->first, p->x.whole), whole = piece / job->tile_pieces;
    const bool is_x = whole < x_wholes;
    const ct_bilinear_side *side = is_x ? &p->x : &p->y;
    ct_points points = is_x ? kept_x(job) : kept_y(job);

    points = ct_bilinear_vectors(p, side, points, (is_x ? whole : whole - x_wholes) * side->whole, side->whole);
    points = ct_bilinear_tiles(p, points, piece % job->tile_pieces, job->tile_pieces);
    ct_bilinear_to_points(p, side, is_x ? job->x : job->y, &points, lane_scratch(job, lane));
}

static void keep(void *context, int lane, int64_t piece)
{
    const struct job job = of_group(context, ((const struct job *)context)->pieces, &piece);
    keep_piece(&job, lane, piece);
}

/* A block's products over the tiles that are kept. */
static void multiply(const struct job *job, const ct_points *sums)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t panel = p->v->panel, panels = ct_bilinear_panels(p, sums->last - sums->first, p->x.phases);
    const ct_points x = ct_bilinear_vectors(p, &p->x, kept_x(job), sums->first - job->first, sums->last - sums->first), y = kept_y(job);

    for (int64_t point = 0; point < p->points; point++)
        for (int64_t o = sums->begin; o < sums->end; o += panel)
            p->v->multiply_outer(&(ct_outer_product){
                .rows = least(panel, sums->end - o),
                .panels = panels,
                .valid = (sums->last - sums->first) * p->x.phases * p->v->lanes - (panels - 1) * panel,
                .runs = 1,
                .steps = job->end - job->begin,
                .a = y.at + point * y.point + o / panel * y.panel,
                .a_run = &(int64_t){ 0 },
                .b_run = &(int64_t){ 0 },
                .a_step = panel,
                .b = x.at + point * x.point,
                .b_step = panel,
                .b_panel = x.panel,
                .c = sums->at + point * sums->point + (o - sums->begin) * panel,
                .c_panel = sums->panel,
                .c_row = panel,
                .add = job->add,
            });
}

/* The place of x's vectors [first, last) and y's channels [begin, end) among the sums of a part. */
static ct_points sums_of(const struct job *job, int64_t part, int64_t first, int64_t last, int64_t begin, int64_t end)
{
    const ct_bilinear_plan *p = job->p;
    ct_points sums =
        ct_bilinear_points(p, job->sums + part * job->sums_floats, p->x.phases, 0, p->x.vectors, begin, end, p->y.channels);

    sums.at += begin * p->v->panel;
    return ct_bilinear_vectors(p, &p->x, sums, first, last - first);
}

/* The sums of a part of the tiles and of x's vectors. */
static void sum_part(void *context, int lane, int64_t piece)
{
    struct job job = of_group(context, ((const struct job *)context)->pieces, &piece);
    const ct_bilinear_plan *p = job.p;
    const int64_t part = piece / job.x_parts, units = p->all / p->dilation[WIDTH],
                  end = (part + 1) * units / job.parts * p->dilation[WIDTH];

    job.kept = lane_scratch(&job, lane) + p->scratch;
    job.first = piece % job.x_parts * job.x_part, job.last = least(job.first + job.x_part, p->x.vectors);
    const ct_points sums = sums_of(&job, part, job.first, job.last, 0, p->y.channels);
    for (job.begin = part * units / job.parts * p->dilation[WIDTH]; job.begin < end; job.begin = job.end, job.add = true) {
        job.end = least(job.begin + job.chunk, end);
        for (int64_t i = 0; i < keep_pieces(&job); i++)
            keep_piece(&job, lane, i);
        multiply(&job, &sums);
    }
}

/* Adds the other parts' sums of a block to the first one's. */
static void join(const struct job *job, const ct_points *sums)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t panels = ct_bilinear_panels(p, sums->last - sums->first, p->x.phases),
                  floats = (sums->end - sums->begin) * p->v->panel;

    for (int64_t line = 0; line < p->points * panels; line++) {
        float *total = sums->at + line / panels * sums->point + line % panels * sums->panel;
        for (int64_t part = 1; part < job->parts; part++)
            for (int64_t i = 0; i < floats; i++)
                total[i] += total[part * job->sums_floats + i];
    }
}

static int64_t blocks_of(const struct job *job)
{
    return ceil_divide(job->p->x.vectors, job->x_block) * ceil_divide(job->p->y.vectors, job->y_block);
}

/* A block of w. */
static void finish(void *context, int lane, int64_t block)
{
    const struct job job = of_group(context, blocks_of(context), &block);
    const ct_bilinear_plan *p = job.p;
    const int64_t y_blocks = ceil_divide(p->y.vectors, job.y_block);
    const int64_t first = block / y_blocks * job.x_block, last = least(first + job.x_block, p->x.vectors);
    const int64_t begin = block % y_blocks * job.y_block * p->v->lanes,
                  end = least(begin + job.y_block * p->v->lanes, p->y.channels);
    float *scratch = lane_scratch(&job, lane);
    ct_points sums;

    if (job.sums) {
        sums = sums_of(&job, 0, first, last, begin, end);
        join(&job, &sums);
    } else {
        sums = ct_bilinear_points(p, scratch + p->scratch, p->x.phases, first, last, begin, end, end - begin);
        multiply(&job, &sums);
    }
    ct_bilinear_weights_from(p, &sums, job.w, scratch);
}

static int64_t points_of_all(const ct_bilinear_plan *p) { return p->all * p->points * (p->x.panels + p->y.panels) * p->v->panel; }

/* Few tiles for many sums. Blocks are as large as leaves enough of them. */
static void plan_blocks(struct job *job)
{
    const ct_bilinear_plan *p = job->p;

    if (blocks_of(job) < job->wanted)
        job->y_block = p->y.whole;
    if (blocks_of(job) < job->wanted)
        job->x_block = p->x.whole;
    job->tile_pieces = least(ceil_divide(job->wanted, keep_pieces(job)), ceil_divide(p->all, CHUNK));
    job->pieces = keep_pieces(job);
    job->scratch_floats +=
        p->points * ct_bilinear_stride(p, ct_bilinear_panels(p, job->x_block, p->x.phases), job->y_block * p->v->lanes);
}

/* Many tiles. Parts are so many that adding them up costs little beside the transforms, as does transforming y once more; none is empty. */
static void plan_parts(struct job *job)
{
    const ct_bilinear_plan *p = job->p;
    const int64_t halves = job->sums_floats > SUMS && p->x.vectors > p->x.whole ? 2 : 1;

    job->parts = least(least(most(points_of_all(p) / (6 * job->sums_floats), 2), job->wanted),
                       ceil_divide(p->all, most(CHUNK, p->dilation[WIDTH])));
    job->x_parts = halves;
    job->x_part = ceil_divide(p->x.vectors, halves * p->x.whole) * p->x.whole;
    job->pieces = job->parts * job->x_parts;
    const int64_t a_tile = p->points * (ct_bilinear_panels(p, job->x_part, p->x.phases) + p->y.panels) * p->v->panel;
    const int64_t fit = most(OWN, job->sums_floats / halves * 5 / 4) / a_tile;
    job->chunk = ct_bilinear_whole(p, least(most(fit, CHUNK), CT_PARTIAL_SUM));
    job->x_block = p->x.whole, job->y_block = p->y.whole;
    job->scratch_floats += points_floats(job, job->x_part, job->chunk);
}

bool ct_bilinear_run_weight(ct_tape *tape, const ct_bilinear_plan *p, const float *x, const float *y, float *w)
{
    struct job job = {
        .p = p,
        .x = x,
        .y = y,
        .w = w,
        .last = p->x.vectors,
        .end = p->all,
        .tile_pieces = 1,
        .sums_floats = p->points * ct_bilinear_stride(p, p->x.panels, p->y.channels),
        .x_block = p->x.whole * most(1, 4 * p->v->panel / (p->x.whole * p->x.phases * p->v->lanes)),
        .y_block = p->y.whole * 2,
        .scratch_floats = p->scratch,
    };
    const int64_t points = points_of_all(p);
    const bool few = points <= 2 * job.sums_floats || (points <= 2 * CT_BILINEAR_KEPT && blocks_of(&job) >= CT_BILINEAR_PIECES);

    job.kept_floats = points_floats(&job, p->x.vectors, p->all);
    const int64_t together = ct_bilinear_together(p, few ? job.kept_floats : job.sums_floats);
    job.wanted = ceil_divide(CT_BILINEAR_PIECES, together);
    (few ? plan_blocks : plan_parts)(&job);
    const int64_t blocks = blocks_of(&job), shared = few ? job.kept_floats : job.parts * job.sums_floats;
    const int lanes = ct_parallel_lanes(together * most(job.pieces, blocks));

    ct_tensor *common = ct_tape_tensor(tape, CT_F32, CT_SHAPE(together, shared)), *own = NULL;
    if (common)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    for (; own && job.group < p->form->groups; job.group += together) {
        const int64_t groups = least(together, p->form->groups - job.group);
        *(few ? &job.kept : &job.sums) = ct_data(common);
        job.scratch = ct_data(own);
        ct_parallel_pieces(groups * job.pieces, lanes, few ? keep : sum_part, &job);
        ct_parallel_pieces(groups * blocks, lanes, finish, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, common);
    return own != NULL;
}
