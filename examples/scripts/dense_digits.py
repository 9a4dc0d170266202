"""A dense network on images of digits, by scikit-learn.

lichen data add digits digits.csv
lichen train script dense_digits.py --data digits -- digit
"""

import numpy as np
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import lichen

run = lichen.run()
target = run.arguments[0]
rows = run.dataset.arrays()
y = rows.pop(target).astype(int)
columns = list(rows)
x = np.column_stack([rows[name] for name in columns])
x_train, x_test, y_train, y_test = train_test_split(
    x, y, test_size=0.2, random_state=run.seed, stratify=y
)

model = make_pipeline(
    MinMaxScaler(),
    MLPClassifier(
        hidden_layer_sizes=(128, 64),
        batch_size=32,
        max_iter=15,
        early_stopping=True,
        random_state=run.seed,
    ),
)
model.fit(x_train, y_train)
for epoch, loss in enumerate(model[-1].loss_curve_):
    run.log(step=epoch, loss=loss)

probability = model.predict_proba(x_test)
run.register(
    model,
    columns=columns,
    metrics={
        "accuracy": accuracy_score(y_test, probability.argmax(axis=1)),
        "log loss": log_loss(y_test, probability),
    },
)
