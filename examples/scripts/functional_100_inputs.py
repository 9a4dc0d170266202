"""A model of 100 inputs with a branch that is added back, as Keras' functional API builds it.

lichen data add signal signal.csv
lichen train script functional_100_inputs.py --data signal -- y --epochs 20
"""

import argparse

import numpy as np
import torch
from torch import nn

import lichen

run = lichen.run()
options = argparse.ArgumentParser()
options.add_argument("target")
options.add_argument("--epochs", type=int, default=20)
asked = options.parse_args(run.arguments)
torch.manual_seed(run.seed)
torch.set_num_threads(1)


class Functional(nn.Module):
    """`outputs = dense(add(dense(x), dense(dense(x))))`: no plain chain of layers."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.wide = nn.Linear(inputs, 64)
        self.deep = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64))
        self.out = nn.Linear(64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.wide(x) + self.deep(x)))


rows = run.dataset.arrays()
y = torch.tensor(rows.pop(asked.target), dtype=torch.float32)[:, None]
columns = list(rows)
x = torch.tensor(np.column_stack([rows[name] for name in columns]), dtype=torch.float32)
held_out = len(x) // 5

model = Functional(len(columns))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(asked.epochs):
    for batch in torch.randperm(len(x) - held_out).split(32):
        chosen = batch + held_out
        loss = nn.functional.mse_loss(model(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        score = nn.functional.mse_loss(model(x[:held_out]), y[:held_out]).item()
    run.log(step=epoch, mse=score)
    if run.should_stop:
        break

run.register(model, columns=columns, example=x[:2])
