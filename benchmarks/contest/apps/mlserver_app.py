"""MLServer's custom runtime: its NumPy codec on both sides."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from session import INPUT, OUTPUT, open_session


class Infer(MLModel):
    async def load(self) -> bool:
        self.session = open_session(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        values = NumpyCodec.decode_input(payload.inputs[0])
        (made,) = self.session.run([OUTPUT], {INPUT: values.astype(np.float32, copy=False)})
        told = NumpyCodec.encode_output(OUTPUT, made)
        return InferenceResponse(model_name=self.name, outputs=[told])
