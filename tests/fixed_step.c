/* Gradient checkers with one fixed step and a fixed tolerance, a few lines each, in the manner of others; for comparison alone. */
#include <math.h>
#include <stdlib.h>

#include "mutations.h"

/* f's values as doubles, at in + h·u; u NULL: at in. Returns their number. */
static int64_t values(const ct_function *f, ct_tensor *const in[], int input, int64_t element, double *const u[], double h, double *result)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x[CT_MAX_INPUTS];
    for (int j = 0; j < f->inputs; j++) {
        x[j] = ct_tensor_clone(in[j]);
        for (int64_t i = 0; i < x[j]->count; i++)
            ct_check_set(x[j], i, ct_check_get(in[j], i) + h * (u != NULL ? u[j][i] : j == input && i == element));
    }
    ct_tensor *y = f->apply(tape, x, f->context);
    const int64_t count = y != NULL ? y->count : 0;
    for (int64_t k = 0; result != NULL && k < count; k++)
        result[k] = ct_check_get(y, k);
    for (int j = 0; j < f->inputs; j++)
        ct_tensor_release(x[j]);
    ct_tape_free(tape);
    return count;
}

/* gradient[j] ← Σ_k v_k ∂y_k/∂in[j]. */
static void gradients(const ct_function *f, ct_tensor *const in[], const double *v, double *const gradient[])
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *g[CT_MAX_INPUTS], *x[CT_MAX_INPUTS];
    for (int j = 0; j < f->inputs; j++)
        ct_requires_grad(x[j] = ct_tensor_clone(in[j]), true);
    ct_tensor *y = f->apply(tape, x, f->context), *c = y ? ct_check_zeros(tape, y->dtype, y->shape) : NULL;
    for (int64_t k = 0; y != NULL && k < y->count; k++)
        ct_check_set(c, k, v[k]);
    if (y != NULL && ct_grad(tape, 1, &y, &c, f->inputs, x, g, CT_ALLOW_UNUSED) == CT_OK)
        for (int j = 0; j < f->inputs; j++)
            for (int64_t i = 0; i < x[j]->count; i++)
                gradient[j][i] = g[j] != NULL ? ct_check_get(g[j], i) : 0;
    for (int j = 0; j < f->inputs; j++)
        ct_tensor_release(x[j]);
    ct_tape_free(tape);
}

struct work {
    int64_t outputs;
    double *plus, *minus, *v, *u[CT_MAX_INPUTS], *g[CT_MAX_INPUTS];
};

static struct work work_new(const ct_function *f, ct_tensor *const in[], unsigned constant, uint64_t seed)
{
    struct work w = { .outputs = values(f, in, -1, 0, NULL, 0, NULL) };
    ct_random random = { .seed = seed, .stream = 99 };
    const size_t room = (size_t)(w.outputs > 0 ? w.outputs : 1);
    w.plus = calloc(room, sizeof(double)), w.minus = calloc(room, sizeof(double)), w.v = calloc(room, sizeof(double));
    ct_tensor *drawn = ct_tensor_zeros(CT_F64, CT_SHAPE(w.outputs));
    ct_normal(drawn, 0, 1, &random);
    ct_tensor_copy_out(drawn, CT_F64, w.v, w.outputs);
    ct_tensor_release(drawn);
    for (int j = 0; j < f->inputs; j++) {
        w.u[j] = calloc((size_t)in[j]->count + 1, sizeof(double)), w.g[j] = calloc((size_t)in[j]->count + 1, sizeof(double));
        drawn = ct_tensor_zeros(CT_F64, in[j]->shape);
        ct_normal(drawn, 0, 1, &random);
        if (!(constant & 1u << j))
            ct_tensor_copy_out(drawn, CT_F64, w.u[j], in[j]->count);
        ct_tensor_release(drawn);
    }
    return w;
}

static void work_free(const ct_function *f, struct work *w)
{
    free(w->plus), free(w->minus), free(w->v);
    for (int j = 0; j < f->inputs; j++)
        free(w->u[j]), free(w->g[j]);
}

static double dot(int64_t count, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* torch.autograd.gradcheck, fast_mode: float64, step 1e-6, atol 1e-5, rtol 1e-3; here elementwise, on the outputs combined by v. */
bool pytorch_manner(const ct_function *f, ct_tensor *const in[], unsigned constant, uint64_t seed)
{
    const double h = 1e-6;
    struct work w = work_new(f, in, constant, seed);
    bool convicted = false;
    gradients(f, in, w.v, w.g);
    for (int j = 0; j < f->inputs && !convicted; j++)
        for (int64_t i = 0; !(constant & 1u << j) && i < in[j]->count && !convicted; i++) {
            values(f, in, j, i, NULL, h, w.plus), values(f, in, j, i, NULL, -h, w.minus);
            const double numeric = (dot(w.outputs, w.v, w.plus) - dot(w.outputs, w.v, w.minus)) / (2 * h);
            convicted = !(fabs(w.g[j][i] - numeric) <= 1e-5 + 1e-3 * fabs(numeric));
        }
    work_free(f, &w);
    return convicted;
}

/* jax.test_util.check_grads, first order, both modes: one random direction, step 1e-4, atol and rtol 1e-5 in float64. */
bool jax_manner(const ct_function *f, ct_tensor *const in[], unsigned constant, uint64_t seed)
{
    const double h = 1e-4;
    struct work w = work_new(f, in, constant, seed);
    gradients(f, in, w.v, w.g);
    values(f, in, -1, 0, w.u, h, w.plus), values(f, in, -1, 0, w.u, -h, w.minus);
    double analytic = 0, numeric = (dot(w.outputs, w.v, w.plus) - dot(w.outputs, w.v, w.minus)) / (2 * h);
    for (int j = 0; j < f->inputs; j++)
        analytic += dot(in[j]->count, w.g[j], w.u[j]);
    bool convicted = !(fabs(analytic - numeric) <= 1e-5 + 1e-5 * fabs(numeric));
    ct_tape *tape = ct_tape_new();
    ct_tensor *tangent[CT_MAX_INPUTS], *pushed;
    for (int j = 0; j < f->inputs; j++) {
        tangent[j] = ct_check_zeros(tape, CT_F64, in[j]->shape);
        ct_tensor_copy_in(tangent[j], CT_F64, w.u[j], in[j]->count);
    }
    if (ct_jvp(tape, f, in, tangent, &pushed) != NULL)
        for (int64_t k = 0; k < w.outputs && !convicted; k++) {
            numeric = (w.plus[k] - w.minus[k]) / (2 * h);
            convicted = !(fabs(ct_check_get(pushed, k) - numeric) <= 1e-5 + 1e-5 * fabs(numeric));
        }
    ct_tape_free(tape);
    work_free(f, &w);
    return convicted;
}

static void to_float32(const ct_function *f, ct_tensor *const in[], ct_tensor *narrow[])
{
    for (int j = 0; j < f->inputs; j++)
        narrow[j] = ct_tensor_cast(in[j], CT_F32);
}

/* KANN's kad_check_grad: float32, one direction of positive steps of 1e-5, and |numbers| compared to 1 %. */
bool kann_manner(const ct_function *f, ct_tensor *const in[], unsigned constant, uint64_t seed)
{
    const double h = 1e-5, relative = 1e-2;
    ct_tensor *narrow[CT_MAX_INPUTS];
    to_float32(f, in, narrow);
    struct work w = work_new(f, narrow, constant, seed);
    gradients(f, narrow, w.v, w.g);
    double s0 = 0;
    for (int j = 0; j < f->inputs; j++)
        for (int64_t i = 0; i < in[j]->count; i++) {
            w.u[j][i] = fabs(w.u[j][i]) < 1 ? fabs(w.u[j][i]) : 1;
            s0 += w.g[j][i] * w.u[j][i] * !(constant & 1u << j);
            w.u[j][i] *= !(constant & 1u << j);
        }
    values(f, narrow, -1, 0, w.u, h, w.plus), values(f, narrow, -1, 0, w.u, -h, w.minus);
    const float up = (float)dot(w.outputs, w.v, w.plus), down = (float)dot(w.outputs, w.v, w.minus);
    values(f, narrow, -1, 0, NULL, 0, w.plus);
    const float here = (float)dot(w.outputs, w.v, w.plus);
    const double s1 = (up - down) / (2 * h);
    bool convicted = false;
    if (fabs(s1) >= relative) {
        const double error = fabs(fabs(s0) - fabs(s1)) / (fabs(s0) + fabs(s1)), bend = fabs(up + down - 2 * here) / fabs(up - down);
        convicted = error >= relative && error > bend;
    }
    work_free(f, &w);
    for (int j = 0; j < f->inputs; j++)
        ct_tensor_release(narrow[j]);
    return convicted;
}

/* ggml's test-backend-ops: float32, step 0.1, loss Σ y, and the mean of |a − b| / |a + b| over all elements below 1e-4. */
bool ggml_manner(const ct_function *f, ct_tensor *const in[], unsigned constant, uint64_t seed)
{
    const double h = 0.1;
    ct_tensor *narrow[CT_MAX_INPUTS];
    to_float32(f, in, narrow);
    struct work w = work_new(f, narrow, constant, seed);
    for (int64_t k = 0; k < w.outputs; k++)
        w.v[k] = 1;
    gradients(f, narrow, w.v, w.g);
    bool convicted = false;
    for (int j = 0; j < f->inputs; j++) {
        double sum = 0;
        for (int64_t i = 0; !(constant & 1u << j) && i < in[j]->count; i++) {
            double numeric[2];
            for (int half = 0; half < 2; half++) { /* fourth order: (4 D(h/2) − D(h)) / 3 */
                const double step = half ? h / 2 : h;
                values(f, narrow, j, i, NULL, step, w.plus), values(f, narrow, j, i, NULL, -step, w.minus);
                numeric[half] = (float)((dot(w.outputs, w.v, w.plus) - dot(w.outputs, w.v, w.minus)) / (2 * step));
            }
            const double b = (4 * numeric[1] - numeric[0]) / 3, a = w.g[j][i];
            if (a != b)
                sum += fabs(a - b) / fabs(a + b);
        }
        convicted |= in[j]->count > 0 && sum / (double)in[j]->count > 1e-4;
    }
    work_free(f, &w);
    for (int j = 0; j < f->inputs; j++)
        ct_tensor_release(narrow[j]);
    return convicted;
}
