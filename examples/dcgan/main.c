/* dcgan: the verbs. */
#include "dcgan.h"

static const struct verb *const verbs[] = { &verb_train, &verb_sample, &verb_interpolate, &verb_export,
                                             &verb_evaluate, &verb_report, &verb_data, &verb_bench };

static const char about[] =
    "dcgan: train a DCGAN, and draw with one. A generator turns noise into pictures; a discriminator tells them from real\n"
    "ones; each learns from the other. Networks, initialisation and training step are those of PyTorch's example.\n\n";

int main(int argc, char **argv)
{
    return command_run("dcgan", about, verbs, sizeof verbs / sizeof *verbs, argc, argv);
}
