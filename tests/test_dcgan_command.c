/* dcgan as its users call it: what it lists, refuses and ends with. */
#include <sys/stat.h>

#include <cotangent/cotangent.h>

#include "files.h"
#include "run_command.h"

TestSuite(dcgan_command, .init = into_a_folder, .fini = remove_the_folder);

static const char *const verbs[] = { "train", "sample", "interpolate", "export", "evaluate", "report", "data", "bench" };
enum { VERBS = sizeof verbs / sizeof *verbs };

static ct_error error;

static void expect(int status, const char *arguments, const char *words)
{
    cr_expect_eq(run_program("dcgan", arguments), status, "%s: %s", arguments, output);
    cr_expect_not_null(strstr(output, words), "%s: \"%s\" is not in %s", arguments, words, output);
}

Test(dcgan_command, verbs_are_listed)
{
    static const char *const ways[] = { "", "help", "--help", "-h" };
    char words[100];
    for (int i = 0; i < 4; i++) {
        expect(0, ways[i], "Exit codes: 0 done, 1 failed, 2 wrong usage.");
        for (int k = 0; k < VERBS; k++) {
            snprintf(words, sizeof words, "  dcgan %-12s ", verbs[k]);
            expect(0, ways[i], words);
        }
    }
    expect(0, "--version", "dcgan " CT_VERSION "\n");
}

Test(dcgan_command, each_verb_explains_itself)
{
    char arguments[100], words[100];
    for (int k = 0; k < 2 * VERBS; k++) {
        snprintf(arguments, sizeof arguments, k < VERBS ? "%s --help" : "help %s", verbs[k % VERBS]);
        snprintf(words, sizeof words, "dcgan %s [options]: ", verbs[k % VERBS]);
        expect(0, arguments, words);
        snprintf(words, sizeof words, "\n  dcgan %s ", verbs[k % VERBS]);
        expect(0, arguments, words); /* an example */
        expect(0, arguments, "  --threads ");
    }
}

Test(dcgan_command, wrong_usage_is_2)
{
    expect(2, "trian 2>&1", "dcgan: \"trian\" is no verb; did you mean train? dcgan --help lists them\n");
    expect(2, "help trian 2>&1", "dcgan: \"trian\" is no verb; did you mean train? dcgan --help lists them\n");
    expect(2, "train --hlep 2>&1", "dcgan train: train has no option --hlep; did you mean --help?\n");
    expect(2, "something-else 2>&1", "dcgan: \"something-else\" is no verb; dcgan --help lists them\n");
    expect(2, "sample --modle x 2>&1", "dcgan sample: sample has no option --modle; did you mean --model?\n");
    expect(2, "sample 2>&1", "dcgan sample: needs --model FILE, ");
    expect(2, "train --out= 2>&1", "dcgan train: --out needs a value\n");
    expect(2, "export --onnx '' 2>&1", "dcgan export: --onnx needs a value\n");
    expect(2, "data --out sheet.jpg 2>&1",
           "dcgan data: --out sheet.jpg: pictures are written as PNG; needs a name that ends in .png\n");
    expect(2, "sample --model x --out samples 2>&1", "dcgan sample: --out samples: pictures are ");
    expect(2, "interpolate --model x --out .png 2>&1", "dcgan interpolate: --out .png: pictures are ");
    expect(2, "interpolate --model x --animation walk.gif 2>&1", "dcgan interpolate: --animation walk.gif: pictures are ");
    expect(2, "bench --threads 0 2>&1", "dcgan bench: --threads 0: needs a whole number 1 … 256\n");
    expect(2, "bench --size 48 2>&1", "dcgan bench: size 48, ");
    expect(2, "interpolate 2>&1", "dcgan interpolate: needs --model FILE, ");
    static const char *const exports[] = { "", "--model x", "--onnx x" };
    for (int i = 0; i < 3; i++) {
        char arguments[100];
        snprintf(arguments, sizeof arguments, "export %s 2>&1", exports[i]);
        expect(2, arguments, "dcgan export: needs --model FILE, and --onnx FILE or --safetensors FILE\n");
    }
    expect(2, "train --this-is-longer-than-any-option-of-any-program-that-was-ever-written-by-anyone 2>&1", "-by-anyone\n");
}

Test(dcgan_command, output_that_is_lost_is_1)
{
    static const char *const calls[] = { "--version", "help", "train --help", "bench --size 16 --ngf 2 --ndf 2 --batch 2 --steps 1" };
    char arguments[200];
    for (int i = 0; i < 4; i++) {
        snprintf(arguments, sizeof arguments, "%s 2>&1 >/dev/full", calls[i]);
        expect(1, arguments, ": cannot write the output: No space left on device\n");
    }
}

Test(dcgan_command, bench_counts)
{
    const char *const call = "bench --size 16 --channels 1 --ngf 2 --ndf 2 --nz 4 --batch 4 --steps 4 --warm-up 2 --threads 1 --json";
    cr_assert_eq(run_program("dcgan", call), 0);
    json_t *json = parsed_output(call);
    static const struct {
        const char *name;
        double value;
    } wanted[] = { { "size", 16 }, { "channels", 1 }, { "batch", 4 }, { "threads", 1 }, { "steps", 4 }, { "allocations_per_step", 0 } };
    for (int i = 0; i < 6; i++)
        cr_expect_eq(json_number_value(json_object_get(json, wanted[i].name)), wanted[i].value, "%s", wanted[i].name);
    const double least = json_number_value(json_object_get(json, "min_ms")), median = json_number_value(json_object_get(json, "median_ms"));
    cr_expect(least > 0 && least <= median, "%g, %g", least, median);
    cr_expect_float_eq(json_number_value(json_object_get(json, "images_per_second")), 4000 / median, 0.01 * 4000 / median);
    json_decref(json);
    expect(0, "bench --size 16 --channels 1 --ngf 2 --ndf 2 --batch 2 --steps 1 --warm-up 2", "; 0 allocations a step; ");
}

static void write_noise(const char *path, ct_shape shape, const float *values)
{
    ct_tensor *noise = ct_tensor_from(CT_F32, shape, values);
    cr_assert_eq(ct_npy_write(path, noise, &error), CT_OK, "%s", error.message);
    ct_tensor_release(noise);
}

/* Noise from a file: row by row its pictures, whatever the order; in PyTorch's shape too. */
Test(dcgan_command, noise_is_given)
{
    expect(0, "train --characters AB --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1 --quiet --out run", "");
    write_noise("there.npy", CT_SHAPE(2, 3), (float[]){ 0.5f, -1, 2, 1, 1, -0.25f });
    write_noise("back.npy", CT_SHAPE(2, 3, 1, 1), (float[]){ 1, 1, -0.25f, 0.5f, -1, 2 });
    expect(0, "sample --model run/generator.safetensors --noise there.npy --out a.npy", "a.npy\n");
    expect(0, "sample --model run/generator.safetensors --noise back.npy --out b.npy", "");
    ct_tensor *a = ct_npy_read("a.npy", &error), *b = ct_npy_read("b.npy", &error);
    cr_assert(a != NULL && b != NULL && ct_tensor_count(a) == 2 * 256 && ct_tensor_count(b) == 2 * 256);
    const float *there = ct_tensor_data(a), *back = ct_tensor_data(b);
    cr_expect_arr_eq(there, back + 256, sizeof(float[256]));
    cr_expect_arr_eq(there + 256, back, sizeof(float[256]));
    cr_expect_arr_neq(there, back, sizeof(float[256]));
    ct_tensor_release(a), ct_tensor_release(b);
    const ct_shape wrong[] = { CT_SHAPE(2, 2), CT_SHAPE(3), CT_SHAPE(1, 3, 2, 1), CT_SHAPE(1, 3, 1), CT_SHAPE(0, 3) };
    for (int i = 0; i < 5; i++) {
        char sentence[100], shape[40];
        write_noise("wrong.npy", wrong[i], (float[6]){ 0 });
        snprintf(sentence, sizeof sentence, "wrong.npy has shape %s; this generator needs (n, 3) or (n, 3, 1, 1)\n",
                 ct_shape_text(wrong[i], shape, sizeof shape));
        expect(1, "sample --model run/generator.safetensors --noise wrong.npy --out c.npy 2>&1", sentence);
    }
    expect(1, "sample --model run/generator.safetensors --noise none.npy --out c.npy 2>&1", "none.npy: No such file or directory\n");
    expect(1, "sample --model there.npy --out c.npy 2>&1", "dcgan sample: ");
    cr_expect_neq(access("c.npy", F_OK), 0);
}

Test(dcgan_command, verbs_name_what_they_wrote)
{
    expect(0, "data --characters AB --size 16 --count 4", "data: 2 characters of ");
    expect(0, "train --characters AB --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1 --quiet --out run", "");
    static const char *const made[][2] = {
        { "sample", "samples.png\n" },
        { "interpolate --count 2 --animation walk.png", "interpolation.png\nwalk.png\n" },
        { "export --onnx g.onnx --safetensors g.safetensors", "g.onnx\ng.safetensors\n" },
    };
    for (int i = 0; i < 3; i++) {
        char arguments[200];
        snprintf(arguments, sizeof arguments, "%s --model run/generator.safetensors", made[i][0]);
        cr_expect_eq(run_program("dcgan", arguments), 0);
        cr_expect_str_eq(output, made[i][1]);
        for (char *name = strtok(output, "\n"); name != NULL; name = strtok(NULL, "\n"))
            cr_expect_eq(access(name, F_OK), 0, "%s", name);
    }
    cr_expect_eq(access("sheet.png", F_OK), 0);
    expect(0, "export --model run/generator.safetensors --onnx one.onnx", "one.onnx\n");
    expect(0, "interpolate --model run/generator.safetensors --count 1 --out one.png", "one.png\n");
    expect(0, "export --model run/generator.safetensors --safetensors one.safetensors", "one.safetensors\n");
    expect(1, "export --model run/generator.safetensors --onnx none/g.onnx 2>&1", "none/g.onnx");
    expect(1, "export --model none --onnx g.onnx 2>&1", "dcgan export: cannot open none: No such file or directory\n");
    expect(1, "interpolate --model none 2>&1", "dcgan interpolate: cannot open none: No such file or directory\n");
}

/* Small pictures are drawn larger, so that people see something. */
Test(dcgan_command, sheets_have_a_size_to_look_at)
{
    static const int64_t sides[][2] = { { 16, 48 }, { 32, 96 }, { 64, 128 }, { 128, 128 } };
    for (int i = 0; i < 4; i++) {
        char arguments[100];
        snprintf(arguments, sizeof arguments, "data --characters AB --size %d --count 1", (int)sides[i][0]);
        expect(0, arguments, "sheet.png\n");
        ct_tensor *sheet = ct_image_read("sheet.png", 1, &error);
        cr_assert_not_null(sheet, "%s", error.message);
        const int64_t border = ct_tensor_size(sheet, 1) - sides[i][1];
        cr_expect(border >= 0 && border <= 12 && ct_tensor_size(sheet, 2) == ct_tensor_size(sheet, 1), "%d: %lld", (int)sides[i][0],
                  (long long)ct_tensor_size(sheet, 1));
        ct_tensor_release(sheet);
    }
}

/* What would fail, or disappoint, after hours is said before the first step. */
Test(dcgan_command, training_warns_and_refuses)
{
    char arguments[4300], train[] = "train --characters AB --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1";
    ct_tensor *few = ct_tensor_zeros(CT_F32, CT_SHAPE(8, 1, 16, 16));
    cr_assert_eq(ct_npy_write("few.npy", few, &error), CT_OK, "%s", error.message);
    ct_tensor_release(few);
    static const struct {
        int status;
        const char *added, *words;
    } cases[] = {
        { 0, "--kernel 5 --out a", "note: --kernel 5 is not a multiple of the stride, 2: " },
        { 0, "--kernel 6 --out b", "done: 1 steps. Look at b/report.html" },
        { 0, "--data few.npy --out c", "note: a discriminator learns 8 pictures by heart; " },
        { 0, "--data few.npy --out d", "note: no value of the first pictures is below 0, which is middle grey " },
        { 2, "--schedule linear", "dcgan train: --schedule linear: needs constant or cosine\n" },
        { 1, "--fonts .", "no font under . has all of \"AB\"; on Debian: apt install fonts-dejavu-core\n" },
        { 1, "--out few.npy/run", "dcgan train: cannot make the folder few.npy/run: Not a directory\n" },
        { 1, "--out few.npy", "dcgan train: cannot open the folder few.npy: Not a directory\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(arguments, sizeof arguments, "%s %s 2>&1", train, cases[i].added);
        expect(cases[i].status, arguments, cases[i].words);
    }
}

/* Where black is -1, nothing is to be said of it. */
Test(dcgan_command, dark_pictures_are_no_surprise)
{
    ct_tensor *dark = ct_tensor_full(CT_F32, CT_SHAPE(2, 1, 16, 16), -0.5);
    cr_assert_eq(ct_npy_write("dark.npy", dark, &error), CT_OK, "%s", error.message);
    ct_tensor_release(dark);
    expect(0, "data --data dark.npy --size 16", "data: 2 pictures of dark.npy\nsheet.png\n");
    cr_expect_null(strstr(output, "note"), "%s", output);
}

/* A reader that goes away, as tee does on Ctrl-C: what was done is saved. */
Test(dcgan_command, a_pipe_that_closes_saves_and_stops, .timeout = 120)
{
    expect(0,
           "train --characters AB --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1000000 --save-every 1000000 --out run "
           "2>err | true; cat err; readlink run/checkpoint-latest.safetensors",
           "dcgan train: cannot write the output: Broken pipe\ncheckpoint-");
    cr_expect_null(strstr(output, "checkpoint-000000.safetensors"), "%s", output);
}

/* A folder that holds more, or fewer, when a run goes on. */
Test(dcgan_command, other_pictures_are_noticed)
{
    static const char *const steps[] = { "--steps 2", "--steps 3", "--steps 4" };
    for (int seed = 0; seed < 5; seed++) {
        char arguments[100];
        snprintf(arguments, sizeof arguments, "data --characters AB --size 16 --count 1 --seed %d --out pictures/%d.png", seed,
                 seed);
        cr_assert(seed > 0 || mkdir("pictures", 0777) == 0);
        expect(0, arguments, "data: ");
    }
    expect(0, "train --data pictures --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1 --out run", "done: ");
    for (int i = 0; i < 3; i++) {
        char arguments[100];
        cr_assert(i != 1 || unlink("pictures/3.png") == 0);
        snprintf(arguments, sizeof arguments, "train --resume run %s", steps[i]);
        expect(0, arguments, i == 1 ? "note: 4 pictures where there were 5: " : "done: ");
        cr_expect(i == 1 || strstr(output, "there were") == NULL, "%s", output);
    }
}

/* The line that says how to go on; and a run without a checkpoint begins again. */
Test(dcgan_command, a_run_is_stopped_and_goes_on, .timeout = 120)
{
    expect(0, "train --characters AB --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1000000 --save-every 1000000 --out run & "
              "while ! grep -q ^3, run/log.csv; do sleep 0.01; done 2>/dev/null; kill -TERM $!; wait $!",
           " of 1000000 steps; go on with\n  dcgan train --resume run\n");
    long long step = 0;
    cr_expect(strstr(output, "stopped after ") != NULL && sscanf(strstr(output, "stopped after "), "stopped after %lld", &step) == 1 && step >= 3);
    char arguments[100], words[100];
    snprintf(arguments, sizeof arguments, "train --resume run --steps %lld", step + 1);
    snprintf(words, sizeof words, "resuming after step %lld\n", step);
    expect(0, arguments, words);
    cr_assert_eq(system("rm run/checkpoint-*"), 0);
    expect(0, "train --resume run --steps 1", "no checkpoint in run yet: from the beginning\n");
}

/* A terminal that closes stops a run, but one that was told to live on. */
Test(dcgan_command, nohup_is_heeded, .timeout = 120)
{
    static const char *const words[] = { "gone\n", "alive\n" };
    char emulator[300];
    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            snprintf(emulator, sizeof emulator, "nohup %s", getenv("EMULATOR") != NULL ? getenv("EMULATOR") : "");
            setenv("EMULATOR", emulator, 1);
            cr_assert_eq(system("rm -r run"), 0); /* whose log would let the signal come before nohup does anything */
        }
        expect(0,
               "train --characters AB --size 16 --ngf 2 --ndf 2 --nz 3 --batch 4 --steps 1000000 --save-every 1000000 --out run & "
               "while ! grep -q ^3, run/log.csv; do sleep 0.01; done 2>/dev/null; kill -HUP $!; "
               "rows=$(wc -l <run/log.csv); for turn in $(seq 1000); do sleep 0.01; kill -0 $! 2>/dev/null || break; "
               "[ $(wc -l <run/log.csv) -lt $((rows + 1000)) ] || break; done; kill -TERM $! 2>/dev/null && echo alive || echo gone; wait $!",
               words[i]);
        cr_expect_not_null(strstr(output, "stopped after "), "%s", output);
    }
}
