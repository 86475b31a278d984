/* Convolutions of any geometry in float32 without columns: the image's pixels are gathered channels-last into a stage, and the product
 * reads each pixel's taps where they lie. A run of products is a row of taps, or one tap where dilation parts them.
 *
 *     conv            rows: outputs of a strip     products: (tap, c)           lanes: o
 *     conv_transpose  rows: a phase's inputs       products: (phase's tap, o)   lanes: c
 *     conv_weight     rows: (tap, c)               products: outputs            lanes: o
 *
 * Many channels are staged slice by slice, and each slice is multiplied before the next is staged. Work is cut into pieces by the shape
 * alone, and a piece owns what it writes. */
#include "direct.h"

enum {
    PIECES = 8, FEW = 4, /* aimed at; that there should be at least */
    STAGE = 1 << 16,     /* floats of a strip's stage */
    SLICE = 128,         /* channels */
    MOST_ROWS = 512,     /* positions of a strip; FEW_ROWS: of small images together, or with slices; LEAST_ROWS: of low strips for threads */
    FEW_ROWS = 128,
    LEAST_ROWS = 32,
    MOST_STRIDE = 8, MOST_KERNEL = 4096 /* taps */, MOST_STAGE = 1 << 24,
};

/* Phases are walked one by one, and a strip's stage holds all that its kernels reach, padding too. */
bool ct_conv_direct_fits(const ct_conv_form *f, ct_dtype dtype)
{
    double stage = (double)most(most(f->x_channels, f->y_channels) / f->groups, 16);

    for (int a = 0; a < CT_MAX_SPATIAL; a++) {
        if (f->k[a] > CT_MOST_TAPS || f->stride[a] > MOST_STRIDE)
            return false;
        stage *= a == 0   ? (double)f->k[a]
                 : a == 1 ? (double)f->dilation[a] * (double)f->k[a]
                          : (double)f->dilation[a] * (double)f->k[a] + 128.0 * (double)f->stride[a];
    }
    return dtype == CT_F32 && ct_conv_volume(f->k) <= MOST_KERNEL && stage <= MOST_STAGE;
}

/* Neighbouring axes without a kernel are one. */
static ct_conv_form folded(const ct_conv_form *form)
{
    ct_conv_form f = *form;

    for (int a = 0; a + 1 < CT_MAX_SPATIAL; a++) {
        bool plain = true;
        for (int b = a; b < a + 2; b++)
            plain &= f.k[b] == 1 && f.stride[b] == 1 && f.padding[b] == 0 && f.x[b] == f.y[b];
        if (plain)
            f.x[a + 1] *= f.x[a], f.y[a + 1] = f.x[a + 1], f.x[a] = f.y[a] = 1;
    }
    return f;
}

/* Channels that are staged: all, or where they are many slices of about so many. */
static int64_t slice_of(int64_t channels, int64_t lanes)
{
    return channels < 2 * SLICE ? channels : ceil_divide(ceil_divide(channels, channels / SLICE), lanes) * lanes;
}

/* Several images at once where one has few positions for many weights, and enough pieces are left. */
static void plan_images(ct_direct *job, int64_t positions, int64_t pieces)
{
    const ct_cut *c = &job->cut;

    job->images = 1;
    if (c->strips == 1 && job->group_floats > STAGE)
        job->images = most(1, least(least(pieces, job->f->batch), least(positions / (c->high * c->wide), STAGE / c->floats)));
    job->sets = ceil_divide(job->f->batch, job->images);
}

/* Cuts panels into about so many blocks, and finds how many there are. */
static void plan_blocks(ct_direct *job, int64_t blocks)
{
    job->block = ceil_divide(job->panels, most(1, least(blocks, job->panels)));
    job->blocks = ceil_divide(job->panels, job->block);
}

/* Pieces are strips and blocks of panels, whose sums stay in the second-level cache where slice after slice adds to them. */
static void plan_products(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    ct_cut *c = &job->cut;
    const bool to_x = job->map == CT_MAP_TRANSPOSE, sliced = ct_direct_slices(job) > 1;
    const int64_t position = (to_x ? f->stride[1] * f->stride[2] : 1) * job->v->panel; /* floats of a panel's sums */

    *c = ct_cut_make(f, to_x, job->slice, job->v->lanes, STAGE,
                     sliced ? least(most(FEW_ROWS, STAGE / (position * job->panels)), MOST_ROWS) : MOST_ROWS);
    const int64_t pieces = f->batch * c->extent[0] * f->groups;
    if (pieces * job->panels > 0 && pieces * job->panels * c->strips < FEW) /* lower strips, so that there is work for threads */
        *c = ct_cut_make(f, to_x, job->slice, job->v->lanes, STAGE,
                         most(LEAST_ROWS, c->extent[1] * c->extent[2] * pieces * job->panels / FEW));
    plan_images(job, FEW_ROWS, pieces / PIECES);
    const int64_t sums = job->images * c->high * c->wide * position;
    plan_blocks(job, most(ceil_divide(PIECES, ct_direct_strips(job) * f->groups),
                          sliced ? ceil_divide(sums * job->panels, 2 * STAGE) : 1));
    job->runs = job->taps * least(CT_DIRECT_PARTS, c->channels * f->k[2]);
    job->scratch_floats = sums * ct_direct_together(job);
}

/* Pieces are parts of the strips, with sums of their own, blocks of panels and spans of slices. A part costs its sums; blocks stage x's
 * pixels again, and spans y's. */
static void plan_sums(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    const int64_t x = f->x_channels * ct_conv_volume(f->x), y = f->y_channels * ct_conv_volume(f->y);
    const int64_t sums = job->group_floats * f->groups;

    job->cut = ct_cut_make(f, false, job->slice, job->v->lanes, STAGE, MOST_ROWS);
    plan_images(job, MOST_ROWS, f->batch);
    const int64_t strips = ct_direct_strips(job);
    job->parts = most(1, least(least(strips, 2 * PIECES), least(((int64_t)1 << 22) / sums, f->batch * (x + y) / sums)));
    job->parts = ceil_divide(strips, ceil_divide(strips, job->parts)); /* of even size */
    const int64_t wanted = ceil_divide(2 * PIECES, job->parts * f->groups), slices = ct_direct_slices(job);
    job->span = slices;
    plan_blocks(job, wanted);
    for (int64_t spans = 2, cost = x * job->blocks + y; spans <= least(wanted, slices); spans++)
        if (x * ceil_divide(wanted, spans) + y * spans < cost) {
            cost = x * ceil_divide(wanted, spans) + y * spans;
            job->span = ceil_divide(slices, spans);
            plan_blocks(job, ceil_divide(wanted, spans));
        }
    job->spans = ceil_divide(slices, job->span);
    job->runs = 2 * job->images * job->cut.high;
    job->scratch_floats = job->images * job->cut.high * job->cut.wide * job->v->panel * job->block;
}

static void plan(ct_direct *job)
{
    const ct_conv_form *f = job->f;
    const bool to_x = job->map == CT_MAP_TRANSPOSE;

    job->in = f->x_channels / f->groups, job->outs = f->y_channels / f->groups, job->taps = ct_conv_volume(f->k);
    job->lanes_of = to_x ? job->in : job->outs, job->sources = to_x ? job->outs : job->in;
    job->panels = ceil_divide(job->lanes_of, job->v->panel);
    job->group_floats = job->panels * job->v->panel * job->taps * job->sources;
    job->sum_floats = (job->group_floats * f->groups + 15) / 16 * 16;
    job->parts = job->spans = 1;
    job->slice = slice_of(job->sources, job->v->lanes);
    (job->map == CT_MAP_WEIGHT ? plan_sums : plan_products)(job);
    job->scratch_floats += 2 * ((job->runs + 7) / 8 * 8) + (job->images * job->cut.floats + 31) / 16 * 16;
    job->scratch_floats = (most(job->scratch_floats, job->taps * job->sources * job->v->lanes) + 31) / 16 * 16;
}

bool ct_conv_run_panels(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    const ct_conv_form form = folded(f);
    ct_direct job = { .f = &form, .map = map, .a = a, .b = b, .out = out };

    (void)dtype;
    job.v = ct_conv_vectors(tape);
    if (!job.v)
        return false;
    plan(&job);

    const bool weight = map == CT_MAP_WEIGHT;
    const int64_t vectors = ceil_divide(job.lanes_of, job.v->lanes) * f->groups;
    const int64_t pieces = (weight ? job.parts * job.spans : ct_direct_strips(&job)) * f->groups * job.blocks;
    const int lanes = ct_parallel_lanes(most(pieces, vectors));

    ct_tensor *packed = ct_tape_tensor(tape, CT_F32, CT_SHAPE(job.parts * job.sum_floats)), *own = NULL;
    if (packed)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.packed = ct_data(packed), job.scratch = ct_data(own);
        if (!weight)
            ct_parallel_pieces(vectors, lanes, ct_direct_pack, &job);
        ct_parallel_pieces(pieces, lanes, weight ? ct_direct_sum : map == CT_MAP_CONV ? ct_direct_run_y : ct_direct_run_x, &job);
        if (weight)
            ct_parallel_pieces(vectors, lanes, ct_direct_unpack, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, packed);
    return own != NULL;
}
