"""LitServe as it comes: one worker, no batching, which cost a third less than its batches did."""

import os
import sys
from typing import Any

import litserve
import numpy as np
from session import INPUT, OUTPUT, open_session


class Infer(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.session = open_session(os.environ["MODEL"])

    def decode_request(self, request: dict[str, Any]) -> Any:
        given = request["inputs"][0]
        return np.array(given["data"], dtype=np.float32).reshape(given["shape"])

    def predict(self, values: Any) -> Any:
        return self.session.run([OUTPUT], {INPUT: values})[0]

    def encode_response(self, output: Any) -> dict[str, Any]:
        told = {
            "name": OUTPUT,
            "datatype": "FP32",
            "shape": output.shape,
            "data": output.ravel().tolist(),
        }
        return {"outputs": [told]}


if __name__ == "__main__":
    port, path = int(sys.argv[1]), sys.argv[2]
    server = litserve.LitServer(Infer(api_path=path), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=port,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
