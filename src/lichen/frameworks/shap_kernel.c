/* Path-dependent Shapley values of sums of trees, exactly (Lundberg et al., 2020, "From local
 * explanations to global understanding with explainable AI for trees").
 *
 * Of a leaf with value v, let each feature on its path have o = 1 where the row keeps to the path,
 * else 0, and z the share of the cover that does. A set S of features is worth v times the product
 * of o over S and of z over the others, and the Shapley value of a product is an integral:
 *     phi_i = v (o_i - z_i) * integral over t in [0, 1] of the product over j != i of
 *             t o_j + (1 - t) z_j
 * It is a polynomial of t, so Gauss' points give it exactly: M of them for 2 M features on a path.
 * Down a tree the products are carried to the leaves, up it their sums; where a feature comes again
 * on a path, its earlier share is taken out (as Yu, Bifet, Read and Xu, 2022, "Linear TreeSHAP").
 * So a row costs M multiplications or so a node.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    double z[2];    /* merged shares of this feature down to each child, left and right */
    double share[2]; /* of this split alone */
    double z_above; /* as `z` down to the node `above`; 1 without one */
    float threshold;
    int32_t feature;
    int32_t node;
    int32_t left;  /* the right child follows it */
    int32_t next_left, next_right; /* the split of each child; of a leaf -1 - its number */
    int32_t above; /* the node whose edge split on this feature before; nodes of the tree: none */
    uint8_t mode;  /* left where x is: 0 <=, 1 <, 2 >=, 3 >, 4 ==, 5 != threshold */
    uint8_t missing_left;
} Split;

typedef struct {
    int32_t node;
    int32_t value; /* its first value */
} Leaf;

typedef struct {
    int64_t split, splits; /* its first split, parents before children, and how many */
    int64_t leaf, leaves;
    int32_t target, targets; /* the first that its leaves speak for, and how many */
    int32_t points;          /* 4, 8, 16 or more: a multiple of 4 */
    int32_t table;           /* where its points stand in `points` and `weights` */
} Tree;

typedef struct {
    const Tree *trees;
    const Split *splits;
    const Leaf *leaves;
    const double *values;
    const double *points;  /* Gauss' points on (0, 1) */
    const double *weights; /* and weights */
    int64_t count;
    int32_t width;
    int32_t targets;
    int64_t most_nodes; /* of a tree */
    int32_t most_points;
    int32_t most_targets; /* of a tree */
} Ensemble;

static inline int goes_left(const Split *s, const float *row)
{
    const float x = row[s->feature], t = s->threshold;
    if (isnan(x))
        return s->missing_left;
    switch (s->mode) {
    case 0: return x <= t;
    case 1: return x < t;
    case 2: return x >= t;
    case 3: return x > t;
    case 4: return x == t;
    default: return x != t;
    }
}

typedef double Lanes __attribute__((vector_size(32), aligned(8)));

typedef struct {
    Lanes *down;    /* nodes x V: the product of a path */
    Lanes *inverse; /* nodes + 1 x V: of the factor of a node's feature where the row keeps to it */
    Lanes *up;      /* nodes x targets x V: sums of the leaves below */
    double *on;     /* nodes + 1: 1 where the row keeps to the path in the feature of the last edge */
    uint8_t *went;  /* splits: which way the row goes */
} Scratch;

/* Nothing here branches on what a row does: which way it goes is a coin's toss to the processor.
 * `above` of a split without one is the place after the last node: kept to, with a factor of 1. */
static inline __attribute__((always_inline)) void
carry_down(const Ensemble *e, const Tree *tree, const float *row, Scratch *s, int V)
{
    const Lanes *restrict t = (const Lanes *)(e->points + tree->table);
    const int64_t none = tree->splits + tree->leaves;
    for (int q = 0; q < V; q++)
        s->down[q] = s->inverse[none * V + q] = (Lanes){1, 1, 1, 1};
    s->on[none] = 1;
    for (int64_t k = 0; k < tree->splits; k++) {
        const Split *p = e->splits + tree->split + k;
        const int cold = goes_left(p, row), hot = !cold; /* sides: 0 left, 1 right */
        const double on = s->on[p->above], off = 1.0 - on;
        const double z_hot = p->z[hot], z_cold = p->z[cold] * on;
        const double share_hot = off * p->share[hot], share_cold = off * p->share[cold];
        const Lanes *here = s->down + (int64_t)p->node * V;
        const Lanes *above = s->inverse + (int64_t)p->above * V;
        Lanes *to_hot = s->down + ((int64_t)p->left + hot) * V;
        Lanes *to_cold = s->down + ((int64_t)p->left + cold) * V;
        Lanes *inverse = s->inverse + ((int64_t)p->left + hot) * V;
        s->went[k] = (uint8_t)cold;
        s->on[p->left + hot] = on;
        s->on[p->left + cold] = 0;
        for (int q = 0; q < V; q++) {
            const Lanes rest = 1.0 - t[q], factor = t[q] + rest * z_hot;
            inverse[q] = 1.0 / factor;
            to_hot[q] = here[q] * (above[q] * factor * on + share_hot);
            to_cold[q] = here[q] * (above[q] * rest * z_cold + share_cold);
        }
    }
}

static inline __attribute__((always_inline)) void
sum_up(const Ensemble *e, const Tree *tree, Scratch *s, Lanes *up, Lanes *restrict sums, int V,
       int T)
{
    const Lanes *restrict t = (const Lanes *)(e->points + tree->table);
    Lanes against_rest[V];
    for (int q = 0; q < V; q++)
        against_rest[q] = -1.0 / (1.0 - t[q]);
    for (int64_t k = 0; k < tree->leaves; k++) {
        const Leaf *leaf = e->leaves + tree->leaf + k;
        const Lanes *here = s->down + (int64_t)leaf->node * V;
        Lanes *to = up + (int64_t)leaf->node * T * V;
        for (int j = 0; j < T; j++)
            for (int q = 0; q < V; q++)
                to[j * V + q] = here[q] * e->values[leaf->value + j];
    }
    for (int64_t k = tree->splits - 1; k >= 0; k--) {
        const Split *p = e->splits + tree->split + k;
        const int cold = s->went[k], hot = !cold;
        const double on = s->on[p->above], left_hot = (1.0 - p->z[hot]) * on;
        const double left_above = (1.0 - p->z_above) * on;
        const Lanes *above = s->inverse + (int64_t)p->above * V;
        const Lanes *inverse = s->inverse + ((int64_t)p->left + hot) * V;
        Lanes of_hot[V], of_cold[V];
        for (int q = 0; q < V; q++) {
            const Lanes before = above[q] * left_above;
            of_hot[q] = inverse[q] * left_hot - before;
            of_cold[q] = against_rest[q] * on - before;
        }
        const Lanes *to_hot = up + ((int64_t)p->left + hot) * T * V;
        const Lanes *to_cold = up + ((int64_t)p->left + cold) * T * V;
        Lanes *here = up + (int64_t)p->node * T * V;
        Lanes *to = sums + ((int64_t)tree->target * e->width + p->feature) * V;
        for (int j = 0; j < T; j++, to += (int64_t)e->width * V)
            for (int q = 0; q < V; q++) {
                const Lanes of = to_hot[j * V + q], against = to_cold[j * V + q];
                to[q] += of * of_hot[q] + against * of_cold[q];
                here[j * V + q] = of + against;
            }
    }
}

static inline __attribute__((always_inline)) void
tree_of(const Ensemble *e, const Tree *tree, const float *row, Scratch *s, Lanes *sums, int V)
{
    carry_down(e, tree, row, s, V);
    if (tree->targets == 1)
        sum_up(e, tree, s, s->down, sums, V, 1); /* a node's sum may stand where its product did */
    else
        sum_up(e, tree, s, s->up, sums, V, tree->targets);
}

/* What the row itself is answered: the leaf that it comes to. */
static void answer(const Ensemble *e, const Tree *tree, const Scratch *s, double *out)
{
    int64_t at = tree->splits ? 0 : -1;
    while (at >= 0) {
        const Split *p = e->splits + tree->split + at;
        at = s->went[at] ? p->next_left : p->next_right;
    }
    const Leaf *leaf = e->leaves + tree->leaf + ~at;
    for (int j = 0; j < tree->targets; j++)
        out[tree->target + j] += e->values[leaf->value + j];
}

/* Room, in doubles, that `lichen_shap` needs. */
int64_t lichen_shap_room(const Ensemble *e)
{
    const int64_t products = (e->most_nodes + 1) * e->most_points;
    const int64_t sums = (int64_t)e->targets * e->width * e->most_points;
    return products * (2 + e->most_targets) + sums + 2 * (e->most_nodes + 1) + 8;
}

/* `phi` has rows x targets x width doubles, `answers` rows x targets: both are added to. */
void lichen_shap(const Ensemble *e, const float *x, int64_t rows, double *room, double *phi,
                 double *answers)
{
    const int64_t products = (e->most_nodes + 1) * e->most_points;
    const int64_t features = (int64_t)e->targets * e->width;
    double *const first = (double *)(((uintptr_t)room + 31) & ~(uintptr_t)31);
    double *const sums = first + products * (2 + e->most_targets);
    double *const on = sums + features * e->most_points;
    Scratch s = {(Lanes *)first, (Lanes *)(first + products), (Lanes *)(first + 2 * products), on,
                 (uint8_t *)(on + e->most_nodes + 1)};
    for (int64_t row = 0; row < rows; row++, x += e->width) {
        for (int64_t at = 0; at < e->count;) {
            const int M = e->trees[at].points, table = e->trees[at].table;
            memset(sums, 0, (size_t)(features * M) * sizeof(double));
            for (; at < e->count && e->trees[at].points == M; at++) { /* those of M together */
                const Tree *tree = e->trees + at;
                switch (M) {
                case 4: tree_of(e, tree, x, &s, (Lanes *)sums, 1); break;
                case 8: tree_of(e, tree, x, &s, (Lanes *)sums, 2); break;
                default: tree_of(e, tree, x, &s, (Lanes *)sums, M / 4); break;
                }
                answer(e, tree, &s, answers + row * e->targets);
            }
            for (int64_t f = 0; f < features; f++) {
                double sum = 0;
                for (int q = 0; q < M; q++)
                    sum += sums[f * M + q] * e->weights[table + q];
                phi[row * features + f] += sum;
            }
        }
    }
}
