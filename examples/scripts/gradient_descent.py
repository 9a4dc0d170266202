"""Linear regression by gradient descent, in NumPy: the first program of many courses.

lichen data add diabetes diabetes.csv
lichen train script gradient_descent.py --data diabetes -- progression --steps 2000
"""

import argparse

import numpy as np

import lichen

run = lichen.run()
options = argparse.ArgumentParser()
options.add_argument("target")
options.add_argument("--steps", type=int, default=2000)
options.add_argument("--learning-rate", type=float, default=0.1)
asked = options.parse_args(run.arguments)

rows = run.dataset.arrays()
y = rows.pop(asked.target)
columns = list(rows)
x = np.column_stack([rows[name] for name in columns])
centre, scale = x.mean(axis=0), x.std(axis=0)
z = (x - centre) / scale

weights, bias, first = np.zeros(z.shape[1]), 0.0, 0
kept = run.restore("weights")
if kept is not None:  # the run was paused: it goes on where it was
    bias, first, *weights = np.frombuffer(kept)
    weights, first = np.array(weights), int(first)

for step in range(first, asked.steps):
    residual = z @ weights + bias - y
    if step % 100 == 0:
        run.log(step=step, mse=np.mean(residual**2))
        run.progress(step / asked.steps)
        if run.should_stop:
            run.checkpoint("weights", np.array([bias, step, *weights]).tobytes())
            raise SystemExit
    weights -= asked.learning_rate * (z.T @ residual) / len(y)
    bias -= asked.learning_rate * residual.mean()

residual = z @ weights + bias - y
print(f"R2 on the rows it was fitted on: {1 - residual.var() / y.var():.3f}")
print(f"{run.energy.joules:.3f} J so far" if run.energy else "nothing meters this")

# the same model on the plain columns, so that raw rows can be sent
run.register(
    (weights / scale, bias - (weights * centre / scale).sum()),
    columns=columns,
    metrics={"mse": np.mean(residual**2)},
)
