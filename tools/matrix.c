/* cotangent matrix: a convolution's matrix, and beside its transpose the transposed convolution's own. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "matrix.h"

#define D "%" PRId64

static const char help[] =
    "cotangent matrix: a convolution with fixed weights is a matrix. Here it is.\n"
    "\n"
    "  cotangent matrix conv2d --in 4x4 --kernel 3\n"
    "  cotangent matrix conv1d --in 5 --kernel 3 --stride 2 --padding 1 --png matrix.png --npy C.npy\n"
    "  cotangent matrix conv1d --in 6 --kernel 3 --padding 1 --padding-mode circular\n"
    "  cotangent matrix conv_transpose1d --in 3 --kernel 3 --stride 2 --padding 1 --output-padding 1\n"
    "\n"
    "  conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d\n"
    "  --in SIZES               the input's, one number an axis, as 5 or 4x4\n"
    "  --kernel SIZES           one number for all axes, or one an axis; so too the following\n"
    "  --stride SIZES, --dilation SIZES                                                                   (1)\n"
    "  --padding SIZES          1:2 is 1 at the beginning and 2 at the end                                (0)\n"
    "  --padding-mode zeros|reflect|replicate|circular                                                    (zeros)\n"
    "  --output-padding SIZES   conv_transpose only                                                       (0)\n"
    "  --groups N, --channels N, --out-channels N                                                         (1, groups, groups)\n"
    "  --weight 1,2,3,...       numbers for the weights, in row-major order                                (1, 2, 3, ...)\n"
    "  --npy FILE               writes the matrix with these numbers, float64, for numpy.load\n"
    "  --png FILE               draws it, its transpose, and the matrix of the op that goes back\n"
    "  --json                   for programs\n"
    "\n"
    "Column j is what the op makes of the j-th basis vector: 1 in one place and 0 elsewhere. w02 is the weight's\n"
    "element (0, 2); with channels w10.02 is element (1, 0, 0, 2): to output channel 1 from input channel 0 of the\n"
    "group. The library is asked for each column and each weight; nothing here knows what a convolution is. The way\n"
    "back is pushed in the same manner, so \"equal\" is found, not assumed: transposed convolution multiplies by the\n"
    "transpose. With padding of another kind than zeros, border columns collect several weights, and the way back\n"
    "folds them in.\n";

/* The op as a linear function of its input. */
struct linear {
    const struct convolution *conv;
    bool transposed;
    ct_tensor *weight;
};

static ct_tensor *apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    const struct linear *linear = context;
    return convolve(tape, linear->conv, linear->transposed, in[0], linear->weight);
}

static ct_tensor *matrix_of(ct_tape *tape, const struct convolution *conv, bool transposed, ct_tensor *weight)
{
    struct linear linear = { conv, transposed, weight };
    ct_function function = { apply, &linear, 1 };
    return ct_matrix(tape, &function, CT_F64, transposed ? y_shape(conv, 1) : x_shape(conv, 1));
}

/* a = bᵀ, entry by entry. */
static bool are_transposes(const ct_tensor *a, const ct_tensor *b)
{
    int64_t rows = ct_tensor_size(a, 0), columns = ct_tensor_size(a, 1);
    if (ct_tensor_size(b, 0) != columns || ct_tensor_size(b, 1) != rows)
        return false;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            if (ct_tensor_at(a, i * columns + j) != ct_tensor_at(b, j * rows + i))
                return false;
    return true;
}

/* ---- symbols ---- */

static bool append(char **symbol, double count, const char *name)
{
    char term[64];
    if (count == 1)
        snprintf(term, sizeof term, "w%s", name);
    else
        snprintf(term, sizeof term, "%gw%s", count, name);
    char *longer = NULL;
    if (asprintf(&longer, "%s%s%s", *symbol ? *symbol : "", *symbol ? "+" : "", term) < 0)
        return false;
    free(*symbol);
    *symbol = longer;
    return true;
}

static bool add_weight(struct matrix *matrix, const ct_tensor *share, const char *name)
{
    for (int64_t i = 0; share != NULL && i < matrix->rows * matrix->columns; i++) {
        double count = ct_tensor_at(share, i);
        if (count != 0 && !append(&matrix->symbol[i], count, name))
            return false;
    }
    return share != NULL;
}

/* A convolution is linear in its weights too: its matrix is the sum of the weights times the matrices of the weights' basis. */
static bool find_symbols(const struct convolution *conv, struct matrix *there, struct matrix *back, bool *equal)
{
    ct_shape shape = w_shape(conv);
    ct_tensor *weight = ct_tensor_zeros(CT_F64, shape);
    ct_tape *tape = ct_tape_new();
    int64_t count = weight ? ct_tensor_count(weight) : 0;
    char name[64];

    there->symbol = calloc((size_t)(there->rows * there->columns), sizeof *there->symbol);
    back->symbol = calloc((size_t)(back->rows * back->columns), sizeof *back->symbol);
    bool good = weight && tape && there->symbol && back->symbol;
    for (int64_t k = 0; k < count && good; k++) {
        ((double *)ct_tensor_data_mutable(weight))[k] = 1;
        ct_tensor *a = matrix_of(tape, conv, there->transposed, weight), *b = matrix_of(tape, conv, back->transposed, weight);
        write_element_name(name, sizeof name, &shape, k);
        good = add_weight(there, a, name) && add_weight(back, b, name);
        *equal &= good && are_transposes(a, b);
        ((double *)ct_tensor_data_mutable(weight))[k] = 0;
        ct_tape_reset(tape);
    }
    ct_tensor_release(weight);
    ct_tape_free(tape);
    return good;
}

/* ---- numbers ---- */

/* The weight: the numbers given, or 1, 2, 3, …. NULL after a complaint. */
static ct_tensor *read_weight(const char *text, const struct convolution *conv, int *code)
{
    ct_tensor *weight = ct_tensor_zeros(CT_F64, w_shape(conv));
    double *value = weight ? ct_tensor_data_mutable(weight) : NULL;
    int64_t count = weight ? ct_tensor_count(weight) : 0, read = 0;

    for (; text != NULL && read < count; read++) {
        char *end;
        errno = 0;
        value[read] = strtod(text, &end);
        if (end == text || errno == ERANGE || !isfinite(value[read]) || (*end != '\0' && strchr(",;", *end) == NULL))
            break;
        text = *end ? end + 1 : NULL;
        if (text == NULL) {
            read++;
            break;
        }
    }
    if (text != NULL || (read > 0 && read < count)) {
        *code = complain(MISUSED, "matrix: --weight needs " D " numbers with commas between, one for each weight", count);
        ct_tensor_release(weight);
        return NULL;
    }
    for (; read < count; read++)
        value[read] = (double)(read + 1);
    if (weight == NULL)
        *code = complain(FAILED, "matrix: out of memory");
    return weight;
}

static bool find_numbers(const struct convolution *conv, struct matrix *matrix, ct_tensor *weight)
{
    ct_tape *tape = ct_tape_new();
    matrix->value = ct_tensor_retain(matrix_of(tape, conv, matrix->transposed, weight));
    if (matrix->value == NULL)
        complain(FAILED, "matrix: %s", tape ? ct_tape_message(tape) : "out of memory");
    else
        matrix->rows = ct_tensor_size(matrix->value, 0), matrix->columns = ct_tensor_size(matrix->value, 1);
    ct_tape_free(tape);
    for (int64_t i = 0; matrix->value != NULL && i < ct_tensor_count(matrix->value); i++)
        if (!isfinite(ct_tensor_at(matrix->value, i))) {
            complain(FAILED, "matrix: these weights overflow float64 where several meet");
            return false;
        }
    return matrix->value != NULL;
}

static void matrix_free(struct matrix *matrix)
{
    for (int64_t i = 0; matrix->symbol != NULL && i < matrix->rows * matrix->columns; i++)
        free(matrix->symbol[i]);
    free(matrix->symbol);
    ct_tensor_release(matrix->value);
}

const char *matrix_entry(const struct matrix *matrix, bool transpose, int64_t row, int64_t column, char text[32])
{
    int64_t at = transpose ? column * matrix->columns + row : row * matrix->columns + column;
    if (matrix->symbol != NULL)
        return matrix->symbol[at];
    if (ct_tensor_at(matrix->value, at) == 0)
        return NULL;
    snprintf(text, 32, "%.5g", ct_tensor_at(matrix->value, at));
    return text;
}

/* ---- as text ---- */

static int cell_width(const struct matrix *matrix)
{
    int width = 1;
    char text[32];
    for (int64_t i = 0; i < matrix->rows; i++)
        for (int64_t j = 0; j < matrix->columns; j++) {
            const char *entry = matrix_entry(matrix, false, i, j, text);
            int length = entry ? (int)strlen(entry) : 1;
            width = length > width ? length : width;
        }
    return width;
}

static void print_entries(const struct matrix *matrix, bool transpose, int64_t row, int width)
{
    char text[32];
    int64_t columns = transpose ? matrix->rows : matrix->columns;
    for (int64_t j = 0; j < columns; j++) {
        const char *entry = matrix_entry(matrix, transpose, row, j, text);
        printf(" %*s", width, entry ? entry : ".");
    }
}

static int label_width(const ct_shape *shape)
{
    char name[64];
    int64_t count = 1;
    for (int a = 0; a < shape->rank; a++)
        count *= shape->extent[a];
    write_element_name(name, sizeof name, shape, count - 1);
    return (int)strlen(name);
}

static void print_text(const struct matrix *there, const struct matrix *back, const struct convolution *conv, bool equal)
{
    ct_shape in = there->transposed ? y_shape(conv, 1) : x_shape(conv, 1),
             out = there->transposed ? x_shape(conv, 1) : y_shape(conv, 1);
    int width = cell_width(there), labels = label_width(&in) > label_width(&out) ? label_width(&in) : label_width(&out);
    char name[64], shapes[3][96];
    int64_t nonzero = 0;

    for (int64_t i = 0; i < there->rows * there->columns; i++)
        nonzero += there->symbol ? there->symbol[i] != NULL : ct_tensor_at(there->value, i) != 0;
    printf("%s: input %s, weight %s, output %s\n%s is " D " x " D ": a row an output, a column an input; " D " of " D
           " entries are not zero\n",
           there->op, ct_shape_text(in, shapes[0], sizeof shapes[0]), ct_shape_text(w_shape(conv), shapes[1], sizeof shapes[1]),
           ct_shape_text(out, shapes[2], sizeof shapes[2]), there->name, there->rows, there->columns, nonzero,
           there->rows * there->columns);
    if (there->rows * there->columns > 8192) {
        puts("too large to be read; --png draws it, --npy writes it");
    } else {
        printf("\n%*s ", labels, "");
        for (int64_t j = 0; j < there->columns; j++) {
            write_element_name(name, sizeof name, &in, j);
            printf(" %*s", width, name);
        }
        for (int64_t i = 0; i < there->rows; i++) {
            write_element_name(name, sizeof name, &out, i);
            printf("\n%*s ", labels, name);
            print_entries(there, false, i, width);
        }
        printf("\n\n%s^T%*s and the matrix of %s\n", there->name, labels - 2 + (int)there->rows * (width + 1), "", back->op);
        for (int64_t i = 0; i < back->rows; i++) {
            write_element_name(name, sizeof name, &in, i);
            printf("%*s ", labels, name);
            print_entries(there, true, i, width);
            fputs("   ", stdout);
            print_entries(back, false, i, width);
            putchar('\n');
        }
    }
    printf("\n%s^T and the matrix of %s: %s\n", there->name, back->op, equal ? "equal" : "DIFFERENT");
}

/* ---- as JSON ---- */

static json_t *rows_json(const struct matrix *matrix, bool symbols)
{
    json_t *rows = json_array();
    for (int64_t i = 0; i < matrix->rows; i++) {
        json_t *row = json_array();
        for (int64_t j = 0; j < matrix->columns; j++) {
            int64_t at = i * matrix->columns + j;
            json_array_append_new(row, !symbols ? json_real(ct_tensor_at(matrix->value, at))
                                                : json_string(matrix->symbol[at] ? matrix->symbol[at] : "0"));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *matrix_json(const struct matrix *matrix)
{
    return json_pack("{ss sI sI so* so}", "op", matrix->op, "rows", (json_int_t)matrix->rows, "columns",
                     (json_int_t)matrix->columns, "symbols", matrix->symbol ? rows_json(matrix, true) : NULL, "values",
                     rows_json(matrix, false));
}

/* ---- the verb ---- */

static const char *const ops[] = {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", NULL
};

static int read_op(const char *word, struct request *request)
{
    int known = 0;
    if (word == NULL)
        return complain(MISUSED, "matrix: needs an op, as in cotangent matrix conv2d --in 4x4 --kernel 3");
    while (ops[known] != NULL && strcmp(word, ops[known]) != 0)
        known++;
    if (ops[known] == NULL)
        return complain(MISUSED, "matrix: no op \"%s\"; the nearest is %s", word, nearest_name(word, ops));
    request->transposed = known >= CT_MAX_SPATIAL;
    if (request->in.count > 0 && request->in.count != known % CT_MAX_SPATIAL + 1)
        return complain(MISUSED, "matrix: %s has %d axes, --in has %d", word, known % CT_MAX_SPATIAL + 1, request->in.count);
    if (request->output_padding.count > 0 && !request->transposed)
        return complain(MISUSED, "matrix: only conv_transpose has --output-padding");
    return 0;
}

int matrix_run(int argc, char **argv)
{
    enum { LARGEST = 4096 };
    struct request request = { .groups = 1 };
    const char *word = NULL, *numbers = NULL, *npy = NULL, *png = NULL;
    bool json = false, equal = true;
    const struct setting settings[] = {
        { "in", .sizes = &request.in, .low = 1, .high = LARGEST },
        { "kernel", .sizes = &request.kernel, .low = 1, .high = LARGEST },
        { "stride", .sizes = &request.stride, .low = 1, .high = LARGEST },
        { "padding", .sizes = &request.padding, .low = 0, .high = LARGEST, .ends = true },
        { "dilation", .sizes = &request.dilation, .low = 1, .high = LARGEST },
        { "output-padding", .sizes = &request.output_padding, .low = 0, .high = LARGEST },
        { "padding-mode", .text = &request.padding_mode },
        { "groups", .whole = &request.groups, .low = 1, .high = LARGEST },
        { "channels", .whole = &request.channels, .low = 1, .high = LARGEST },
        { "out-channels", .whole = &request.out_channels, .low = 1, .high = LARGEST },
        { "weight", .text = &numbers },
        { "npy", .text = &npy },
        { "png", .text = &png },
        { "json", .flag = &json },
    };
    struct convolution conv;
    int code = read_settings(argc, argv, settings, sizeof settings / sizeof settings[0], &word, help);
    if (code >= 0)
        return code;
    if ((code = read_op(word, &request)) != 0 || (code = resolve("matrix", &request, &conv)) != 0)
        return code;

    double entries = (double)conv.x_channels * (double)conv.y_channels, weights = 1;
    for (int a = 0; a < conv.rank; a++) {
        entries *= (double)conv.x[a] * (double)conv.y[a];
        weights *= (double)conv.kernel[a];
        if (request.transposed && conv.output_padding[a] >= conv.stride[a])
            return complain(FAILED,
                            "matrix: axis %d: output_padding " D " is not below stride " D ": no convolution of " D " gives " D
                            ", so none has this transpose",
                            a, conv.output_padding[a], conv.stride[a], conv.x[a], conv.y[a]);
    }
    if (entries > 0x1p22)
        return complain(FAILED, "matrix: %.0f entries are too many to look at; at most 4194304", entries);
    if (entries * weights > 0x1p31)
        return complain(FAILED, "matrix: %.0f entries from a kernel of %.0f numbers are too many to push", entries, weights);
    if (npy != NULL && png != NULL && strcmp(npy, png) == 0)
        return complain(MISUSED, "matrix: --npy and --png are the same file, %s", npy);
    ct_tensor *weight = read_weight(numbers, &conv, &code);
    if (weight == NULL)
        return code;

    struct matrix there = { .op = word, .transposed = request.transposed, .name = request.transposed ? "T" : "C" };
    struct matrix back = { .op = ops[(conv.rank - 1 + (request.transposed ? 0 : CT_MAX_SPATIAL))],
                           .transposed = !request.transposed,
                           .name = request.transposed ? "C" : "T" };
    if (!find_numbers(&conv, &there, weight) || !find_numbers(&conv, &back, weight))
        code = FAILED;
    if (code == 0)
        equal = are_transposes(there.value, back.value);
    weights *= (double)conv.x_channels / (double)conv.groups * (double)conv.y_channels;
    if (code == 0 && entries * weights <= 0x1p22 && !find_symbols(&conv, &there, &back, &equal))
        code = complain(FAILED, "matrix: out of memory");

    ct_error error;
    if (code == 0 && npy != NULL && ct_npy_write(npy, there.value, &error) != CT_OK)
        code = complain(FAILED, "matrix: %s", error.message);
    if (code == 0 && png != NULL && matrix_draw(png, &there, &back, equal, &error) != CT_OK)
        code = complain(FAILED, "matrix: %s", error.message);
    if (code == 0 && json)
        code = print_json(json_pack("{so so sb}", "matrix", matrix_json(&there), "back", matrix_json(&back), "equal", equal));
    else if (code == 0)
        print_text(&there, &back, &conv, equal);
    if (code == 0 && !equal)
        code = complain(FAILED, "matrix: the two are not each other's transpose");
    matrix_free(&there);
    matrix_free(&back);
    ct_tensor_release(weight);
    return code;
}
