/* How the `cotangent` command is used: what it answers, and what it refuses with which exit code. */
#include <cotangent/cotangent.h>

#include "run_command.h"

struct usage {
    const char *arguments;
    int code;
    const char *says;
};

static const struct usage usages[] = {
    { "--help", 0, "cotangent geometry" },
    { "help", 0, "Exit codes" },
    { "help steps", 0, "Spread" },
    { "help stops 2>&1", 2, "the nearest is steps" },
    { "--version", 0, "cotangent " CT_VERSION },
    { "geometry --help", 0, "output_padding" },
    { "steps --help", 0, "Spread" },
    { "2>&1", 2, "cotangent: needs a verb" },
    { "geomtry 2>&1", 2, "no verb \"geomtry\"; the nearest is geometry" },
    { "step 2>&1", 2, "the nearest is steps" },
    { "geometry --in 5 --kernel 3 --strude 2 2>&1", 2, "no option --strude; the nearest is --stride" },
    { "geometry --in 5 --kernel 3 --strude=2 2>&1", 2, "no option --strude; the nearest is --stride" },
    { "geometry --in 2>&1", 2, "--in needs a value" },
    { "geometry --json=1 2>&1", 2, "--json=1 takes no value" },
    { "geometry --in 5 --kernel 3 what 2>&1", 2, "what is \"what\"?" },
    { "geometry --in 5 --kernel 3x3 2>&1", 2, "--kernel has 2 axes, the input has 1" },
    { "geometry --in 0 --kernel 3 2>&1", 2, "--in 0: needs whole numbers from 1" },
    { "geometry --in 5x5x5x5 --kernel 3 2>&1", 2, "up to 3" },
    { "geometry --in 99999999999999999999 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in -5 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in '' --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in 5x --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in 5:6 --kernel 3 2>&1", 2, "needs whole numbers" },
    { "geometry --in 5 --in 6 --kernel 3 2>&1", 2, "--in is given twice" },
    { "geometry --in 5 --kernel 3 --json --json 2>&1", 2, "--json is given twice" },
    { "geometry --in 5 --kernel 3 --padding 1: 2>&1", 2, "up to 3 as in 1:2x0" },
    { "geometry --in 5 --kernel 3 --padding 1:2:3 2>&1", 2, "up to 3 as in 1:2x0" },
    { "geometry --in 5 --kernel 3 --padding 1:-2 2>&1", 2, "needs whole numbers from 0" },
    { "geometry --in 5 --kernel 3 --padding 1:2x0 2>&1", 2, "--padding has 2 axes, the input has 1" },
    { "geometry --in 5 --kernel 8 --padding 1:1 2>&1", 1, "exceeds the padded input" },
    { "geometry --in 1048576x1048576x1048576 --kernel 1 2>&1", 1, "more elements than can be counted" },
    { "geometry --in 1048576 --kernel 1048576 --dilation 1048576 2>&1", 1, "exceeds the padded input" },
    { "geometry --transposed --in 1048576 --kernel 3 --stride 1048576 2>&1", 1, "must be from 1 to 2^31 - 1" },
    { "geometry --in 5 --kernel 3 --channels 1048576 --out-channels 1048576 2>&1", 1, "too large" },
    { "geometry -- --in 5 2>&1", 2, "what is \"--in\"?" },
    { "geometry -x 2>&1", 2, "no option -x" },
    { "'' 2>&1", 2, "no verb \"\"" },
    { "geometry --kernel 3 2>&1", 2, "needs --in and --kernel" },
    { "geometry --in 5 --kernel 3 --groups 2 --channels 3 2>&1", 2, "--groups 2 must divide" },
    { "geometry --in 5 --kernel 9 2>&1", 1, "exceeds the padded input" },
    { "geometry --in 5 --kernel 3 --output-padding 1 2>&1", 1, "output_padding" },
    { "steps --x 1,2,a 2>&1", 2, "needs numbers" },
    { "steps --x '1,2;3' 2>&1", 2, "rows of different lengths" },
    { "steps --x 1,inf 2>&1", 2, "needs numbers" },
    { "steps --x 1,,2 2>&1", 2, "needs numbers" },
    { "steps --x '' 2>&1", 2, "needs numbers" },
    { "steps --x 1e999 2>&1", 2, "needs numbers" },
    { "steps --x \"$(seq -s, 65)\" 2>&1", 2, "up to 16 rows of 64 numbers" },
    { "steps --x \"$(seq -s';' 17)\" 2>&1", 2, "up to 16 rows of 64 numbers" },
    { "steps --stride 0 2>&1", 2, "needs whole numbers from 1 to 64" },
    { "steps --stride 1x2 2>&1", 2, "--stride has 2 axes, the input has 1" },
    { "steps --x 1 --padding 2 2>&1", 1, "must be from 1 to 2^31 - 1" },
    { "steps --x 1e308,1e308 --w 10 2>&1", 1, "overflow float64" },
    { "steps 3 2>&1", 2, "what is \"3\"?" },
    { "steps --x '1;2;3' --w '1;2' 2>&1", 2, "--w has 2 rows, --x 3" },
    { "geometry --in 5 --kernel 3 --algorithm --dtype float16 2>&1", 2, "neither float32 nor float64" },
    { "matrix --help", 0, "basis vector" },
    { "matrix --in 4 --kernel 3 2>&1", 2, "needs an op" },
    { "matrix conv --in 4 --kernel 3 2>&1", 2, "no op \"conv\"; the nearest is conv1d" },
    { "matrix conv2d --in 4 --kernel 3 2>&1", 2, "conv2d has 2 axes, --in has 1" },
    { "matrix conv1d --in 4 --kernel 3 --output-padding 1 2>&1", 2, "only conv_transpose" },
    { "matrix conv1d --in 4 --kernel 3 --padding-mode reflex 2>&1", 2, "the nearest is reflect" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,2 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,2,3,4 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,2, 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight '' 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --weight 1,nan,3 2>&1", 2, "needs 3 numbers" },
    { "matrix conv1d --in 4 --kernel 3 --padding 1 --padding-mode reflect --weight 1e308,1,1e308 2>&1", 1, "overflow float64" },
    { "matrix conv1d conv2d --in 4 --kernel 3 2>&1", 2, "what is \"conv2d\"?" },
    { "matrix conv3d --in 4096x4096x4096 --kernel 1 2>&1", 1, "too many" },
    { "matrix conv1d --in 4 --kernel 3 --padding 9 --padding-mode reflect 2>&1", 1, "reflect" },
    { "matrix conv_transpose1d --in 4 --kernel 3 --dilation 2 --output-padding 1 2>&1", 1, "no convolution of 9 gives 4" },
    { "matrix conv2d --in 512x512 --kernel 3 2>&1", 1, "too many" },
    { "check --help", 0, "no tolerance" },
    { "check --op conv1 2>&1", 2, "no op \"conv1\"; the nearest is conv1d" },
    { "check --order 0 2>&1", 2, "--order 0: needs a whole number from 1" },
    { "check --order 7 2>&1", 2, "--order 7: needs a whole number from 1 to 6" },
    { "check --order 99999999999999999999 2>&1", 2, "needs a whole number" },
    { "check --order 1.5 2>&1", 2, "needs a whole number" },
    { "check --seed -1 2>&1", 2, "--seed -1: needs a whole number from 0" },
    { "check --op '' 2>&1", 2, "no op \"\"" },
    { "check --op 2>&1", 2, "--op needs a value" },
    { "check tanh 2>&1", 2, "what is \"tanh\"?" },
    { "geometry --in 5 --kernel 3 2>&1 >/dev/full", 1, "could not be written" },
    { "--version 2>&1 >/dev/full", 1, "could not be written" },
    { "--help 2>&1 >&-", 1, "could not be written" },
    { "\"$(printf 'mat\\nrix')\" 2>&1", 2, "no verb \"mat?rix\"; the nearest is matrix" },
    { "check --op \"$(printf 'a\\033b')\" 2>&1", 2, "no op \"a?b\"" },
    { "geometry --in 1048576 --kernel 1048576 --padding 1048576 2>&1", 1, "too many to count" },
    { "matrix conv1d --in 2048 --kernel 2048 --padding 1023 2>&1", 1, "too many to push" },
    { "matrix conv1d --in 5 --kernel 3 --npy /tmp/a --png /tmp/a 2>&1", 2, "the same file" },
};

Test(tools, usage)
{
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        const struct usage *usage = &usages[i];
        cr_expect_eq(run(usage->arguments), usage->code, "%s: %s", usage->arguments, output);
        cr_expect_not_null(strstr(output, usage->says), "%s says: %s", usage->arguments, output);
        const char *end = strchr(output, '\n');
        cr_expect(usage->code == 0 || (end != NULL && end[1] == '\0'), "%s: a complaint is one line: %s", usage->arguments,
                  output);
    }
}
