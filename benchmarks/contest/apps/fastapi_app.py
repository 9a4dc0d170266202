"""FastAPI on uvicorn as its documentation writes it: typed body, typed answer, async handler."""

import os

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from session import INPUT, OUTPUT, open_session

app = FastAPI()
session = open_session(os.environ["MODEL"])


class Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class Asked(BaseModel):
    inputs: list[Tensor]


class Answered(BaseModel):
    outputs: list[Tensor]


@app.post("/v2/models/{name}/infer")
async def infer(name: str, asked: Asked) -> Answered:
    given = asked.inputs[0]
    values = np.array(given.data, dtype=np.float32).reshape(given.shape)
    (made,) = session.run([OUTPUT], {INPUT: values})
    told = Tensor(name=OUTPUT, datatype="FP32", shape=list(made.shape), data=made.ravel().tolist())
    return Answered(outputs=[told])
