/* Sums of decision trees for float32 rows: the compiled runtime, built on the machine that serves.
 *
 * A row steps down a tree without branches: a leaf leads to itself, so every row of a tree takes as
 * many steps as the tree is deep. LANES rows of one tree, or LANES trees of one row, step side by
 * side, which hides the latency of each. Trees are summed in one order whatever the batch, in
 * double, so a row's answer does not depend on what it ran with.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8

typedef struct {
    float threshold;
    int32_t feature;
    int32_t left; /* the right child follows it; a leaf names itself */
    float value;
} Node;

typedef struct {
    const Node *nodes;
    const uint8_t *missing_left; /* by node: where a missing value goes */
    const int32_t *roots;        /* by tree, those of one target together, flat ones first */
    const int32_t *depths;
    const int32_t *first; /* by target: its first tree; one more at the end */
    const double *base;   /* by target */
    int32_t targets;
    int32_t width; /* features of a row */
    int32_t is_strict; /* a row goes left where x < threshold, not where x <= threshold */
    int32_t link; /* 0 none, 1 logistic, 2 exponential, 3 softmax over the targets */
} Forest;

#define GOES_RIGHT(x, q) (is_strict ? !((x) < (q)->threshold) : !((x) <= (q)->threshold))

static inline __attribute__((always_inline)) void
sum_lanes(const Forest *forest, const float *restrict rows, double *restrict out, int is_strict)
{
    const Node *restrict nodes = forest->nodes;
    const int32_t width = forest->width;
    for (int32_t target = 0; target < forest->targets; target++) {
        double sums[LANES] = {0};
        for (int32_t tree = forest->first[target]; tree < forest->first[target + 1]; tree++) {
            uint32_t at[LANES];
            for (int lane = 0; lane < LANES; lane++)
                at[lane] = forest->roots[tree];
            for (int32_t step = forest->depths[tree]; step > 0; step--)
                for (int lane = 0; lane < LANES; lane++) {
                    const Node *q = nodes + at[lane];
                    at[lane] = q->left + GOES_RIGHT(rows[lane * width + q->feature], q);
                }
            for (int lane = 0; lane < LANES; lane++)
                sums[lane] += nodes[at[lane]].value;
        }
        for (int lane = 0; lane < LANES; lane++)
            out[lane * forest->targets + target] = sums[lane] + forest->base[target];
    }
}

static inline __attribute__((always_inline)) void
sum_one(const Forest *forest, const float *restrict row, double *restrict out, int is_strict)
{
    const Node *restrict nodes = forest->nodes;
    for (int32_t target = 0; target < forest->targets; target++) {
        const int32_t end = forest->first[target + 1];
        int32_t tree = forest->first[target];
        double sum = 0;
        for (; tree + LANES <= end; tree += LANES) {
            uint32_t at[LANES];
            for (int lane = 0; lane < LANES; lane++)
                at[lane] = forest->roots[tree + lane];
            for (int32_t step = forest->depths[tree + LANES - 1]; step > 0; step--)
                for (int lane = 0; lane < LANES; lane++) {
                    const Node *q = nodes + at[lane];
                    at[lane] = q->left + GOES_RIGHT(row[q->feature], q);
                }
            for (int lane = 0; lane < LANES; lane++)
                sum += nodes[at[lane]].value;
        }
        for (; tree < end; tree++) {
            uint32_t at = forest->roots[tree];
            for (int32_t step = forest->depths[tree]; step > 0; step--)
                at = nodes[at].left + GOES_RIGHT(row[nodes[at].feature], nodes + at);
            sum += nodes[at].value;
        }
        out[target] = sum + forest->base[target];
    }
}

/* A row with missing values: the slow way, for they are rare. */
static void sum_missing(const Forest *forest, const float *row, double *out)
{
    const Node *nodes = forest->nodes;
    for (int32_t target = 0; target < forest->targets; target++) {
        double sum = 0;
        for (int32_t tree = forest->first[target]; tree < forest->first[target + 1]; tree++) {
            uint32_t at = forest->roots[tree];
            while (nodes[at].left != (int32_t)at) {
                const float x = row[nodes[at].feature];
                const float t = nodes[at].threshold;
                const int left = forest->is_strict ? x < t : x <= t;
                at = nodes[at].left + !(isnan(x) ? forest->missing_left[at] : left);
            }
            sum += nodes[at].value;
        }
        out[target] = sum + forest->base[target];
    }
}

static void linked(int32_t link, int32_t targets, const double *sums, float *out)
{
    double most = sums[0], total = 0;
    for (int32_t target = 1; target < targets; target++)
        most = sums[target] > most ? sums[target] : most;
    if (link == 3)
        for (int32_t target = 0; target < targets; target++)
            total += exp(sums[target] - most);
    for (int32_t target = 0; target < targets; target++) {
        const double sum = sums[target];
        out[target] = (float)(link == 0   ? sum
                              : link == 1 ? 1 / (1 + exp(-sum))
                              : link == 2 ? exp(sum)
                                          : exp(sum - most) / total);
    }
}

static int has_missing(const float *rows, int64_t count)
{
    int found = 0;
    for (int64_t at = 0; at < count; at++)
        found |= rows[at] != rows[at];
    return found;
}

/* `sums` has room for LANES * targets doubles; `out` for rows * targets floats. */
void lichen_predict(const Forest *forest, const float *x, int64_t rows, double *sums, float *out)
{
    const int32_t width = forest->width, targets = forest->targets;
    while (rows > 0) {
        int64_t taken = rows >= LANES ? LANES : 1;
        if (has_missing(x, taken * width)) {
            taken = 1;
            sum_missing(forest, x, sums);
        } else if (taken == LANES && forest->is_strict)
            sum_lanes(forest, x, sums, 1);
        else if (taken == LANES)
            sum_lanes(forest, x, sums, 0);
        else if (forest->is_strict)
            sum_one(forest, x, sums, 1);
        else
            sum_one(forest, x, sums, 0);
        for (int64_t row = 0; row < taken; row++)
            linked(forest->link, targets, sums + row * targets, out + row * targets);
        x += taken * width;
        out += taken * targets;
        rows -= taken;
    }
}
