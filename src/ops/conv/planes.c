/* Convolutions with few channels on a side, or in groups of few, in float32. Pixels are the lanes, so that no lane
 * is empty however few the channels are, and nothing is transposed.
 *
 * What is contracted is copied into planes with its padding, for x one for each phase of the stride. Then a tap is a constant
 * distance: rows follow each other without a gap, and a product runs over all pixels of a strip at once. Pixels behind a row's end
 * come out as nonsense, which is not copied out. Where rows are whole vectors, the product runs over these, and right into the
 * target. conv_weight goes row by row.
 *
 *     conv            y ← x's planes, a tap at a time
 *     conv_transpose  a phase of x ← y's planes
 *     conv_weight     a sum over pixels: x's planes, times y's rows where they lie
 *
 * Work is cut into pieces by the shape alone, and a piece owns what it writes. */
#include "planes.h"

enum { PIECES = 16, STAGE = 1 << 14, POSITIONS = 1024, INS = 8 /* conv_weight's, at a time */, MOST_PARTS = 8,
       MOST_SUMS = 1 << 19 /* floats, of all parts */ };

/* Where products look, in x's planes: term after term, tap after tap, as w has them. */
static void find_products_of_y(const ct_planes *job)
{
    const ct_conv_form *f = job->f;
    const int64_t *k = f->k;
    int64_t taps[CT_MOST_TAPS], back[CT_MOST_TAPS];

    for (int a = 1; a < 3; a++)
        for (int64_t phase = 0; phase < job->phases[a]; phase++)
            job->has_taps[a][phase] = ct_taps_of(f, a, phase, taps, back) > 0;
    for (int64_t i = 0; i < job->staged * job->taps; i++) {
        const int64_t tap[3] = { i / k[2] / k[1] % k[0], i / k[2] % k[1], i % k[2] };
        const int64_t row = tap[1] * f->dilation[1], column = tap[2] * f->dilation[2];
        job->a_at[i] = i / job->taps * job->term +
                       ((tap[0] * job->phases[1] + row % job->phases[1]) * job->phases[2] + column % job->phases[2]) * job->plane +
                       row / job->phases[1] * job->pitch + column / job->phases[2];
        job->b_at[i] = i;
    }
}

/* The same in y's planes, phase by phase. */
static void find_products_of_x(const ct_planes *job)
{
    const ct_conv_form *f = job->f;
    int64_t taps[3][CT_MOST_TAPS], back[3][CT_MOST_TAPS], n[3], i = 0;

    for (int64_t p[3] = { 0 }; p[0] < f->stride[0]; p[0]++)
        for (p[1] = 0; p[1] < f->stride[1]; p[1]++)
            for (p[2] = 0; p[2] < f->stride[2]; p[2]++) {
                for (int a = 0; a < 3; a++)
                    n[a] = ct_taps_of(f, a, p[a], taps[a], back[a]);
                for (int64_t t = 0; t < job->outs * n[0] * n[1] * n[2]; t++, i++) {
                    const int64_t d = t / n[2] / n[1] % n[0], h = t / n[2] % n[1], w = t % n[2], o = t / n[2] / n[1] / n[0];
                    job->a_at[i] = o * job->term + d * job->plane + (job->reach[1] - back[1][h]) * job->pitch + job->reach[2] - back[2][w];
                    job->b_at[i] = o * job->in * job->taps + (taps[0][d] * f->k[1] + taps[1][h]) * f->k[2] + taps[2][w];
                }
            }
}

/* conv_weight's sums are each of one channel of x, so that a few at a time will do. */
static int64_t staged(const ct_conv_form *f, ct_conv_map map)
{
    const int64_t in = f->x_channels / f->groups;

    if (map == CT_MAP_TRANSPOSE)
        return f->y_channels / f->groups;
    return map == CT_MAP_WEIGHT ? ceil_divide(in, ceil_divide(in, INS)) : in;
}

ct_cut ct_planes_cut(const ct_conv_form *f, ct_conv_map map)
{
    return ct_cut_make(f, map == CT_MAP_TRANSPOSE, staged(f, map), 0, STAGE, POSITIONS);
}

bool ct_planes_whole_rows(const ct_conv_form *f, ct_conv_map map, const ct_cut *c, int64_t lanes)
{
    return map != CT_MAP_WEIGHT && c->across == 1 && c->wide % lanes == 0 && (map == CT_MAP_CONV || f->stride[1] * f->stride[2] == 1);
}

static void plan(ct_planes *job)
{
    const ct_conv_form *f = job->f;
    const bool to_x = job->map == CT_MAP_TRANSPOSE;
    ct_cut *c = &job->cut;

    job->staged = staged(f, job->map);
    *c = ct_planes_cut(f, job->map);
    for (int a = 0; a < 3; a++) {
        job->reach[a] = f->dilation[a] * (f->k[a] - 1) / f->stride[a];
        job->phases[a] = to_x ? 1 : f->stride[a];
    }
    job->pitch = c->wide + job->reach[2];
    job->plane = (c->high + job->reach[1]) * job->pitch;
    job->term = f->k[0] * job->phases[1] * job->phases[2] * job->plane;
    job->image = job->staged * job->term;
    job->rows = ct_planes_whole_rows(f, job->map, c, job->v->lanes);
    job->positions = ceil_divide((c->high - 1) * job->pitch + c->wide, job->v->lanes) * job->v->lanes;

    const int64_t strips = c->extent[0] * c->strips;
    job->images = c->strips > 1 ? 1 : most(1, least(f->batch, least(STAGE / job->image, POSITIONS / job->positions)));
    while (job->images > 1 && ceil_divide(f->batch, job->images) * strips * f->groups < PIECES)
        job->images = (job->images + 1) / 2;
    job->chunks = ceil_divide(f->batch, job->images);
    const double work = (double)job->images * (double)job->positions * (double)job->in * (double)job->outs * (double)job->taps;
    job->share = 1;
    while (job->share < f->groups && work * (double)job->share < CT_CONV_GRAIN &&
           job->chunks * strips * ceil_divide(f->groups, 2 * job->share) >= PIECES)
        job->share *= 2;
    job->shares = ceil_divide(f->groups, job->share);
    const int64_t sums = f->groups * job->in * job->outs * job->taps * job->v->lanes;
    job->parts = least(least(job->chunks * strips, MOST_PARTS), least(ceil_divide(PIECES, job->shares), most(4, MOST_SUMS / sums)));
    job->parts = job->map == CT_MAP_WEIGHT ? most(1, job->parts) : 1;
}

bool ct_conv_run_planes(ct_tape *tape, const ct_conv_form *f, ct_conv_map map, ct_dtype dtype, const void *a, const void *b, void *out)
{
    ct_planes job = {
        .v = ct_conv_vectors(tape),
        .f = f,
        .map = map,
        .a = a,
        .b = b,
        .out = out,
        .in = f->x_channels / f->groups,
        .outs = f->y_channels / f->groups,
        .taps = ct_conv_volume(f->k),
    };
    const bool weight = map == CT_MAP_WEIGHT;

    (void)dtype;
    if (!job.v)
        return false;
    plan(&job);
    const int64_t products = job.staged * job.taps, weights = f->groups * job.outs * job.in * job.taps;
    const int64_t pieces = (weight ? job.parts : job.chunks * job.cut.extent[0] * job.cut.strips) * job.shares;
    const int lanes = ct_parallel_lanes(pieces);

    job.scratch_floats =
        (job.images * (job.image + CT_PLANES_OUTS * job.positions) + job.pitch + 4 * job.v->lanes + 63) / 32 * 32;
    const int64_t vectors = job.positions / job.v->lanes;
    ct_tensor *tables = ct_tape_tensor(tape, CT_F64, CT_SHAPE(2 * products + job.phases[1] + job.phases[2] + vectors)), *sums = NULL,
              *own = NULL;
    if (tables)
        sums = ct_tape_tensor(tape, CT_F32, CT_SHAPE(weight ? job.parts * weights * job.v->lanes : 0));
    if (sums)
        own = ct_tape_tensor(tape, CT_F32, CT_SHAPE(lanes, job.scratch_floats));
    if (own) {
        job.a_at = (int64_t *)ct_data(tables), job.b_at = job.a_at + products;
        job.has_taps[1] = job.b_at + products, job.has_taps[2] = job.has_taps[1] + job.phases[1];
        job.vector_at = job.has_taps[2] + job.phases[2];
        for (int64_t i = 0, columns = job.cut.wide / job.v->lanes; i < vectors; i++)
            job.vector_at[i] = job.rows ? i / columns * job.pitch + i % columns * job.v->lanes : i * job.v->lanes;
        job.sums = ct_data(sums), job.scratch = ct_data(own);
        (map == CT_MAP_TRANSPOSE ? find_products_of_x : find_products_of_y)(&job);
        ct_parallel_pieces(pieces, lanes, weight ? ct_planes_run_w : map == CT_MAP_CONV ? ct_planes_run_y : ct_planes_run_x, &job);
        if (weight)
            ct_parallel_pieces(job.shares, lanes, ct_planes_join, &job);
    }
    ct_tape_drop(tape, own);
    ct_tape_drop(tape, sums);
    ct_tape_drop(tape, tables);
    return own != NULL;
}
