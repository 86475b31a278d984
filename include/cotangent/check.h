/* Derivatives of your own functions, and proofs that derivatives are right: vjp, jvp, Jacobians and Hessians nested to any order;
 * the matrix and the transpose of a linear function; a gradient check without a tolerance to pick.
 *
 *     static ct_tensor *cube(ct_tape *tape, ct_tensor *const in[], void *context) { return ct_pow(tape, in[0], 3); }
 *
 *     ct_function f = { cube, NULL, 1 };
 *     if (ct_gradcheck(&f, &x, NULL, &report) != CT_RIGHT)
 *         puts(ct_gradcheck_text(&report, text, sizeof text));
 */
#ifndef COTANGENT_CHECK_H
#define COTANGENT_CHECK_H

#include <cotangent/ops.h>

#define CT_MAX_INPUTS 16

/* A function of `inputs` tensors (1 … CT_MAX_INPUTS), made of tape ops. It returns one tensor, which is the tape's; several results are
 * flattened and concatenated to one. It depends on in[] and on what context holds, and leaves both as they are. */
typedef struct ct_function {
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *const in[], void *context);
    void *context;
    int inputs;
} ct_function;

/* ---- derivatives -------------------------------------------------------------------- */

/* All of these may be called inside another function's apply: they are made of recorded ops wherever `in`, a cotangent or a captured tensor
 * requires a gradient, so they nest to any order. `in` need not require a gradient; nothing is accumulated into leaves. Results
 * are the tape's; NULL after a failure, which the tape keeps: CT_NO_DERIVATIVE where an op has no rule of that order. */

/* y = f(in) is returned; gradient[j] ← cotangentᵀ ∂y/∂in[j], zeros where f does not depend on in[j]. cotangent has y's shape; NULL: one, for
 * a y of one element. */
CT_API ct_tensor *ct_vjp(ct_tape *tape, const ct_function *f, ct_tensor *const in[], ct_tensor *cotangent, ct_tensor *gradient[]);

/* y = f(in) is returned; *result ← Σ_j ∂y/∂in[j] tangent[j]. A NULL tangent[j] is zero. */
CT_API ct_tensor *ct_jvp(ct_tape *tape, const ct_function *f, ct_tensor *const in[], ct_tensor *const tangent[], ct_tensor **result);

/* The Jacobian (m, n): m elements of y in row-major order, n of in[0], in[1], … one after another. By m vjps or by n jvps, whichever is
 * fewer; by the others where an op lacks the rule. */
CT_API ct_tensor *ct_jacobian(ct_tape *tape, const ct_function *f, ct_tensor *const in[]);

/* product[j] ← Σ_k ∂²f/∂in[j]∂in[k] direction[k] of an f whose y has one element, forward over reverse; returns y. A NULL direction[k]
 * is zero. */
CT_API ct_tensor *ct_hvp(ct_tape *tape, const ct_function *f, ct_tensor *const in[], ct_tensor *const direction[],
                         ct_tensor *product[]);

/* The Hessian (n, n) of an f whose y has one element; rows and columns as the Jacobian's columns. */
CT_API ct_tensor *ct_hessian(ct_tape *tape, const ct_function *f, ct_tensor *const in[]);

/* f's derivative as a function of its own: (in…, cotangent) → all of ct_vjp's gradients, flattened, one after another. It refers to *f.
 * Applied n times it is the derivative of order n. */
CT_API ct_function ct_derivative(const ct_function *f);

/* ---- linear functions --------------------------------------------------------------- */

/* The matrix (m, n) of a linear function of one tensor: column j is f of the j-th basis vector of the shape `in`. A constant: no
 * derivatives pass. */
CT_API ct_tensor *ct_matrix(ct_tape *tape, const ct_function *f, ct_dtype dtype, ct_shape in);

/* fᵀ y, of shape `in`: the adjoint of a linear function made of tape ops, ⟨y, f(x)⟩ = ⟨fᵀ y, x⟩. Recorded, linear in y. CT_BAD_ARGUMENT when
 * f(0) is not 0. */
CT_API ct_tensor *ct_linear_transpose(ct_tape *tape, const ct_function *f, ct_shape in, ct_tensor *y);

/* The matrix (n, m) of y → ct_linear_transpose(f, y), pushed column by column, for an f of dtype and shape `in`: equal to the transpose of
 * ct_matrix(f) when f's derivatives are right. */
CT_API ct_tensor *ct_transpose_matrix(ct_tape *tape, const ct_function *f, ct_dtype dtype, ct_shape in);

typedef struct ct_adjoint_report {
    ct_status status;          /* not CT_OK: the check could not run, and message says why */
    bool adjoint;              /* the verdict */
    bool exact;                /* by equality of integers in float64; otherwise by dot products and their rounding bound */
    bool by_matrix;            /* both matrices were compared, entry by entry; otherwise random vectors */
    double left, right, bound; /* ⟨y, f(x)⟩ and ⟨g(y), x⟩ of the worst trial (entries of the two matrices), and how far they may differ */
    int64_t row, column;       /* by_matrix: the first entry of f's matrix that differs; −1: none */
    int64_t comparisons;
    uint64_t seed;
    char message[300];         /* one sentence, always */
} ct_adjoint_report;

/* Is g the transpose of the linear function f? x has the shape `in`, y f's. Small integers in float64, which are exact where f and g keep
 * integers; entry by entry when the matrix has at most 2^14 entries, else ⟨y, f(x)⟩ = ⟨g(y), x⟩ on random vectors. Also says when f or
 * g is not linear. Returns report->adjoint; report may be NULL. */
CT_API bool ct_adjoint_check(const ct_function *f, const ct_function *g, ct_shape in, uint64_t seed, ct_adjoint_report *report);

/* ---- gradient check ------------------------------------------------------------------ */

typedef enum ct_verdict {
    CT_RIGHT = 0,   /* every analytic value lies within its error bar, and the bars are narrow */
    CT_WRONG,       /* a value lies outside: derivatives, or another promise of a function, are broken */
    CT_KINK,        /* the one-sided derivatives differ, and the analytic value lies between them: not differentiable here */
    CT_UNDECIDABLE  /* the bars are too wide to tell (noise, overflow), or the check could not run */
} ct_verdict;

CT_API const char *ct_verdict_name(ct_verdict verdict); /* "right", "wrong", "kink", "undecidable" */

/* All zero is the default, and there is no tolerance among them. */
typedef struct ct_gradcheck_options {
    int order;                    /* 0 and 1: the first derivative; n: the n-th, as the derivative of the one below */
    uint64_t seed;                /* of cotangents, directions and sampled elements */
    unsigned linear;              /* 1 << j: f is affine in in[j], the others fixed: step 1, exact on whole numbers; and that is checked */
    unsigned constant;            /* 1 << j: in[j] is not differentiated (class indices, masks) */
    int64_t elements;             /* of an input: more are sampled and covered by dense directions; 0: 128 */
    bool float32;                 /* also f and its gradient in float32 against float64, within a rounding bound; f must work in both */
    const ct_function *reference; /* an independent definition, of the same inputs, whose values f must have; or NULL */
    const char *const *names;     /* of the inputs, for the report; NULL: "in[0]", … */
} ct_gradcheck_options;

/* One comparison. */
typedef struct ct_finding {
    const char *check;            /* "reverse", "reverse recorded", "forward", "modes", "linear", "cotangent", "values", "pure", "float32" */
    ct_verdict verdict;
    char name[32];                /* of the input: "weight", or "cotangent 1" of a higher order; "" for a value of f */
    ct_shape index;               /* the element's place in that input, in extent[0 … rank); rank −1: a direction over all inputs */
    int64_t output;               /* the element of the result, row-major; −1: a random combination of all, drawn by the seed */
    double analytic, numeric, error_bar;
    double step;                  /* of the difference that numeric is best known from; 0: not by differences */
} ct_finding;

typedef struct ct_gradcheck_report {
    ct_status status;             /* not CT_OK: f or a derivative of it failed, and message says how (CT_NO_DERIVATIVE: no rule) */
    ct_verdict verdict;           /* the worst there was: wrong, then kink, then undecidable */
    int order;
    uint64_t seed;
    int64_t comparisons, right, wrong, kinks, undecidable, evaluations;
    unsigned unused;              /* 1 << j: f (of order n: its derivative of order n − 1) does not depend on in[j] here */
    double digits;                /* that the worst comparison called right agrees to, of the largest derivative (of f, where all are 0);
                                     17: all equal to the bit */
    double digits_float32;        /* the same of float32's values and gradients against float64's; 17 where none was compared */
    ct_finding worst;
    char message[400];            /* one sentence, always */
} ct_gradcheck_report;

/* Checks f at `in` (all float64, or all float32: then in float64 where f works in it, and its float32 against that). Numeric derivatives
 * come from central differences over a sweep of steps, extrapolated (Ridders), with an error bar of truncation and of f's
 * measured noise. Compared are: the gradient as ct_backward computes it and as CT_CREATE_GRAPH records it; forward mode; one mode against
 * the other; the gradient of a sum of cotangents; f twice, to the bit; inputs that must not change. Returns report->verdict; options and report may be NULL. docs/gradcheck.md. */
CT_API ct_verdict ct_gradcheck(const ct_function *f, ct_tensor *const in[], const ct_gradcheck_options *options,
                               ct_gradcheck_report *report);

/* The report as text of a few lines, or as one JSON object, into text (size bytes, always terminated); returns text. */
CT_API char *ct_gradcheck_text(const ct_gradcheck_report *report, char *text, size_t size);
CT_API char *ct_gradcheck_json(const ct_gradcheck_report *report, char *text, size_t size);

#endif
