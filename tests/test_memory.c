/* Memory: every byte comes from the allocator and goes back with its size; failures come out as NULL; the pool reuses. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "../src/tensor/internal.h"

/* Counts bytes and blocks, and refuses when `left` allocations were made. */
struct ledger {
    int64_t blocks, bytes, calls, left;
};

static void *ledger_allocate(void *context, size_t size)
{
    struct ledger *ledger = context;
    if (ledger->left == 0)
        return NULL;
    ledger->left--, ledger->calls++, ledger->blocks++;
    ledger->bytes += (int64_t)size;
    return aligned_alloc(CT_ALIGNMENT, (size + CT_ALIGNMENT - 1) / CT_ALIGNMENT * CT_ALIGNMENT);
}

static void ledger_release(void *context, void *memory, size_t size)
{
    struct ledger *ledger = context;
    ledger->blocks--;
    ledger->bytes -= (int64_t)size;
    free(memory);
}

static struct ledger ledger;

static void open_ledger(void)
{
    ledger = (struct ledger){ .left = INT64_MAX };
    ct_set_allocator(&(ct_allocator){ ledger_allocate, ledger_release, &ledger });
}

static void close_ledger(void)
{
    cr_assert(ledger.blocks == 0 && ledger.bytes == 0, "%lld blocks, %lld bytes not given back", (long long)ledger.blocks,
              (long long)ledger.bytes);
    ct_set_allocator(NULL);
}

TestSuite(memory, .init = open_ledger, .fini = close_ledger);

Test(memory, a_tensor_is_two_blocks_that_go_back)
{
    ct_tensor *tensor = ct_tensor_zeros(CT_F64, CT_SHAPE(10, 10));
    cr_assert(ledger.blocks == 2 && ledger.bytes >= 800);
    cr_assert((uintptr_t)ct_tensor_data(tensor) % 64 == 0);
    ct_tensor *view = ct_tensor_view(tensor, CT_SHAPE(100));
    ct_tensor_retain(tensor);
    ct_tensor_release(tensor), ct_tensor_release(tensor);
    cr_assert(ct_tensor_at(view, 99) == 0, "the storage lives as long as a view");
    cr_assert(ledger.blocks == 2);
    ct_tensor_release(view);
}

Test(memory, out_of_memory_is_null_and_leaks_nothing)
{
    for (int64_t left = 0; left < 2; left++) {
        ledger.left = left;
        cr_assert_null(ct_tensor_zeros(CT_F32, CT_SHAPE(5)));
        cr_assert(ledger.blocks == 0);
    }
    ledger.left = INT64_MAX;
    ct_tensor *tensor = ct_tensor_ones(CT_F32, CT_SHAPE(5));
    ledger.left = 0;
    cr_assert_null(ct_tensor_view(tensor, CT_SHAPE(5, 1)));
    cr_assert_null(ct_tensor_clone(tensor));
    cr_assert_null(ct_pool_new());
    ct_tensor_release(tensor);
}

Test(memory, arrays_are_checked_for_overflow)
{
    cr_assert_null(ct_allocate_array(SIZE_MAX / 2, 3));
    int *zeroed = ct_allocate_zeroed(100 * sizeof *zeroed);
    for (int i = 0; i < 100; i++)
        cr_assert(zeroed[i] == 0);
    ct_release(zeroed, 100 * sizeof *zeroed);
    void *nothing = ct_allocate(0);
    cr_assert_not_null(nothing);
    ct_release(nothing, 0);
    ct_release(NULL, 8);
}

Test(memory, the_pool_reuses_blocks_and_wastes_at_most_a_quarter)
{
    struct ct_pool *pool = ct_pool_new();
    for (size_t size = 1; size < 100000; size += 1 + size / 50) {
        size_t before = ct_pool_bytes(pool);
        int64_t calls = ledger.calls;
        char *block = ct_pool_take(pool, size);
        size_t taken = ct_pool_bytes(pool) - before;
        cr_assert(ledger.calls == calls || (taken >= size && (taken <= 64 || taken * 4 <= size * 5)), "%zu for %zu", taken, size);
        block[0] = block[size - 1] = 1;
        ct_pool_give(pool, block, size);
        calls = ledger.calls;
        cr_assert(ct_pool_take(pool, size) == block && ledger.calls == calls, "the same block again");
        ct_pool_give(pool, block, size);
    }
    cr_assert_null(ct_pool_take(pool, SIZE_MAX));
    ct_pool_close(pool);
}

/* A large request takes a kept block of up to twice its size before it asks for memory; a small one, or a larger difference, does not. */
Test(memory, pool_lends_larger_blocks)
{
    open_ledger();
    struct ct_pool *pool = ct_pool_new();
    size_t size = 1900000;
    void *large = ct_pool_take_near(pool, &size);
    cr_assert(large && size >= 1900000);
    ct_pool_give(pool, large, size);
    const int64_t calls = ledger.calls;
    size_t half = 1000000, third = 600000;
    cr_expect(ct_pool_take_near(pool, &half) == large && ledger.calls == calls && half >= 1900000, "%zu", half);
    ct_pool_give(pool, large, half);
    void *small = ct_pool_take_near(pool, &third);
    cr_expect(small != large && ledger.calls == calls + 1 && third == 600000);
    ct_pool_give(pool, small, third);
    size = 1900000;
    cr_expect(ct_pool_take_near(pool, &size) == large, "given back as what it is");
    ct_pool_give(pool, large, size);
    ct_pool_close(pool);
    cr_expect(ledger.blocks == 0 && ledger.bytes == 0);
}

Test(memory, the_pool_frees_what_it_keeps_before_it_gives_up)
{
    struct ct_pool *pool = ct_pool_new();
    ct_pool_give(pool, ct_pool_take(pool, 1000), 1000);
    ct_pool_give(pool, ct_pool_take(pool, 3), 3);
    ledger.left = 0;
    cr_assert_null(ct_pool_take(pool, 5000));
    cr_assert(ct_pool_bytes(pool) == 0 && ledger.blocks == 1, "only the pool itself is left");
    ct_pool_close(pool);
}

Test(memory, a_tensor_outlives_its_closed_pool)
{
    struct ct_pool *pool = ct_pool_new();
    ct_tensor *tensor = ct_tensor_new(pool, CT_F32, CT_SHAPE(2, 3)), *other = ct_tensor_new(pool, CT_F64, CT_SHAPE(4));
    ct_tensor_fill(tensor, 2);
    ct_tensor_release(other);
    ct_pool_close(pool);
    cr_assert(ct_tensor_at(tensor, 5) == 2);
    ct_tensor_release(tensor);
}

Test(memory, a_leaf_releases_its_gradient)
{
    ct_tensor *leaf = ct_tensor_ones(CT_F32, CT_SHAPE(3)), *gradient = ct_tensor_ones(CT_F32, CT_SHAPE(3));
    cr_assert(ct_set_gradient(leaf, gradient) == CT_OK);
    cr_assert(ct_set_gradient(leaf, gradient) == CT_OK, "the one that is there");
    ct_tensor_release(gradient);
    cr_assert(ct_tensor_at(ct_gradient(leaf), 2) == 1);
    ct_tensor_release(leaf);
}
