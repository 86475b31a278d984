/* bench-conv: times the three maps of every layer of a list. `bench-conv --list` prints the list for bench/torch_conv.py. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <cotangent/cotangent.h>

#include "measure.h"

/* A layer by its form: conv maps x (batch, in, size…) to y (batch, out, …), conv_transpose y to x. Every spatial axis is alike. */
struct layer {
    char name[32];
    int64_t rank, batch, in, out, size, kernel, stride, padding, dilation, groups;
};

static const struct layer layers[] = {
    /* name              rank batch  in  out   size  k  s   p  d  groups */
    { "dcgan64.1",          2, 64,    3,  64,    64,  4, 2,  1, 1, 1 },
    { "dcgan64.2",          2, 64,   64, 128,    32,  4, 2,  1, 1, 1 },
    { "dcgan64.3",          2, 64,  128, 256,    16,  4, 2,  1, 1, 1 },
    { "dcgan64.4",          2, 64,  256, 512,     8,  4, 2,  1, 1, 1 },
    { "dcgan64.d5",         2, 64,  512,   1,     4,  4, 1,  0, 1, 1 },
    { "dcgan64.g1",         2, 64,  512, 100,     4,  4, 1,  0, 1, 1 },
    { "dcgan32.1",          2, 64,    1,  64,    32,  4, 2,  1, 1, 1 },
    { "dcgan32.2",          2, 64,   64, 128,    16,  4, 2,  1, 1, 1 },
    { "dcgan32.3",          2, 64,  128, 256,     8,  4, 2,  1, 1, 1 },
    { "k3.64",              2, 64,   64, 128,    32,  3, 1,  1, 1, 1 },
    { "k3.128",             2, 64,  128, 256,    16,  3, 1,  1, 1, 1 },
    { "k3.256",             2, 64,  256, 512,     8,  3, 1,  1, 1, 1 },
    { "resnet.64",          2, 64,   64,  64,    56,  3, 1,  1, 1, 1 },
    { "resnet.128",         2, 64,  128, 128,    28,  3, 1,  1, 1, 1 },
    { "resnet.256",         2, 64,  256, 256,    14,  3, 1,  1, 1, 1 },
    { "resnet.512",         2, 64,  512, 512,     7,  3, 1,  1, 1, 1 },
    { "resnet.128s2",       2, 64,   64, 128,    56,  3, 2,  1, 1, 1 },
    { "resnet.7x7s2",       2, 16,    3,  64,   224,  7, 2,  3, 1, 1 },
    { "1x1.64to256",        2, 64,   64, 256,    56,  1, 1,  0, 1, 1 },
    { "1x1.512to128",       2, 64,  512, 128,    28,  1, 1,  0, 1, 1 },
    { "5x5.32to64",         2, 64,   32,  64,    28,  5, 1,  2, 1, 1 },
    { "depthwise.128",      2, 64,  128, 128,    56,  3, 1,  1, 1, 128 },
    { "depthwise.256s2",    2, 64,  256, 256,    28,  3, 2,  1, 1, 256 },
    { "dilated.64d2",       2, 64,   64,  64,    28,  3, 1,  2, 2, 1 },
    { "grouped.128g4",      2, 64,  128, 128,    28,  3, 1,  1, 1, 4 },
    { "grouped.128g32",     2, 64,  128, 128,    28,  3, 1,  1, 1, 32 },
    { "audio.k25s4",        1, 64,   32,  64, 16384, 25, 4, 11, 1, 1 },
    { "audio.k3d4",         1, 16,   64,  64, 16384,  3, 1,  4, 4, 1 },
    { "volume.k4s2",        3,  8,   32,  64,    32,  4, 2,  1, 1, 1 },
    { "volume.k3",          3,  8,   32,  32,    16,  3, 1,  1, 1, 1 },
};
enum { LAYERS = sizeof layers / sizeof *layers, FIELDS = 10 };

static void list_layer(const struct layer *l, FILE *file)
{
    const int64_t *field = &l->rank;
    fprintf(file, "%s", l->name);
    for (int i = 0; i < FIELDS; i++)
        fprintf(file, ",%lld", (long long)field[i]);
    fputc('\n', file);
}

/* The inverse of list_layer, for --layer. */
static bool read_layer(const char *text, struct layer *l)
{
    int64_t *field = &l->rank;
    int used = 0;
    if (sscanf(text, "%31[^,]%n", l->name, &used) != 1)
        return false;
    for (int i = 0; i < FIELDS; i++) {
        char *end;
        if (text[used] != ',')
            return false;
        errno = 0;
        field[i] = strtoll(text + used + 1, &end, 10);
        if (end == text + used + 1 || errno != 0 || field[i] < (i == 7 ? 0 : 1)) /* only the padding may be 0 */
            return false;
        used = (int)(end - text);
    }
    return text[used] == '\0' && l->rank <= CT_MAX_SPATIAL;
}

/* ---- one layer ---- */

enum map { CONV, TRANSPOSE, WEIGHT, MAPS };
static const char *const map_name[MAPS] = { "conv", "conv_transpose", "conv_weight" };

typedef ct_tensor *conv_op(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *);

struct work {
    ct_tape *tape;
    ct_tensor *x, *w, *y;
    int64_t kernel[CT_MAX_SPATIAL];
    ct_conv_options options;
    int rank;
    enum map map;
};

static bool run_map(void *context)
{
    static conv_op *const conv[] = { ct_conv1d, ct_conv2d, ct_conv3d };
    static conv_op *const transpose[] = { ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d };
    struct work *work = context;
    ct_tape_reset(work->tape);
    ct_conv_options given = work->options;
    if (work->map != TRANSPOSE)
        memset(given.output_size, 0, sizeof given.output_size);
    ct_tensor *result = work->map == CONV        ? conv[work->rank - 1](work->tape, work->x, work->w, NULL, &given)
                        : work->map == TRANSPOSE ? transpose[work->rank - 1](work->tape, work->y, work->w, NULL, &given)
                                                 : ct_conv_weight(work->tape, work->x, work->y, work->kernel, &given);
    return result != NULL;
}

static bool open_work(struct work *work, const struct layer *l, ct_algorithm algorithm)
{
    int rank = (int)l->rank;
    int64_t reach = l->size + 2 * l->padding - l->dilation * (l->kernel - 1) - 1, out = reach / l->stride + 1;
    ct_shape x = { rank + 2, { l->batch, l->in } }, w = { rank + 2, { l->out, l->in / l->groups } };
    ct_shape y = { rank + 2, { l->batch, l->out } };
    *work = (struct work){ .tape = ct_tape_new(), .rank = rank, .options = { .groups = l->groups, .algorithm = algorithm } };
    for (int i = 0; i < rank; i++) {
        x.extent[2 + i] = work->options.output_size[i] = l->size;
        w.extent[2 + i] = work->kernel[i] = l->kernel;
        y.extent[2 + i] = out;
        work->options.stride[i] = l->stride;
        work->options.padding[i] = l->padding;
        work->options.dilation[i] = l->dilation;
    }
    ct_random random = { .seed = 1 };
    work->x = reach < 0 ? NULL : ct_tensor_empty(CT_F32, x);
    work->w = ct_tensor_empty(CT_F32, w);
    work->y = reach < 0 ? NULL : ct_tensor_empty(CT_F32, y);
    return work->tape != NULL && work->x != NULL && work->w != NULL && work->y != NULL &&
           ct_normal(work->x, 0, 1, &random) == CT_OK && ct_normal(work->w, 0, 1, &random) == CT_OK &&
           ct_normal(work->y, 0, 1, &random) == CT_OK;
}

static void close_work(struct work *work)
{
    ct_tensor_release(work->x), ct_tensor_release(work->w), ct_tensor_release(work->y);
    ct_tape_free(work->tape);
}

/* ---- the command ---- */

static const char help[] =
    "bench-conv: times conv, conv_transpose and conv_weight of each layer of a list (float32). GF/s count the operations of the\n"
    "direct sum, so an algorithm that saves some can pass the peak.\n"
    "  --threads N        (all cores)\n"
    "  --filter TEXT      only layers whose name contains it\n"
    "  --layer LINE       instead of the list: name,rank,batch,in,out,size,kernel,stride,padding,dilation,groups\n"
    "  --map NAME         only conv, conv_transpose or conv_weight\n"
    "  --algorithm NAME   auto, reference, columns, direct or bilinear, as CT_ALGORITHM\n"
    "  --seconds X        least time a map is measured for                  (0.3; 3 runs at least)\n"
    "  --list             print the list and stop\n"
    "  --json             one object a line\n";

struct options {
    int threads;
    const char *filter, *map;
    ct_algorithm algorithm;
    double seconds;
    bool json;
    double peak;
};

static bool bench_layer(const struct layer *l, const struct options *o)
{
    struct work work;
    bool good = open_work(&work, l, o->algorithm);
    double outputs = 1, kernel = 1;
    for (int i = 0; good && i < l->rank; i++) {
        outputs *= (double)ct_tensor_size(work.y, 2 + i);
        kernel *= (double)l->kernel;
    }
    const double work_of_map = 2 * (double)l->batch * outputs * kernel * (double)l->out * (double)(l->in / l->groups);
    for (enum map map = 0; good && map < MAPS; map++) {
        if (o->map != NULL && strcmp(o->map, map_name[map]) != 0)
            continue;
        struct measured m;
        work.map = map;
        good = measure(run_map, &work, o->seconds > 0 ? 3 : 1, o->seconds, &m);
        if (!good)
            break;
        double rate = work_of_map / m.median / 1e9;
        printf(o->json ? "{\"layer\": \"%s\", \"map\": \"%s\", \"threads\": %d, \"runs\": %d, \"median_ms\": %.4f, \"min_ms\": %.4f, "
                         "\"cpu_ms\": %.4f, \"gflops\": %.2f, \"peak_share\": %.4f}\n"
                       : "%-16s %-15s %2d %5d %10.3f %10.3f %10.3f %9.1f %7.2f\n",
               l->name, map_name[map], o->threads, m.runs, 1e3 * m.median, 1e3 * m.minimum, 1e3 * m.cpu, rate, rate / o->peak);
        fflush(stdout);
    }
    if (!good)
        fprintf(stderr, "bench-conv: %s: %s\n", l->name,
                ct_tape_status(work.tape) != CT_OK ? ct_tape_message(work.tape) : "no memory, or a kernel larger than its input");
    close_work(&work);
    return good;
}

static bool parse_algorithm(const char *name, ct_algorithm *algorithm)
{
    static const char *const names[] = { "auto", "reference", "columns", "direct", "bilinear" };
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(name, names[i]) == 0) {
            *algorithm = (ct_algorithm)i;
            return true;
        }
    return false;
}

static int misused(const char *option, const char *value)
{
    fprintf(stderr, "bench-conv: --%s %s is not valid; bench-conv --help explains\n", option, value);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "threads", required_argument, NULL, 't' }, { "filter", required_argument, NULL, 'f' },
        { "layer", required_argument, NULL, 'y' },   { "map", required_argument, NULL, 'm' },
        { "algorithm", required_argument, NULL, 'a' }, { "seconds", required_argument, NULL, 's' },
        { "list", no_argument, NULL, 'l' },          { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    struct options o = { .threads = ct_get_num_threads(), .seconds = 0.3 };
    struct layer own;
    const struct layer *from = layers;
    int count = LAYERS;
    for (int found, which; (found = getopt_long(argc, argv, "", longs, &which)) != -1;) {
        char *end = NULL;
        switch (found) {
        case 't':
            o.threads = (int)strtol(optarg, &end, 10);
            if (*end != '\0' || ct_set_num_threads(o.threads) != CT_OK)
                return misused("threads", optarg);
            break;
        case 'f':
            o.filter = optarg;
            break;
        case 'y':
            if (!read_layer(optarg, &own))
                return misused("layer", optarg);
            from = &own;
            count = 1;
            break;
        case 'm':
            o.map = optarg;
            break;
        case 'a':
            if (!parse_algorithm(optarg, &o.algorithm))
                return misused("algorithm", optarg);
            break;
        case 's':
            o.seconds = strtod(optarg, &end);
            if (*end != '\0' || !(o.seconds >= 0 && o.seconds <= 3600))
                return misused("seconds", optarg);
            break;
        case 'l':
            for (int i = 0; i < LAYERS; i++)
                list_layer(&layers[i], stdout);
            return 0;
        case 'j':
            o.json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench-conv: what is \"%s\"?\n", argv[optind]);
        return 2;
    }

    o.peak = peak_gflops(o.threads);
    if (!o.json)
        printf("%d threads, peak %.1f GF/s\n%-16s %-15s %2s %5s %10s %10s %10s %9s %7s\n", o.threads, o.peak, "layer", "map", "t", "runs",
               "median ms", "min ms", "CPU ms", "GF/s", "of peak");
    bool good = true;
    int shown = 0;
    for (int i = 0; i < count; i++)
        if (o.filter == NULL || strstr(from[i].name, o.filter) != NULL) {
            good &= bench_layer(&from[i], &o);
            shown++;
        }
    if (shown == 0)
        return misused("filter", o.filter);
    return good ? 0 : 1;
}
