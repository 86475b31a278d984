/* The command line: dcgan train, dcgan sample, dcgan bench. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

enum { DONE = 0, FAILED = 1, MISUSED = 2 }; /* exit codes */

static const char help[] =
    "dcgan: train a DCGAN, and draw with one. A generator turns noise into pictures; a discriminator tells them from real\n"
    "ones; each learns from the other. Networks, initialisation and training step are those of PyTorch's example.\n"
    "\n"
    "  dcgan train [options]     learn from pictures\n"
    "    --data glyphs|FOLDER    letters drawn from this machine's fonts, or the PNG and JPEG files of a folder  (glyphs)\n"
    "    --fonts FOLDER          where glyphs looks for .ttf and .otf                                  (/usr/share/fonts)\n"
    "    --characters TEXT       what glyphs draws                                                      (A-Z a-z 0-9)\n"
    "    --channels 1|3          grey or colour, for a folder                                                    (1)\n"
    "    --size 16|32|64|128     side of the pictures; each doubling adds a layer to both networks               (32)\n"
    "    --steps N               training steps                                                                  (2000)\n"
    "    --batch N               pictures a step                                                                 (64)\n"
    "    --ngf N, --ndf N        width of the generator and of the discriminator; PyTorch's is 64                (32)\n"
    "    --nz N                  numbers of noise behind a picture                                               (100)\n"
    "    --loss gan|wgan-gp      PyTorch's example, or Wasserstein with a gradient penalty                      (gan)\n"
    "    --lr X, --beta1 X       Adam's learning rate and first decay             (gan: 0.0002, 0.5; wgan-gp: 0.0001, 0)\n"
    "    --seed N                the same seed gives the same pictures, whatever the threads                     (1)\n"
    "    --threads N             (all cores)\n"
    "    --every N               steps between sample pictures                                                   (200)\n"
    "    --out DIR               gets samples-*.png, real.png, losses.png, log.csv, *.safetensors                (out/dcgan)\n"
    "\n"
    "  dcgan sample [options]    draw with a trained generator\n"
    "    --model FILE            a generator.safetensors\n"
    "    --count N               pictures                                                                        (64)\n"
    "    --seed N                another seed, other pictures                                                    (1)\n"
    "    --out FILE.png          (samples.png)\n"
    "\n"
    "  dcgan bench [options]     time the training step, on noise; takes --size, --channels, --batch, --ngf, --ndf, --nz, --threads\n"
    "    --steps N               timed steps                                                                     (10)\n"
    "    --warm-up N             steps before them                                                               (3)\n"
    "    --json                  one object on one line\n"
    "\n"
    "Ctrl-C ends training early with everything written. If the generator draws one picture again and again, try another seed\n"
    "or a smaller --lr; if D(x) is 1 and D(G(z)) 0 for long, the discriminator has won: make it narrower (--ndf).\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

struct options {
    struct train_options train;
    const char *loss, *model, *out;
    int64_t count, seed, threads, steps, every, batch, size, channels, nz, ngf, ndf, warm_up;
    bool json;
};

/* An option is a text, a whole number from 1 (or 0) to a limit, a real number, or a flag, which takes no value. */
struct setting {
    const char *name;
    const char **text;
    int64_t *whole, low, high;
    double *real;
    bool *flag;
};

static bool set(const struct setting *setting, const char *value)
{
    char *end = NULL;
    errno = 0;
    if (setting->flag != NULL)
        return *setting->flag = true;
    if (setting->text != NULL) {
        *setting->text = value;
        return true;
    }
    if (setting->whole != NULL) {
        *setting->whole = strtoll(value, &end, 10);
        if (errno == 0 && end != value && *end == '\0' && *setting->whole >= setting->low && *setting->whole <= setting->high)
            return true;
        fprintf(stderr, "dcgan: --%s %s: needs a whole number %lld … %lld\n", setting->name, value, (long long)setting->low,
                (long long)setting->high);
        return false;
    }
    *setting->real = strtod(value, &end);
    if (errno == 0 && end != value && *end == '\0' && *setting->real >= 0 && *setting->real < 1)
        return true;
    fprintf(stderr, "dcgan: --%s %s: needs a number 0 … 1\n", setting->name, value);
    return false;
}

static bool parse(int argc, char **argv, const struct setting *settings, int count, bool *asked_help)
{
    struct option longs[32] = { { "help", no_argument, NULL, 'h' } };
    for (int i = 0; i < count; i++)
        longs[i + 1] = (struct option){ settings[i].name, settings[i].flag != NULL ? no_argument : required_argument, NULL, 256 + i };
    for (int found; (found = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (found == 'h') {
            *asked_help = true;
            return true;
        }
        if (found == '?' || !set(&settings[found - 256], optarg))
            return false;
    }
    if (optind < argc)
        fprintf(stderr, "dcgan: what is \"%s\"?\n", argv[optind]);
    return optind == argc;
}

static int report(ct_status status, const ct_error *error)
{
    if (status == CT_OK)
        return DONE;
    fprintf(stderr, "dcgan: %s\n", error->message);
    return status == CT_BAD_ARGUMENT ? MISUSED : FAILED;
}

static int run_train(const struct options *options)
{
    struct train_options settings = options->train;
    bool glyphs = strcmp(settings.data, "glyphs") == 0;
    settings.shape = (struct dcgan_shape){ CT_F32, (int)options->size, glyphs ? 1 : (int)options->channels, (int)options->nz,
                                           (int)options->ngf, (int)options->ndf };
    settings.loss = dcgan_loss_named(options->loss);
    if (settings.loss == NULL) {
        fprintf(stderr, "dcgan: --loss %s: needs gan or wgan-gp\n", options->loss);
        return MISUSED;
    }
    settings.steps = options->steps;
    settings.sample_every = options->every;
    settings.batch = (int)options->batch;
    settings.seed = (uint64_t)options->seed;
    settings.out = options->out != NULL ? options->out : "out/dcgan";
    ct_error error = { CT_OK, "" };
    return report(train(&settings, &error), &error);
}

static int run_sample(const struct options *options)
{
    ct_error error = { CT_OK, "" };
    struct dcgan_shape shape;
    if (options->model == NULL) {
        fprintf(stderr, "dcgan sample: needs --model FILE, a generator.safetensors that dcgan train wrote\n");
        return MISUSED;
    }
    ct_module *generator = dcgan_load_generator(options->model, &shape, &error);
    if (generator == NULL)
        return report(CT_IO_ERROR, &error);
    ct_tape *tape = ct_tape_new();
    ct_tensor *noise = ct_tensor_empty(shape.dtype, CT_SHAPE(options->count, shape.nz, 1, 1)), *images = NULL;
    ct_status status = CT_NO_MEMORY;
    ct_random random = { .seed = (uint64_t)options->seed };
    if (tape == NULL || noise == NULL)
        ct_error_set(&error, status, "out of memory for %lld pictures", (long long)options->count);
    else if ((status = ct_normal(noise, 0, 1, &random)) == CT_OK &&
             (images = dcgan_sample(generator, tape, noise, &error)) == NULL)
        status = error.status;
    if (images != NULL)
        status = picture_grid(options->out != NULL ? options->out : "samples.png", images, 8, shape.size <= 32 ? 3 : 2, &error);
    ct_tensor_release(images);
    ct_tensor_release(noise);
    ct_tape_free(tape);
    ct_module_free(generator);
    return report(status, &error);
}

static int run_bench(const struct options *o)
{
    ct_error error = { CT_OK, "" };
    struct bench_options settings = { .shape = { CT_F32, (int)o->size, (int)o->channels, (int)o->nz, (int)o->ngf, (int)o->ndf },
                                      .batch = (int)o->batch, .warm_up = (int)o->warm_up, .steps = (int)o->steps, .json = o->json };
    return report(bench(&settings, &error), &error);
}

int main(int argc, char **argv)
{
    struct options options = {
        .train = { .data = "glyphs", .fonts = "/usr/share/fonts", .lr = -1, .beta1 = -1,
                   .characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" },
        .loss = "gan", .count = 64, .seed = 1, .steps = 2000, .every = 200, .batch = 64, .size = 32, .channels = 1, .nz = 100,
        .ngf = 32, .ndf = 32, .warm_up = 3,
    };
    const struct setting seed = { "seed", .whole = &options.seed, .low = 0, .high = INT64_MAX };
    const struct setting threads = { "threads", .whole = &options.threads, .low = 1, .high = 256 };
    const struct setting out = { "out", .text = &options.out };
    const struct setting channels = { "channels", .whole = &options.channels, .low = 1, .high = 3 };
    const struct setting size = { "size", .whole = &options.size, .low = 16, .high = 128 };
    const struct setting steps = { "steps", .whole = &options.steps, .low = 1, .high = 100000000 };
    const struct setting batch = { "batch", .whole = &options.batch, .low = 2, .high = 65536 };
    const struct setting ngf = { "ngf", .whole = &options.ngf, .low = 1, .high = 4096 };
    const struct setting ndf = { "ndf", .whole = &options.ndf, .low = 1, .high = 4096 };
    const struct setting nz = { "nz", .whole = &options.nz, .low = 1, .high = 65536 };
    const struct setting training[] = {
        seed, threads, out, size, channels, batch, ngf, ndf, nz, steps,
        { "data", .text = &options.train.data },
        { "loss", .text = &options.loss },
        { "fonts", .text = &options.train.fonts },
        { "characters", .text = &options.train.characters },
        { "every", .whole = &options.every, .low = 1, .high = 100000000 },
        { "lr", .real = &options.train.lr },
        { "beta1", .real = &options.train.beta1 },
    };
    const struct setting sampling[] = {
        seed, threads, out,
        { "model", .text = &options.model },
        { "count", .whole = &options.count, .low = 1, .high = 4096 },
    };
    const struct setting benching[] = {
        threads, size, channels, batch, ngf, ndf, nz, steps,
        { "warm-up", .whole = &options.warm_up, .low = 0, .high = 1000 },
        { "json", .flag = &options.json },
    };
#define SETTINGS(list) list, sizeof list / sizeof *list
    const struct {
        const char *name;
        const struct setting *settings;
        int count;
        int (*run)(const struct options *options);
    } verbs[] = {
        { "train", SETTINGS(training), run_train },
        { "sample", SETTINGS(sampling), run_sample },
        { "bench", SETTINGS(benching), run_bench },
    };
    enum { VERBS = sizeof verbs / sizeof *verbs };

    bool asked_help = argc == 1 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    int verb = 0;
    while (!asked_help && verb < VERBS && strcmp(argv[1], verbs[verb].name) != 0)
        verb++;
    if (verb == VERBS) {
        fprintf(stderr, "dcgan: \"%s\" is neither train, sample nor bench; dcgan --help explains\n", argv[1]);
        return MISUSED;
    }
    if (verbs[verb].run == run_bench) { /* PyTorch's example, and not for days */
        options.size = options.ngf = options.ndf = 64;
        options.channels = 3;
        options.steps = 10;
    }
    if (!asked_help)
        argv[1] = argv[0]; /* the name that getopt complains under */
    if (!asked_help && !parse(argc - 1, argv + 1, verbs[verb].settings, verbs[verb].count, &asked_help))
        return MISUSED;
    if (asked_help) {
        fputs(help, stdout);
        return DONE;
    }
    if (options.threads > 0)
        ct_set_num_threads((int)options.threads);
    return verbs[verb].run(&options);
}
