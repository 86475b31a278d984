/* Which algorithm the library chooses for a convolution's three maps, and what the choice weighed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const char *const algorithms[] = { "auto", "reference", "columns", "direct", "bilinear" };
static const char *const maps[] = { "conv", "conv_transpose", "conv_weight" };

static ct_conv_form form_of(const struct convolution *conv, int64_t batch)
{
    ct_conv_form form = {
        .batch = batch, .groups = conv->groups, .x_channels = conv->x_channels, .y_channels = conv->y_channels, .rank = conv->rank
    };
    for (int a = 0; a < CT_MAX_SPATIAL; a++)
        form.x[a] = form.k[a] = form.y[a] = form.stride[a] = form.dilation[a] = 1;
    for (int i = 0; i < conv->rank; i++) {
        int a = CT_MAX_SPATIAL - conv->rank + i;
        form.x[a] = conv->x[i], form.k[a] = conv->kernel[i], form.y[a] = conv->y[i];
        form.stride[a] = conv->stride[i], form.padding[a] = conv->begin[i], form.dilation[a] = conv->dilation[i];
    }
    return form;
}

/* What decided: the environment, where it names an algorithm, and whether that one could. */
static const char *reason(const ct_conv_choice *choice)
{
    const char *wish = getenv("CT_ALGORITHM");
    for (int i = CT_ALGORITHM_REFERENCE; wish != NULL && i <= CT_ALGORITHM_BILINEAR; i++)
        if (!strcmp(wish, algorithms[i]))
            return choice->algorithm == (ct_algorithm)i ? "CT_ALGORITHM asks for it"
                                                        : "CT_ALGORITHM asks for another, which cannot do this form";
    return "the least estimated time";
}

void print_algorithms(const struct convolution *conv, int64_t batch, ct_dtype dtype)
{
    ct_conv_form form = form_of(conv, batch);
    ct_conv_choice choice[CT_MAPS];
    double work = (double)batch * (double)conv->y_channels * (double)(conv->x_channels / conv->groups);

    for (int a = 0; a < conv->rank; a++)
        work *= (double)conv->y[a] * (double)conv->kernel[a];
    printf(
        "\nAlgorithms for %s, batch %lld: %.6g multiplications; microseconds on one core with AVX-512, by the shape:\n  %-10s",
        ct_dtype_name(dtype), (long long)batch, work, "");
    for (int m = 0; m < CT_MAPS; m++) {
        choice[m] = ct_conv_choose(&form, (ct_conv_map)m, dtype);
        printf("%16s", maps[m]);
    }
    putchar('\n');
    for (int i = CT_ALGORITHM_REFERENCE; i <= CT_ALGORITHM_BILINEAR; i++) {
        printf("  %-10s", algorithms[i]);
        for (int m = 0; m < CT_MAPS; m++) {
            if (isfinite(choice[m].nanoseconds[i]))
                printf("%15.*f%c", choice[m].nanoseconds[i] < 1e5 ? 1 : 0, choice[m].nanoseconds[i] / 1000,
                       choice[m].algorithm == (ct_algorithm)i ? '*' : ' ');
            else
                printf("%15s ", "cannot");
        }
        putchar('\n');
    }
    for (int m = 0; m < CT_MAPS; m++)
        printf("  * %s by %s: %s\n", maps[m], algorithms[choice[m].algorithm], reason(&choice[m]));
}

json_t *algorithms_json(const struct convolution *conv, int64_t batch, ct_dtype dtype)
{
    ct_conv_form form = form_of(conv, batch);
    json_t *json = json_pack("{ss sI}", "dtype", ct_dtype_name(dtype), "batch", (json_int_t)batch);
    for (int m = 0; m < CT_MAPS; m++) {
        ct_conv_choice choice = ct_conv_choose(&form, (ct_conv_map)m, dtype);
        json_t *estimates = json_object();
        for (int i = CT_ALGORITHM_REFERENCE; i <= CT_ALGORITHM_BILINEAR; i++)
            json_object_set_new(estimates, algorithms[i],
                                isfinite(choice.nanoseconds[i]) ? json_real(choice.nanoseconds[i] / 1000) : json_null());
        json_object_set_new(json, maps[m],
                            json_pack("{ss ss so}", "algorithm", algorithms[choice.algorithm], "reason", reason(&choice),
                                      "microseconds", estimates));
    }
    return json;
}
