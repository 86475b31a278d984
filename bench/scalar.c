/* bench-scalar: what a node of the tape costs. A chain y ← a·y + b of scalars, forward and backward; bench/torch_scalar.py is the
 * same in PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cotangent/cotangent.h>

#include "measure.h"

enum { NODES = 10000 };

struct chain {
    ct_tape *tape;
    ct_tensor *x, *a, *b;
};

static bool run_chain(void *context)
{
    struct chain *chain = context;
    ct_tape_reset(chain->tape);
    ct_zero_gradient(chain->x), ct_zero_gradient(chain->a), ct_zero_gradient(chain->b);
    ct_tensor *y = chain->x;
    for (int i = 0; i < NODES / 2; i++)
        y = ct_add(chain->tape, ct_mul(chain->tape, chain->a, y), chain->b);
    return ct_backward(chain->tape, y) == CT_OK;
}

static ct_tensor *variable(double value)
{
    ct_tensor *tensor = ct_tensor_scalar(CT_F32, value);
    ct_requires_grad(tensor, true);
    return tensor;
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 && strcmp(argv[1], "--seconds") == 0 ? strtod(argv[2], NULL) : argc == 1 ? 1 : -1;
    if (seconds < 0) {
        fprintf(stderr, "bench-scalar: takes only --seconds X\n");
        return 2;
    }
    struct chain chain = { ct_tape_new(), variable(1), variable(0.999), variable(0.001) };
    struct measured m;
    bool good = measure(run_chain, &chain, 3, seconds, &m);
    if (good)
        printf("{\"nodes\": %d, \"runs\": %d, \"median_ns\": %.1f, \"min_ns\": %.1f, \"cpu_ns\": %.1f, \"gradient_of_x\": %.6g}\n", NODES, m.runs,
               1e9 * m.median / NODES, 1e9 * m.minimum / NODES, 1e9 * m.cpu / NODES, ct_tensor_item(ct_gradient(chain.x)));
    else
        fprintf(stderr, "bench-scalar: %s\n", ct_tape_message(chain.tape));
    ct_tensor_release(chain.x), ct_tensor_release(chain.a), ct_tensor_release(chain.b);
    ct_tape_free(chain.tape);
    return good ? 0 : 1;
}
