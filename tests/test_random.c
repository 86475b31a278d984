/* Random numbers: Philox's published answers, the distributions' moments, and what a fill may depend on. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

/* The known answers of the Random123 distribution (kat_vectors, philox4x32 10). */
Test(random, philox_gives_the_published_answers)
{
    static const struct {
        uint32_t counter[4], key[2], result[4];
    } known[] = {
        { { 0 }, { 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t result[4];
        ct_philox(known[i].counter, known[i].key, result);
        cr_assert(memcmp(result, known[i].result, sizeof result) == 0, "answer %zu", i);
    }
}

/* The mean of (x − center)^power. */
static double moment(const ct_tensor *tensor, double center, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        sum += pow(ct_tensor_at(tensor, i) - center, power);
    return sum / (double)ct_tensor_count(tensor);
}

Test(random, uniform_fills_its_interval_evenly)
{
    for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++) {
        enum { COUNT = 200003, BINS = 64 };
        ct_tensor *tensor = ct_tensor_empty(dtype, CT_SHAPE(COUNT));
        ct_random random = { .seed = 7, .stream = 1 };
        cr_assert(ct_uniform(tensor, -2, 6, &random) == CT_OK);
        int64_t bins[BINS] = { 0 };
        for (int64_t i = 0; i < COUNT; i++) {
            double x = ct_tensor_at(tensor, i);
            cr_assert(x >= -2 && x < 6);
            bins[(int)((x + 2) / 8 * BINS)]++;
        }
        double chi = 0, expected = (double)COUNT / BINS;
        for (int i = 0; i < BINS; i++)
            chi += ((double)bins[i] - expected) * ((double)bins[i] - expected) / expected;
        cr_assert(chi < 117, "χ² with 63 degrees of freedom: %g", chi); /* exceeded once in 25,000 */
        cr_assert_float_eq(moment(tensor, 2, 1), 0, 5 * 8 / sqrt(12 * COUNT));
        ct_tensor_release(tensor);
    }
}

Test(random, normal_has_the_moments_of_the_bell)
{
    for (ct_dtype dtype = CT_F32; dtype <= CT_F64; dtype++) {
        enum { COUNT = 400001 };
        ct_tensor *tensor = ct_tensor_empty(dtype, CT_SHAPE(COUNT));
        ct_random random = { .seed = 0x0123456789abcdef, .epoch = 3 };
        cr_assert(ct_normal(tensor, 1.5, 2, &random) == CT_OK);
        double bound = 5 / sqrt(COUNT); /* five deviations of each estimate */
        cr_assert_float_eq(moment(tensor, 1.5, 1) / 2, 0, bound);
        cr_assert_float_eq(moment(tensor, 1.5, 2) / 4, 1, bound * sqrt(2));
        cr_assert_float_eq(moment(tensor, 1.5, 3) / 8, 0, bound * sqrt(15));
        cr_assert_float_eq(moment(tensor, 1.5, 4) / 16, 3, bound * sqrt(96));
        int64_t inside = 0;
        double product = 0;
        for (int64_t i = 0; i < COUNT; i++)
            inside += fabs(ct_tensor_at(tensor, i) - 1.5) < 2;
        for (int64_t i = 0; i + 1 < COUNT; i++)
            product += (ct_tensor_at(tensor, i) - 1.5) * (ct_tensor_at(tensor, i + 1) - 1.5) / 4;
        cr_assert_float_eq((double)inside / COUNT, erf(sqrt(0.5)), bound);
        cr_assert_float_eq(product / COUNT, 0, bound);
        ct_tensor_release(tensor);
    }
}

/* The definition, written out: the first elements from the first blocks. */
Test(random, elements_are_functions_of_seed_stream_epoch_step_and_position)
{
    ct_random random = { .seed = 0x1122334455667788, .stream = 9, .epoch = 4, .step = 2 };
    ct_tensor *single = ct_tensor_empty(CT_F32, CT_SHAPE(6)), *pair = ct_tensor_empty(CT_F64, CT_SHAPE(3));
    cr_assert(ct_uniform(single, 0, 1, &random) == CT_OK && random.step == 3);
    random.step = 2;
    cr_assert(ct_uniform(pair, 0, 1, &random) == CT_OK);
    const uint32_t key[2] = { 0x55667788, 0x11223344 };
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t words[4];
        ct_philox((uint32_t[]){ i / 4, 2, 9, 4 }, key, words);
        cr_assert(ct_tensor_at(single, i) == (float)(words[i % 4] / 4294967296.0));
    }
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t words[4];
        ct_philox((uint32_t[]){ i / 2, 2, 9, 4 }, key, words);
        double unit = words[i % 2 * 2 + 1] / 0x1p32 + (words[i % 2 * 2] & ~0x7ffu) / 0x1p64;
        cr_assert(ct_tensor_at(pair, i) == unit);
    }
    ct_tensor_release(single), ct_tensor_release(pair);
}

Test(random, threads_and_history_do_not_matter)
{
    enum { COUNT = 100001 };
    ct_random start = { .seed = 5 }, random = start;
    ct_tensor *one = ct_tensor_empty(CT_F32, CT_SHAPE(COUNT)), *many = ct_tensor_empty(CT_F32, CT_SHAPE(COUNT));
    cr_assert(ct_set_num_threads(1) == CT_OK);
    ct_normal(one, 0, 1, &random);
    cr_assert(ct_set_num_threads(7) == CT_OK);
    random = start;
    ct_normal(many, 0, 1, &random);
    cr_assert(memcmp(ct_tensor_data(one), ct_tensor_data(many), COUNT * sizeof(float)) == 0);
    ct_normal(many, 0, 1, &random);
    cr_assert(memcmp(ct_tensor_data(one), ct_tensor_data(many), COUNT * sizeof(float)) != 0, "another step, other numbers");
    ct_tensor_release(one), ct_tensor_release(many);
}

Test(random, rounding_never_reaches_high)
{
    ct_tensor *tensor = ct_tensor_empty(CT_F32, CT_SHAPE(4096));
    ct_random random = { 0 };
    cr_assert(ct_uniform(tensor, 1, 1 + 0x1p-22, &random) == CT_OK); /* four float32 steps */
    for (int64_t i = 0; i < 4096; i++)
        cr_assert(ct_tensor_at(tensor, i) >= 1 && ct_tensor_at(tensor, i) < 1 + 0x1p-22);
    cr_assert(ct_uniform(tensor, 3, 3, &random) == CT_OK);
    cr_assert(ct_tensor_at(tensor, 17) == 3);
    ct_tensor_release(tensor);
    tensor = ct_tensor_empty(CT_F64, CT_SHAPE(4096));
    cr_assert(ct_uniform(tensor, 1, 1 + 0x1p-50, &random) == CT_OK); /* four float64 steps */
    for (int64_t i = 0; i < 4096; i++)
        cr_assert(ct_tensor_at(tensor, i) >= 1 && ct_tensor_at(tensor, i) < 1 + 0x1p-50);
    cr_assert(ct_uniform(tensor, 3, 3, &random) == CT_OK);
    cr_assert(ct_tensor_at(tensor, 17) == 3);
    ct_tensor_release(tensor);
}

Test(random, bad_arguments_change_nothing)
{
    ct_tensor *tensor = ct_tensor_zeros(CT_F32, CT_SHAPE(3));
    ct_random random = { 0 };
    cr_assert(ct_uniform(tensor, 1, 0, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_uniform(tensor, 0, INFINITY, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_uniform(tensor, 0, 1e300, &random) == CT_BAD_ARGUMENT, "no float32");
    cr_assert(ct_uniform(tensor, -1e300, 0, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_uniform(NULL, 0, 1, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_uniform(tensor, 0, 1, NULL) == CT_BAD_ARGUMENT);
    cr_assert(ct_normal(NULL, 0, 1, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_normal(tensor, 0, INFINITY, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_normal(tensor, 0, -1, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_normal(tensor, NAN, 1, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_normal(tensor, 0, 1, NULL) == CT_BAD_ARGUMENT);
    cr_assert(ct_permutation(NULL, 3, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_permutation((int64_t[]){ 0 }, 1, NULL) == CT_BAD_ARGUMENT);
    cr_assert(ct_permutation((int64_t[]){ 0 }, -1, &random) == CT_BAD_ARGUMENT);
    cr_assert(ct_permutation((int64_t[]){ 0 }, ((int64_t)1 << 33) + 2, &random) == CT_BAD_ARGUMENT, "blocks are counted by 32 bits");
    cr_assert(random.step == 0 && ct_tensor_at(tensor, 0) == 0);
    ct_tensor_release(tensor);
}

/* Address space without memory behind it. */
static void *reserve(void *context, size_t size)
{
    (void)context;
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

static void unreserve(void *context, void *block, size_t size) { (void)context, (void)munmap(block, size); }

Test(random, more_numbers_than_blocks_are_refused)
{
    ct_random random = { 0 };
    ct_set_allocator(&(ct_allocator){ reserve, unreserve, NULL });
    ct_tensor *tensor = ct_tensor_empty(CT_F32, CT_SHAPE(((int64_t)1 << 34) + 1));
    if (tensor == NULL)
        cr_log_warn("not run: no 64 GiB of addresses here");
    else
        cr_expect(ct_normal(tensor, 0, 1, &random) == CT_BAD_SHAPE && random.step == 0);
    ct_tensor_release(tensor);
    ct_set_allocator(NULL);
}

Test(random, permutation_has_each_number_once_and_each_order_as_often)
{
    enum { COUNT = 1000, ROUNDS = 24000 };
    int64_t order[COUNT];
    ct_random random = { .seed = 11 };
    bool seen[COUNT] = { false };
    cr_assert(ct_permutation(order, COUNT, &random) == CT_OK && random.step == 1);
    for (int i = 0; i < COUNT; i++) {
        cr_assert(order[i] >= 0 && order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = true;
    }
    int tally[4 * 4 * 4] = { 0 };
    for (int round = 0; round < ROUNDS; round++) {
        ct_permutation(order, 4, &random);
        tally[order[0] * 16 + order[1] * 4 + order[2]]++;
    }
    double chi = 0;
    for (int i = 0; i < 64; i++)
        chi += tally[i] ? (tally[i] - ROUNDS / 24.0) * (tally[i] - ROUNDS / 24.0) / (ROUNDS / 24.0) : 0;
    cr_assert(chi > 5 && chi < 60, "χ² with 23 degrees of freedom: %g", chi);
    cr_assert(ct_permutation(NULL, 0, &random) == CT_OK);
}
