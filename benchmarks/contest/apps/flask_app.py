"""Flask as its documentation writes it."""

import os
from typing import Any

import numpy as np
from flask import Flask, request
from session import INPUT, OUTPUT, open_session

app = Flask(__name__)
session = open_session(os.environ["MODEL"])


@app.post("/v2/models/<name>/infer")
def infer(name: str) -> dict[str, Any]:
    given = request.get_json()["inputs"][0]
    values = np.array(given["data"], dtype=np.float32).reshape(given["shape"])
    (made,) = session.run([OUTPUT], {INPUT: values})
    told = {"name": OUTPUT, "datatype": "FP32", "shape": made.shape, "data": made.ravel().tolist()}
    return {"outputs": [told]}
