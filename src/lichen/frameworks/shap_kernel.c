/* Path-dependent Shapley values of sums of trees, exactly (Lundberg et al., 2020, "From local
 * explanations to global understanding with explainable AI for trees").
 *
 * Of a leaf with value v, let each feature on its path have o = 1 where the row keeps to the path,
 * else 0, and z the share of the cover that does. A set S of features is worth v times the product
 * of o over S and of z over the others, and the Shapley value of a product is an integral:
 *     phi_i = v (o_i - z_i) * integral over t in [0, 1] of the product over j != i of
 *             t o_j + (1 - t) z_j
 * It is a polynomial of t, so Gauss' points give it exactly: M of them for 2 M features on a path.
 *
 * A child multiplies the product of its path by b + t d, where b is its merged share and d is o - b.
 * Where its feature comes again on a path, the factor of the edge above is taken out first (as Yu,
 * Bifet, Read and Xu, 2022, "Linear TreeSHAP"); once a row has left the path in a feature, its
 * further splits are shares alone: d = 0. So down a tree go the products `reach` without the
 * feature of each split, and up it come sums of what is below, and at a split
 *     phi_i += reach * (d_left below_left + d_right below_right - (1 - z_above) below_here)
 * which is a few multiplications a split and point, without a branch on what the row does.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is known of a split, by what asks for it. */
typedef struct {
    float threshold;
    uint16_t feature;
    uint8_t mode; /* left where x is: 0 <=, 1 <, 2 >=, 3 >, 4 ==, 5 != threshold */
    uint8_t missing_left;
} Test;

typedef struct {
    double share;  /* of what comes to this split, that goes left */
    int32_t edge;  /* from above: twice its split and 1 more on the right; 0 of a root */
    int32_t above; /* the last edge that split on this feature before; 0 without one */
} Share;

typedef struct {
    int32_t child[2]; /* the split of each child in its tree, counted from 1; 0 of a leaf */
    int32_t value[2]; /* the first value of each child that is a leaf; of a split, of zeros */
    int32_t feature;
} Sum;

typedef struct {
    int64_t split; /* its first split, parents before children */
    int32_t splits;
    int32_t value;           /* of a tree without splits: the first of its only leaf */
    int32_t target, targets; /* the first that its leaves speak for, and how many */
    int32_t points;          /* 4, 8, 16 or more: a multiple of 4 */
    int32_t table;           /* where its points stand in `points` and `weights` */
} Tree;

typedef struct {
    const Tree *trees;
    const Test *tests; /* by split */
    const Share *shares;
    const Sum *sums;
    const double *values;  /* zeros first, as many as targets */
    const double *points;  /* Gauss' points on (0, 1) */
    const double *weights; /* and weights */
    int64_t count;
    int32_t width;
    int32_t targets;
    int32_t most_splits; /* of a tree */
    int32_t most_points;
    int32_t mode; /* of all splits; -1 where they differ */
} Ensemble;

typedef double Lanes __attribute__((vector_size(32), aligned(8)));
typedef double Pair __attribute__((vector_size(16)));

typedef struct {
    Pair b, d; /* left and right: the factor of a child is b + t d */
} Factors;

/* Of one tree and row, by split; place 0 is of what is above the root, or below a leaf. */
typedef struct {
    Lanes *reach;   /* x V: the product of the path without the split's own feature */
    Lanes *without; /* x V: the inverse of the factor that its feature has down to the split */
    Lanes *below;   /* x V: sums of the leaves, of the products from the split on */
    Factors *factors;
    Pair *on;      /* of each edge 1 where the row keeps to the path in its feature */
    uint8_t *went; /* the side that the row goes to */
    int has_missing;
} Scratch;
#define ALL static inline __attribute__((always_inline))

ALL void test(const Test *tests, int32_t splits, const float *row, uint8_t *went, int mode,
              int has_missing)
{
    for (int32_t k = 0; k < splits; k++) {
        const float x = row[tests[k].feature], t = tests[k].threshold;
        int left;
        switch (mode < 0 ? tests[k].mode : mode) {
        case 0: left = x <= t; break;
        case 1: left = x < t; break;
        case 2: left = x >= t; break;
        case 3: left = x > t; break;
        case 4: left = x == t; break;
        default: left = x != t; break;
        }
        if (has_missing)
            left = (left & !isnan(x)) | (isnan(x) & tests[k].missing_left);
        went[k] = (uint8_t)!left;
    }
}

/* Which way a row goes is a coin's toss to the processor: nothing branches on it. */
ALL void carry_down(const Ensemble *e, const Tree *tree, Scratch *s, int V)
{
    static const Pair GOES[2] = {{1, 0}, {0, 1}};
    const Lanes *restrict t = (const Lanes *)(e->points + tree->table);
    const Lanes *restrict w = (const Lanes *)(e->weights + tree->table);
    const double *on_edge = (const double *)s->on, *factors = (const double *)s->factors;
    for (int q = 0; q < V; q++)
        s->reach[q] = w[q];
    s->factors[0] = (Factors){{1, 1}, {0, 0}};
    s->on[0] = (Pair){1, 1};
    for (int32_t k = 1; k <= tree->splits; k++) {
        const Share *p = e->shares + tree->split + k - 1;
        const double *above = factors + 4 * (int64_t)(p->above >> 1) + (p->above & 1);
        const double *edge = factors + 4 * (int64_t)(p->edge >> 1) + (p->edge & 1);
        const double on = on_edge[p->above], z = 1.0 + on * (above[0] - 1.0), b = edge[0];
        const double d = edge[2];
        const Pair shares = z * ((Pair){0, 1} + p->share * (Pair){1, -1});
        const Pair kept = on * GOES[s->went[k]];
        const Lanes *from = s->reach + (int64_t)(p->edge >> 1) * V;
        Lanes *reach = s->reach + (int64_t)k * V, *without = s->without + (int64_t)k * V;
        s->on[k] = kept;
        s->factors[k] = (Factors){shares, kept - on * shares};
        for (int q = 0; q < V; q++) {
            const Lanes inverse = 1.0 / (z + t[q] * (1.0 - z));
            without[q] = inverse;
            reach[q] = from[q] * ((b + t[q] * d) * inverse);
        }
    }
}

/* One target; `below` may be `reach`, for a sum is written where no product is read any more. */
ALL void sum_up(const Ensemble *e, const Tree *tree, const Scratch *s, Lanes *below,
                Lanes *restrict sums, int target, int V)
{
    const Lanes *restrict t = (const Lanes *)(e->points + tree->table);
    const double *values = e->values + target;
    Lanes *of_target = sums + (int64_t)(tree->target + target) * e->width * V;
    for (int q = 0; q < V; q++)
        below[q] = (Lanes){0};
    for (int32_t k = tree->splits; k >= 1; k--) {
        const Sum *p = e->sums + tree->split + k - 1;
        const Factors f = s->factors[k];
        const double left = values[p->value[0]], right = values[p->value[1]];
        const double gone = 1.0 - (f.b[0] + f.b[1]);
        const Lanes *to_left = below + (int64_t)p->child[0] * V;
        const Lanes *to_right = below + (int64_t)p->child[1] * V;
        const Lanes *without = s->without + (int64_t)k * V, *reach = s->reach + (int64_t)k * V;
        Lanes *here = below + (int64_t)k * V, *to = of_target + (int64_t)p->feature * V;
        for (int q = 0; q < V; q++) {
            const Lanes l = to_left[q] + left, r = to_right[q] + right;
            const Lanes slope = f.d[0] * l + f.d[1] * r;
            const Lanes found = (f.b[0] * l + f.b[1] * r + t[q] * slope) * without[q];
            to[q] += reach[q] * (slope - gone * found);
            here[q] = found;
        }
    }
}

ALL void tree_of(const Ensemble *e, const Tree *tree, const float *row, Scratch *s, Lanes *sums,
                 int V)
{
    const Test *tests = e->tests + tree->split;
    if (e->mode == 0 && !s->has_missing)
        test(tests, tree->splits, row, s->went + 1, 0, 0);
    else if (e->mode == 1 && !s->has_missing)
        test(tests, tree->splits, row, s->went + 1, 1, 0);
    else
        test(tests, tree->splits, row, s->went + 1, -1, 1);
    carry_down(e, tree, s, V);
    for (int32_t target = 0; target < tree->targets - 1; target++)
        sum_up(e, tree, s, s->below, sums, target, V);
    sum_up(e, tree, s, s->reach, sums, tree->targets - 1, V);
}

/* What the row itself is answered: the leaf that it comes to. */
static void answer(const Ensemble *e, const Tree *tree, const Scratch *s, double *out)
{
    int32_t value = tree->value;
    for (int32_t at = tree->splits > 0; at > 0;) {
        const Sum *p = e->sums + tree->split + at - 1;
        const int side = s->went[at];
        value = p->value[side];
        at = p->child[side];
    }
    for (int j = 0; j < tree->targets; j++)
        out[tree->target + j] += e->values[value + j];
}

/* Room, in doubles, that `lichen_shap` needs. */
int64_t lichen_shap_room(const Ensemble *e)
{
    const int64_t splits = e->most_splits + 1;
    const int64_t sums = (int64_t)e->targets * e->width;
    return (3 * splits + sums) * e->most_points + splits * (4 + 2 + 1) + 8;
}

/* `phi` has rows x targets x width doubles, `answers` rows x targets: both are added to. */
void lichen_shap(const Ensemble *e, const float *x, int64_t rows, double *room, double *phi,
                 double *answers)
{
    const int64_t splits = e->most_splits + 1, products = splits * e->most_points;
    const int64_t features = (int64_t)e->targets * e->width;
    double *const first = (double *)(((uintptr_t)room + 63) & ~(uintptr_t)63);
    double *const sums = first + 3 * products;
    double *const factors = sums + features * e->most_points, *const on = factors + splits * 4;
    Scratch s = {(Lanes *)first, (Lanes *)(first + products), (Lanes *)(first + 2 * products),
                 (Factors *)factors, (Pair *)on, (uint8_t *)(on + 2 * splits), 0};
    for (int64_t row = 0; row < rows; row++, x += e->width) {
        s.has_missing = 0;
        for (int32_t f = 0; f < e->width; f++)
            s.has_missing |= isnan(x[f]);
        for (int64_t at = 0; at < e->count;) {
            const int M = e->trees[at].points;
            memset(sums, 0, (size_t)(features * M) * sizeof(double));
            for (; at < e->count && e->trees[at].points == M; at++) { /* those of M together */
                const Tree *tree = e->trees + at;
                switch (M) {
                case 4: tree_of(e, tree, x, &s, (Lanes *)sums, 1); break;
                case 8: tree_of(e, tree, x, &s, (Lanes *)sums, 2); break;
                case 16: tree_of(e, tree, x, &s, (Lanes *)sums, 4); break;
                default: tree_of(e, tree, x, &s, (Lanes *)sums, M / 4); break;
                }
                answer(e, tree, &s, answers + row * e->targets);
            }
            for (int64_t f = 0; f < features; f++) {
                double sum = 0;
                for (int q = 0; q < M; q++)
                    sum += sums[f * M + q];
                phi[row * features + f] += sum;
            }
        }
    }
}
