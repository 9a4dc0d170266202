"""A binary classifier of 128, 64 and 1 units, as tutorials build it with a Keras `Sequential`.

lichen data add cancer cancer.csv
lichen train script keras_style_classifier.py --data cancer -- malignant --epochs 30
"""

import argparse

import numpy as np
import torch
from torch import nn

import lichen

run = lichen.run()
options = argparse.ArgumentParser()
options.add_argument("target")
options.add_argument("--epochs", type=int, default=30)
options.add_argument("--batch-size", type=int, default=32)
options.add_argument("--learning-rate", type=float, default=1e-3)
asked = options.parse_args(run.arguments)
torch.manual_seed(run.seed)
torch.set_num_threads(1)

rows = run.dataset.arrays()
y = torch.tensor(rows.pop(asked.target), dtype=torch.float32)[:, None]
columns = list(rows)
x = np.column_stack([rows[name] for name in columns])
order = np.random.default_rng(run.seed).permutation(len(x))
test, train = np.split(order, [len(x) // 5])
centre, scale = x[train].mean(axis=0), x[train].std(axis=0)
z = torch.tensor((x - centre) / scale, dtype=torch.float32)

model = nn.Sequential(
    nn.Linear(len(columns), 128),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 1),
    nn.Sigmoid(),
)
loss_of = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=asked.learning_rate)

for epoch in range(asked.epochs):
    model.train()
    for batch in torch.randperm(len(train)).split(asked.batch_size):
        chosen = train[batch.numpy()]
        loss = loss_of(model(z[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = ((model(z[test]) > 0.5) == (y[test] > 0.5)).float().mean().item()
    run.log(step=epoch, loss=loss.item(), accuracy=accuracy)
    run.progress((epoch + 1) / asked.epochs)
    if run.should_stop:
        break

with torch.no_grad():  # the first layer takes the plain columns from here on
    first = model[0]
    first.bias -= first.weight @ torch.tensor(centre / scale, dtype=torch.float32)
    first.weight /= torch.tensor(scale, dtype=torch.float32)

run.register(model, columns=columns, classes=["other", asked.target])
