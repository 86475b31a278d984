/* Golden values: cases that PyTorch computed (make_golden.py), replayed by our ops. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

typedef struct golden_case {
    const char *name;
    ct_tensor *(*apply)(ct_tape *t, ct_tensor *const x[]);
} golden_case;

/* Replays tests/golden/<family>.txt: every case of the file must be in the table and the other way round. */
void golden_check(const char *family, const golden_case table[], int count);

/* Opens a file of tests/golden, from the repository's root or from where this source is. */
FILE *golden_open(const char *name);

/* Reads `RANK EXTENT…` and the values: the caller's, in float64. */
ct_tensor *golden_tensor(FILE *file);

/* Expects the same shape, and values within tolerance × the largest expected magnitude. The texts name the values. */
void golden_close(const char *name, const char *what, int index, const ct_tensor *got, const ct_tensor *expected,
                  double tolerance);

/* Every element ← the next number of Knuth's MMIX generator, a multiple of 2⁻¹⁵ in [−1, 1), · factor + addend: what the scripts draw. */
void golden_draw(uint64_t *state, ct_tensor *tensor, double factor, double addend);

/* The same for a network's parameters, around 1 for the gains of norms, around 0 for the rest. */
void golden_draw_parameters(uint64_t *state, ct_module *net, double factor);

/* CASES(X) lists X(name, the op's application to the tape t and the inputs x[0], x[1] …). */
#define GOLDEN_FUNCTION(name, ...)                                                                                           \
    static ct_tensor *golden_##name(ct_tape *t, ct_tensor *const x[])                                                        \
    {                                                                                                                        \
        return __VA_ARGS__;                                                                                                  \
    }
#define GOLDEN_ROW(name, ...) { #name, golden_##name },
#define GOLDEN_TEST(family, CASES)                                                                                           \
    CASES(GOLDEN_FUNCTION)                                                                                                   \
    static const golden_case golden_table[] = { CASES(GOLDEN_ROW) };                                                         \
    Test(golden, family)                                                                                                     \
    {                                                                                                                        \
        golden_check(#family, golden_table, (int)(sizeof golden_table / sizeof *golden_table));                              \
    }

#endif
