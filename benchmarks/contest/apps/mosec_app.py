"""mosec: its Rust front, one worker process, dynamic batching, numbers through orjson."""

import os
from typing import Any

import numpy as np
import orjson
from mosec import Server, Worker
from session import INPUT, OUTPUT, open_session

MOST_REQUESTS, MOST_WAIT_MS = 16, 1


class Infer(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.session = open_session(os.environ["MODEL"])

    def deserialize(self, data: bytes) -> Any:
        given = orjson.loads(data)["inputs"][0]
        return np.array(given["data"], dtype=np.float32).reshape(given["shape"])

    def forward(self, data: list[Any]) -> list[Any]:
        (made,) = self.session.run([OUTPUT], {INPUT: np.concatenate(data)})
        return np.split(made, np.cumsum([len(one) for one in data])[:-1])

    def serialize(self, data: Any) -> bytes:
        told = {"name": OUTPUT, "datatype": "FP32", "shape": data.shape, "data": data.ravel()}
        return orjson.dumps({"outputs": [told]}, option=orjson.OPT_SERIALIZE_NUMPY)


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Infer,
        max_batch_size=MOST_REQUESTS,
        max_wait_time=MOST_WAIT_MS,
        route=os.environ["ROUTE"],
    )
    server.run()
