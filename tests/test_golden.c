/* The reader and the comparison behind tests/test_golden_*.c; golden/make_golden.py says what the files look like. */
#include "golden/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 8, MAX_CASES = 256 };

/* The tensors of one case, by input. */
typedef struct example {
    char name[100];
    int inputs;
    ct_tensor *input[MAX_INPUTS], *grad[MAX_INPUTS], *after[MAX_INPUTS];
    ct_tensor *out[MAX_INPUTS], *cot[MAX_INPUTS]; /* the first counts */
    bool variable[MAX_INPUTS];
} example;

FILE *golden_open(const char *name)
{
    char path[4096] = "tests/golden/";
    strncat(path, name, 200);
    FILE *file = fopen(path, "r");
    if (!file) {
        const char *slash = strrchr(__FILE__, '/');
        snprintf(path, sizeof path, "%.*s/golden/%s", slash ? (int)(slash - __FILE__) : 0, __FILE__, name);
        file = fopen(path, "r");
    }
    cr_assert(file, "cannot open golden file %s: run the tests in the repository's root", path);
    return file;
}

ct_tensor *golden_tensor(FILE *file)
{
    ct_shape shape = CT_SCALAR;
    cr_assert(fscanf(file, "%d", &shape.rank) == 1 && shape.rank >= 0 && shape.rank <= CT_MAX_RANK);
    for (int i = 0; i < shape.rank; i++) {
        long long extent = 0;
        cr_assert(fscanf(file, "%lld", &extent) == 1);
        shape.extent[i] = extent;
    }
    ct_tensor *tensor = ct_tensor_empty(CT_F64, shape);
    cr_assert(tensor);
    double *data = ct_tensor_data_mutable(tensor);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        cr_assert(fscanf(file, "%lf", &data[i]) == 1);
    return tensor;
}

/* Reads one case; false at the file's end. The word `case` that ends it is read too. */
static bool read_example(FILE *file, example *e)
{
    *e = (example){ .inputs = 0 };
    if (fscanf(file, "%99s", e->name) != 1)
        return false;
    for (char role[20]; fscanf(file, "%19s", role) == 1 && strcmp(role, "case") != 0;) {
        struct { const char *name; ct_tensor **slot; } roles[] = {
            { "var", e->input }, { "in", e->input },  { "out", e->out },
            { "cot", e->cot },   { "grad", e->grad }, { "after", e->after },
        };
        int index = -1, r = 0;
        cr_assert(fscanf(file, "%d", &index) == 1 && index >= 0 && index < MAX_INPUTS);
        while (r < 6 && strcmp(role, roles[r].name) != 0)
            r++;
        cr_assert(r < 6, "%s: unknown role %s", e->name, role);
        roles[r].slot[index] = golden_tensor(file);
        if (r < 2)
            e->inputs = index + 1, e->variable[index] = r == 0;
    }
    return true;
}

static void release_example(example *e)
{
    for (int i = 0; i < MAX_INPUTS; i++) {
        ct_tensor_release(e->input[i]), ct_tensor_release(e->grad[i]), ct_tensor_release(e->after[i]);
        ct_tensor_release(e->out[i]), ct_tensor_release(e->cot[i]);
    }
}

void golden_close(const char *name, const char *what, int index, const ct_tensor *got, const ct_tensor *expected,
                  double tolerance)
{
    char a[200], b[200];
    if (!ct_shape_equal(ct_tensor_shape(got), ct_tensor_shape(expected))) {
        cr_expect(false, "%s: %s %d has shape %s, expected %s", name, what, index,
                  ct_shape_text(ct_tensor_shape(got), a, sizeof a), ct_shape_text(ct_tensor_shape(expected), b, sizeof b));
        return;
    }
    double largest = 1e-3;
    for (int64_t i = 0; i < ct_tensor_count(expected); i++)
        largest = fmax(largest, fabs(ct_tensor_at(expected, i)));
    for (int64_t i = 0; i < ct_tensor_count(expected); i++) {
        double x = ct_tensor_at(got, i), y = ct_tensor_at(expected, i);
        if (!(fabs(x - y) <= tolerance * largest)) {
            cr_expect(false, "%s: %s %d at %lld is %.17g, expected %.17g", name, what, index, (long long)i, x, y);
            return;
        }
    }
}

void golden_draw(uint64_t *state, ct_tensor *tensor, double factor, double addend)
{
    double *data = ct_tensor_data_mutable(tensor);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        data[i] = ((double)(*state >> 48) - 32768) / 32768 * factor + addend;
    }
}

void golden_draw_parameters(uint64_t *state, ct_module *net, double factor)
{
    for (int i = 0; i < ct_module_tensor_count(net); i++) {
        ct_named_tensor p = ct_module_tensor(net, i);
        bool gain = ct_tensor_rank(p.tensor) == 1 && strstr(p.name, "weight") != NULL;
        if (!p.buffer)
            golden_draw(state, p.tensor, factor, gain ? 1 : 0);
    }
}

static void replay(const example *e, const golden_case *c)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *variable[MAX_INPUTS], *gradient[MAX_INPUTS] = { NULL };
    int variables = 0, position[MAX_INPUTS];
    for (int i = 0; i < e->inputs; i++)
        if (e->variable[i]) {
            cr_assert(ct_requires_grad(e->input[i], true) == CT_OK);
            position[variables] = i, variable[variables++] = e->input[i];
        }
    ct_tensor *out = c->apply(tape, e->input);
    cr_expect(out, "%s: %s", e->name, ct_tape_message(tape));
    if (out) {
        golden_close(e->name, "output", 0, out, e->out[0], 1e-10);
        ct_status status = ct_grad(tape, 1, &out, &e->cot[0], variables, variable, gradient, CT_ALLOW_UNUSED);
        cr_expect(status == CT_OK, "%s: gradient: %s", e->name, ct_tape_message(tape));
        for (int j = 0; j < variables && status == CT_OK; j++) {
            const ct_tensor *expected = e->grad[position[j]];
            ct_tensor *zeros = gradient[j] ? NULL : ct_tensor_zeros(CT_F64, ct_tensor_shape(expected));
            golden_close(e->name, "gradient", position[j], gradient[j] ? gradient[j] : zeros, expected, 1e-10);
            ct_tensor_release(zeros);
        }
        for (int i = 0; i < e->inputs; i++)
            if (e->after[i])
                golden_close(e->name, "changed input", i, e->input[i], e->after[i], 1e-10);
    }
    ct_tape_free(tape);
}

void golden_check(const char *family, const golden_case table[], int count)
{
    char file_name[100], word[20];
    bool seen[MAX_CASES] = { false };
    snprintf(file_name, sizeof file_name, "%s.txt", family);
    FILE *file = golden_open(file_name);
    cr_assert(count <= MAX_CASES);
    cr_assert(fscanf(file, "%19s", word) == 1 && strcmp(word, "case") == 0);
    for (example e; read_example(file, &e); release_example(&e)) {
        int i = 0;
        while (i < count && strcmp(table[i].name, e.name) != 0)
            i++;
        cr_expect(i < count, "%s: in the file, not in the table", e.name);
        if (i < count)
            seen[i] = true, replay(&e, &table[i]);
    }
    for (int i = 0; i < count; i++)
        cr_expect(seen[i], "%s: in the table, not in the file", table[i].name);
    fclose(file);
}
