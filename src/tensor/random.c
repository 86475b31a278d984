/* Random numbers: Philox4x32-10 with the counter {block, step, stream, epoch} and the seed as its key. */
#include <math.h>

#include "internal.h"

enum { BLOCK_GRAIN = 1 << 12 };

void ct_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t result[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t first = (uint64_t)0xD2511F53 * c0, second = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(second >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)second;
        c2 = (uint32_t)(first >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)first;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    result[0] = c0, result[1] = c1, result[2] = c2, result[3] = c3;
}

static void draw(const ct_random *random, int64_t block, uint32_t words[4])
{
    const uint32_t key[2] = { (uint32_t)random->seed, (uint32_t)(random->seed >> 32) };
    ct_philox((uint32_t[]){ (uint32_t)block, random->step, random->stream, random->epoch }, key, words);
}

/* ---- fills: a block makes 4 float32 or 2 float64 numbers ---- */

struct fill {
    const ct_tensor *tensor;
    ct_random random;
    bool normal;
    double a, b; /* low and high, or mean and deviation */
};

/* The block's uniform numbers in [0, 1): 32 bits each, or 53. */
static int unit_numbers(ct_dtype dtype, const uint32_t words[4], double unit[4])
{
    if (dtype == CT_F32) {
        for (int i = 0; i < 4; i++)
            unit[i] = words[i] * 0x1p-32;
        return 4;
    }
    for (int i = 0; i < 2; i++)
        unit[i] = (double)(((uint64_t)words[2 * i + 1] << 32 | words[2 * i]) >> 11) * 0x1p-53;
    return 2;
}

/* Box–Muller: two independent normal numbers from two uniform ones; 1 − u is never 0. */
static void to_normal(double pair[2])
{
    double radius = sqrt(-2 * log(1 - pair[0])), angle = 6.283185307179586476925 * pair[1];
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

/* Rounding may reach high, which is not in the interval. */
static float below_f32(float value, float low, float high)
{
    return value < high || low == high ? value : nextafterf(high, low);
}

static double below_f64(double value, double low, double high)
{
    return value < high || low == high ? value : nextafter(high, low);
}

static void store(const struct fill *fill, int64_t position, double value)
{
    void *data = ct_data(fill->tensor);
    if (fill->tensor->dtype == CT_F32)
        ((float *)data)[position] = fill->normal ? (float)value : below_f32((float)value, (float)fill->a, (float)fill->b);
    else
        ((double *)data)[position] = fill->normal ? value : below_f64(value, fill->a, fill->b);
}

static void fill_blocks(void *context, int64_t begin, int64_t end)
{
    const struct fill *fill = context;
    double scale = fill->normal ? fill->b : fill->b - fill->a;
    for (int64_t block = begin; block < end; block++) {
        uint32_t words[4];
        double unit[4];
        draw(&fill->random, block, words);
        int per_block = unit_numbers(fill->tensor->dtype, words, unit);
        for (int i = 0; fill->normal && i < per_block; i += 2)
            to_normal(unit + i);
        for (int i = 0; i < per_block && block * per_block + i < fill->tensor->count; i++)
            store(fill, block * per_block + i, fill->a + scale * unit[i]);
    }
}

/* The block's number has 32 bits, which bounds a fill at 2^34 float32 or 2^33 float64 numbers. */
static bool too_many(int64_t blocks) { return blocks > (int64_t)1 << 32; }

static ct_status fill(ct_tensor *tensor, ct_random *random, bool normal, double a, double b)
{
    int64_t per_block = tensor->dtype == CT_F32 ? 4 : 2;
    int64_t blocks = (tensor->count + per_block - 1) / per_block;
    if (too_many(blocks))
        return CT_BAD_SHAPE;
    tensor->storage->version++;
    ct_parallel_for(blocks, BLOCK_GRAIN, fill_blocks, &(struct fill){ tensor, *random, normal, a, b });
    random->step++;
    return CT_OK;
}

ct_status ct_uniform(ct_tensor *tensor, double low, double high, ct_random *random)
{
    if (!tensor || !random || !(low <= high) || !isfinite(high - low))
        return CT_BAD_ARGUMENT;
    if (tensor->dtype == CT_F32 && !(isfinite((float)low) && isfinite((float)high)))
        return CT_BAD_ARGUMENT;
    return fill(tensor, random, false, low, high);
}

ct_status ct_normal(ct_tensor *tensor, double mean, double deviation, ct_random *random)
{
    if (!tensor || !random || !isfinite(mean) || !isfinite(deviation) || deviation < 0)
        return CT_BAD_ARGUMENT;
    return fill(tensor, random, true, mean, deviation);
}

/* Fisher–Yates. A 64-bit number scaled to [0, i] by its high product is uniform to within i / 2^64. */
ct_status ct_permutation(int64_t *order, int64_t count, ct_random *random)
{
    if (!random || count < 0 || (!order && count) || too_many(count / 2))
        return CT_BAD_ARGUMENT;
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    uint32_t words[4] = { 0 };
    for (int64_t i = count - 1; i > 0; i--) {
        if (i == count - 1 || i % 2)
            draw(random, i / 2, words);
        uint64_t number = (uint64_t)words[i % 2 * 2 + 1] << 32 | words[i % 2 * 2];
        int64_t other = (int64_t)(((unsigned __int128)number * (uint64_t)(i + 1)) >> 64);
        int64_t swapped = order[i];
        order[i] = order[other];
        order[other] = swapped;
    }
    random->step++;
    return CT_OK;
}
