/* The same call in PyTorch, JAX and Cotangent. Options at their defaults are left out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

#define D "%" PRId64

static bool all_are(const int64_t value[], int rank, int64_t wanted)
{
    for (int a = 0; a < rank; a++)
        if (value[a] != wanted)
            return false;
    return true;
}

/* ", name=2" or ", name=(2, 3)"; nothing where all are the default. */
static void python_option(FILE *text, const char *name, const int64_t value[], int rank, int64_t absent)
{
    if (all_are(value, rank, absent))
        return;
    fprintf(text, ", %s=", name);
    if (all_are(value, rank, value[0])) {
        fprintf(text, D, value[0]);
        return;
    }
    for (int a = 0; a < rank; a++)
        fprintf(text, "%s" D "%s", a ? ", " : "(", value[a], a == rank - 1 ? ")" : "");
}

/* What pads by the sizes, the last axis first; back, the same crops. */
static void pytorch_ends(FILE *text, const struct convolution *conv, bool back)
{
    for (int a = conv->rank - 1; a >= 0; a--)
        fprintf(text, "%s" D ", " D, a == conv->rank - 1 ? ", (" : ", ", back ? -conv->begin[a] : conv->begin[a],
                back ? -conv->end[a] : conv->end[a]);
    fputc(')', text);
}

/* PyTorch's convolutions pad both ends alike; with uneven ends F.pad does it before, and undoes it after. */
char *call_pytorch(const struct convolution *conv, bool transposed)
{
    static const char pad[] = "torch.nn.functional.pad(";
    const bool even = is_symmetric(conv);
    char *call = NULL;
    size_t size;
    FILE *text = open_memstream(&call, &size);
    if (text == NULL)
        return NULL;
    fprintf(text, "%storch.nn.functional.conv%s%dd(%s", !even && transposed ? pad : "", transposed ? "_transpose" : "", conv->rank,
            !even && !transposed ? pad : "");
    fputc(transposed ? 'y' : 'x', text);
    if (!even && !transposed)
        pytorch_ends(text, conv, false), fputc(')', text);
    fputs(", w", text);
    python_option(text, "stride", conv->stride, conv->rank, 1);
    if (even)
        python_option(text, "padding", conv->begin, conv->rank, 0);
    if (transposed)
        python_option(text, "output_padding", conv->output_padding, conv->rank, 0);
    python_option(text, "dilation", conv->dilation, conv->rank, 1);
    python_option(text, "groups", &conv->groups, 1, 1);
    fputc(')', text);
    if (!even && transposed)
        pytorch_ends(text, conv, true), fputc(')', text);
    fclose(text);
    return call;
}

/* JAX takes tuples only, with one entry an axis. */
static void jax_tuple(FILE *text, const char *name, const int64_t value[], int rank)
{
    fprintf(text, ", %s=(", name);
    for (int a = 0; a < rank; a++)
        fprintf(text, D "%s", value[a], a == rank - 1 ? (rank == 1 ? ",)" : ")") : ", ");
}

static void jax_flipped(FILE *text, const struct convolution *conv)
{
    int64_t g = conv->groups, in = conv->x_channels / g, out = conv->y_channels / g;
    fputs("jnp.flip(w", text);
    if (g > 1) { /* swap the channels within each group */
        fprintf(text, ".reshape(" D ", " D ", " D ", *w.shape[2:]).swapaxes(1, 2).reshape(" D ", " D ", *w.shape[2:])", g, out,
                in, conv->x_channels, out);
    } else {
        fputs(".swapaxes(0, 1)", text);
    }
    for (int a = 0; a < conv->rank; a++)
        fprintf(text, "%s%d", a ? ", " : ", (", a + 2);
    fputs(conv->rank == 1 ? ",))" : "))", text);
}

char *call_jax(const struct convolution *conv, bool transposed)
{
    static const int64_t ones[CT_MAX_SPATIAL] = { 1, 1, 1 };
    char *call = NULL;
    size_t size;
    FILE *text = open_memstream(&call, &size);
    if (text == NULL)
        return NULL;
    fprintf(text, "jax.lax.conv_general_dilated(%s, ", transposed ? "y" : "x");
    if (transposed)
        jax_flipped(text, conv);
    else
        fputc('w', text);
    jax_tuple(text, "window_strides", transposed ? ones : conv->stride, conv->rank);
    fputs(", padding=[", text);
    for (int a = 0; a < conv->rank; a++) {
        int64_t full = reach(conv, a) - 1;
        fprintf(text, "%s(" D ", " D ")", a ? ", " : "", transposed ? full - conv->begin[a] : conv->begin[a],
                transposed ? full - conv->end[a] + conv->output_padding[a] : conv->end[a]);
    }
    fputc(']', text);
    if (transposed && !all_are(conv->stride, conv->rank, 1))
        jax_tuple(text, "lhs_dilation", conv->stride, conv->rank);
    if (!all_are(conv->dilation, conv->rank, 1))
        jax_tuple(text, "rhs_dilation", conv->dilation, conv->rank);
    python_option(text, "feature_group_count", &conv->groups, 1, 1);
    fputc(')', text);
    fclose(text);
    return call;
}

static void c_option(FILE *text, const char *name, const int64_t value[], int rank, int64_t absent, bool *any)
{
    if (all_are(value, rank, absent))
        return;
    fprintf(text, "%s.%s = { ", *any ? ", " : "&(ct_conv_options){ ", name);
    for (int a = 0; a < rank; a++)
        fprintf(text, "%s" D, a ? ", " : "", value[a]);
    fputs(" }", text);
    *any = true;
}

char *call_cotangent(const struct convolution *conv, bool transposed)
{
    char *call = NULL;
    size_t size;
    bool any = false;
    FILE *text = open_memstream(&call, &size);
    if (text == NULL)
        return NULL;
    fprintf(text, "ct_conv%s%dd(tape, %s, w, NULL, ", transposed ? "_transpose" : "", conv->rank, transposed ? "y" : "x");
    c_option(text, "stride", conv->stride, conv->rank, 1, &any);
    if (is_symmetric(conv)) {
        c_option(text, "padding", conv->begin, conv->rank, 0, &any);
    } else {
        c_option(text, "padding_begin", conv->begin, conv->rank, 0, &any);
        c_option(text, "padding_end", conv->end, conv->rank, 0, &any);
    }
    if (transposed)
        c_option(text, "output_padding", conv->output_padding, conv->rank, 0, &any);
    c_option(text, "dilation", conv->dilation, conv->rank, 1, &any);
    if (conv->groups > 1) {
        fprintf(text, "%s.groups = " D, any ? ", " : "&(ct_conv_options){ ", conv->groups);
        any = true;
    }
    fputs(any ? " })" : "NULL)", text);
    fclose(text);
    return call;
}
