/* Prints the kill matrix as Markdown: mutations against checks, and how often right functions were accused. `make kill-matrix`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mutations.h"

static const struct {
    const char *name;
    fixed_step_checker *run;
} others[] = { { "PyTorch", pytorch_manner }, { "JAX", jax_manner }, { "KANN", kann_manner }, { "ggml", ggml_manner } };
enum { OTHERS = sizeof others / sizeof *others };
static const char *const ours[PROPER_CHECKS] = { "order 1", "order 2", "order 3", "values", "adjoint", "float32" };

static bool convicts(const struct mutation *m, bool broken, int other, uint64_t seed)
{
    ct_tensor *in[CT_SAMPLE_INPUTS];
    const ct_function f = { broken ? m->broken : m->right, NULL, m->inputs.inputs };
    ct_sample_inputs(&m->inputs, CT_F64, false, seed, in);
    const bool convicted = others[other].run(&f, in, m->inputs.constant, seed);
    for (int j = 0; j < m->inputs.inputs; j++)
        ct_tensor_release(in[j]);
    return convicted;
}

static void matrix(uint64_t seed)
{
    int proper = 0, ours_count[PROPER_CHECKS] = { 0 }, others_count[OTHERS] = { 0 };
    printf("| mutation |");
    for (int c = 0; c < PROPER_CHECKS; c++)
        printf(" %s |", ours[c]);
    for (int o = 0; o < OTHERS; o++)
        printf(" %s |", others[o].name);
    printf("\n|---|");
    for (int c = 0; c < PROPER_CHECKS + OTHERS; c++)
        printf(":-:|");
    printf("\n");
    for (int i = 0; i < mutation_count; i++) {
        const struct mutation *m = &mutations[i];
        printf("| %s |", m->name);
        for (proper_check c = 0; c < PROPER_CHECKS; c++) {
            const bool skipped = (m->proper == BY_ADJOINT) != (c == BY_ADJOINT);
            const bool convicted = !skipped && judge_mutation(m, true, c, seed, NULL) == CT_WRONG;
            ours_count[c] += convicted;
            proper += convicted && c == m->proper;
            printf(c == m->proper ? " **%s** |" : " %s |", skipped ? "" : convicted ? "x" : "·");
        }
        for (int o = 0; o < OTHERS; o++) {
            /* Who accuses the right function just the same has not told the two apart. */
            const bool convicted = convicts(m, true, o, seed), blind = convicts(m, false, o, seed);
            others_count[o] += convicted && !blind;
            printf(" %s |", blind ? "!" : convicted ? "x" : "·");
        }
        printf("\n");
        fflush(stdout);
    }
    printf("| **convicted of %d** |", mutation_count);
    for (int c = 0; c < PROPER_CHECKS; c++)
        printf(" %d |", ours_count[c]);
    for (int o = 0; o < OTHERS; o++)
        printf(" %d |", others_count[o]);
    printf("\n\nConvicted by the proper check (bold): %d of %d.\n", proper, mutation_count);
}

/* Every sample, right as it is; odd seeds draw whole numbers. */
static void innocent(int order, int seeds, int64_t elements)
{
    long runs = 0, comparisons = 0, verdicts[4] = { 0 };
    double digits = 17;
    const char *least = "";
#pragma omp parallel for schedule(dynamic) reduction(+ : runs, comparisons, verdicts)
    for (int i = 0; i < ct_sample_count; i++) {
        const ct_sample *sample = &ct_samples[i];
        const ct_function f = ct_sample_function(sample);
        for (int seed = 0; seed < seeds; seed++) {
            ct_tensor *in[CT_SAMPLE_INPUTS];
            ct_gradcheck_report report;
            ct_sample_inputs(sample, CT_F64, seed % 2, (uint64_t)seed, in);
            const ct_gradcheck_options options = { .order = order, .seed = (uint64_t)seed, .linear = sample->linear, .constant = sample->constant,
                                                   .float32 = !sample->draws, .elements = elements };
            verdicts[ct_gradcheck(&f, in, &options, &report)]++;
            if (report.verdict != CT_RIGHT)
                fprintf(stderr, "%s, order %d, seed %d, %s: %s\n", sample->name, order, seed, seed % 2 ? "whole" : "real", report.message);
            runs++, comparisons += report.comparisons;
#pragma omp critical
            if (seed % 2 == 0 && report.digits < digits)
                digits = report.digits, least = sample->name;
            for (int j = 0; j < sample->inputs; j++)
                ct_tensor_release(in[j]);
        }
    }
    printf("| %d | %d | %ld | %ld | %ld | %ld | %ld | %ld | %.1f (%s) |\n", order, seeds, runs, comparisons, verdicts[CT_RIGHT], verdicts[CT_WRONG],
           verdicts[CT_KINK], verdicts[CT_UNDECIDABLE], digits, least);
    fflush(stdout);
}

/* The right twins of the mutations under the others. */
static void accused_by_others(int seeds)
{
    printf("| the right functions, %d seeds |", seeds);
    for (int o = 0; o < OTHERS; o++) {
        long accused = 0, runs = 0;
        for (int i = 0; i < mutation_count; i++)
            for (int seed = 0; seed < seeds && mutations[i].inputs.in[0].shape.extent[0] < 100; seed++, runs++)
                accused += convicts(&mutations[i], false, o, (uint64_t)seed);
        printf(" %ld of %ld |", accused, runs);
    }
    printf("\n");
}

int main(int count, char **argument)
{
    const int seeds = count > 1 ? atoi(argument[1]) : 1000;
    ct_set_num_threads(1);
    printf("# The kill matrix\n\nMade by `make kill-matrix`; docs/gradcheck.md says what it means. x: convicted. ·: passed. !: the right "
           "function is accused just the same. **Bold**: the check that is meant for the mutation.\nThe first six columns are ours; the others are fixed-step checkers in the manner of PyTorch's gradcheck, JAX's check_grads, KANN's\n"
           "kad_check_grad and ggml's test-backend-ops, of a few lines each (tests/fixed_step.c), with those projects' steps and tolerances.\n\n");
    matrix(1);
    printf("\n## The innocent\n\nEvery sample of every op (%d samples), at real inputs and, for odd seeds, at whole ones; float32 included.\n\n"
           "| order | seeds | runs | comparisons | right | wrong | kink | undecidable | fewest digits at reals |\n|---|---|---|---|---|---|---|---|---|\n",
           ct_sample_count);
    innocent(1, seeds, 0);
    innocent(2, seeds / 10, 16);
    innocent(3, seeds / 20, 8);
    printf("\n| accused by | PyTorch | JAX | KANN | ggml |\n|---|---|---|---|---|\n");
    accused_by_others(20);
    return 0;
}
