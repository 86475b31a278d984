/* The bilinear algorithms F(m, r): m outputs y of a correlation with r taps g over α = m + r − 1 inputs d, by α products:
 *
 *     y = Aᵀ [(G g) ⊙ (Bᵀ d)],   that is   Σ_p A[p][i] G[p][j] B[p][l] = 1 where l = i + j, and 0 elsewhere.
 *
 * Toom–Cook: row p belongs to the point a_p, and the last to infinity. A[p] = (1, a, a², …); G[p] = (1, a, …) / Π_{q≠p} (a_p − a_q);
 * B[p] are the coefficients of Π_{q≠p} (x − a_q), lowest first. docs/bilinear.md derives them; a test checks the identity exactly. */
#ifndef CT_VECTOR_BILINEAR_TABLES_H
#define CT_VECTOR_BILINEAR_TABLES_H

/* One tap, one output: a product is a product. */
static const float ct_f11_a[1][1] = { { 1 } }, ct_f11_g[1][1] = { { 1 } }, ct_f11_b[1][1] = { { 1 } };

/* Points 0, 1, ∞. */
static const float ct_f22_a[3][2] = { { 1, 0 }, { 1, 1 }, { 0, 1 } };
static const float ct_f22_g[3][2] = { { -1, 0 }, { 1, 1 }, { 0, 1 } };
static const float ct_f22_b[3][3] = { { -1, 1, 0 }, { 0, 1, 0 }, { 0, -1, 1 } };

/* Points 0, 1, −1, ∞. */
static const float ct_f23_a[4][2] = { { 1, 0 }, { 1, 1 }, { 1, -1 }, { 0, 1 } };
static const float ct_f23_g[4][3] = { { -1, 0, 0 }, { 0.5f, 0.5f, 0.5f }, { 0.5f, -0.5f, 0.5f }, { 0, 0, 1 } };
static const float ct_f23_b[4][4] = { { -1, 0, 1, 0 }, { 0, 1, 1, 0 }, { 0, -1, 1, 0 }, { 0, -1, 0, 1 } };

/* Points 0, 1, −1, 1/2, ∞. */
static const float ct_f42_a[5][4] = {
    { 1, 0, 0, 0 }, { 1, 1, 1, 1 }, { 1, -1, 1, -1 }, { 1, 0.5f, 0.25f, 0.125f }, { 0, 0, 0, 1 },
};
static const float ct_f42_g[5][2] = {
    { 2, 0 }, { 1, 1 }, { -1 / 3.0f, 1 / 3.0f }, { -8 / 3.0f, -4 / 3.0f }, { 0, 1 },
};
static const float ct_f42_b[5][5] = {
    { 0.5f, -1, -0.5f, 1, 0 }, { 0, -0.5f, 0.5f, 1, 0 }, { 0, 0.5f, -1.5f, 1, 0 }, { 0, -1, 0, 1, 0 }, { 0, 0.5f, -1, -0.5f, 1 },
};

/* Points 0, 3/4, −3/4, 3/2, −3/2, ∞. */
static const float ct_f43_a[6][4] = {
    { 1, 0, 0, 0 },
    { 1, 3 / 4.0f, 9 / 16.0f, 27 / 64.0f },
    { 1, -3 / 4.0f, 9 / 16.0f, -27 / 64.0f },
    { 1, 3 / 2.0f, 9 / 4.0f, 27 / 8.0f },
    { 1, -3 / 2.0f, 9 / 4.0f, -27 / 8.0f },
    { 0, 0, 0, 1 },
};
static const float ct_f43_g[6][3] = {
    { 64 / 81.0f, 0, 0 },
    { -128 / 243.0f, -32 / 81.0f, -8 / 27.0f },
    { -128 / 243.0f, 32 / 81.0f, -8 / 27.0f },
    { 32 / 243.0f, 16 / 81.0f, 8 / 27.0f },
    { 32 / 243.0f, -16 / 81.0f, 8 / 27.0f },
    { 0, 0, 1 },
};
static const float ct_f43_b[6][6] = {
    { 81 / 64.0f, 0, -45 / 16.0f, 0, 1, 0 },
    { 0, -27 / 16.0f, -9 / 4.0f, 3 / 4.0f, 1, 0 },
    { 0, 27 / 16.0f, -9 / 4.0f, -3 / 4.0f, 1, 0 },
    { 0, -27 / 32.0f, -9 / 16.0f, 3 / 2.0f, 1, 0 },
    { 0, 27 / 32.0f, -9 / 16.0f, -3 / 2.0f, 1, 0 },
    { 0, 81 / 64.0f, 0, -45 / 16.0f, 0, 1 },
};

/* What there is, in the order of ct_vectors.transforms. */
#define CT_BILINEAR_ALGORITHMS(X) X(11, 1, 1) X(22, 2, 2) X(42, 4, 2) X(23, 2, 3) X(43, 4, 3)

#endif
