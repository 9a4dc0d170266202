"""FastAPI with its typing passed by: the raw body through orjson, and a ready response."""

import os

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from session import INPUT, OUTPUT, open_session

app = FastAPI()
session = open_session(os.environ["MODEL"])


@app.post("/v2/models/{name}/infer")
async def infer(name: str, request: Request) -> Response:
    given = orjson.loads(await request.body())["inputs"][0]
    values = np.array(given["data"], dtype=np.float32).reshape(given["shape"])
    (made,) = session.run([OUTPUT], {INPUT: values})
    told = {"name": OUTPUT, "datatype": "FP32", "shape": made.shape, "data": made.ravel()}
    content = orjson.dumps({"outputs": [told]}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, media_type="application/json")
