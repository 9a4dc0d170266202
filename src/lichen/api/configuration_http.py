"""What Triton's clients ask beside inference: a model's configuration, and memory to share.

A configuration is told as Triton tells it, as far as there is something to tell. Shared memory is
refused: a region is named by whoever knows its name, and a caller is not on this machine anyway.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.oip_http import PLATFORM, Door, answered, bound, readable
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.oip import ModelConfiguration, TensorConfiguration

_json = msgspec.json.Encoder().encode


def configuration_routes(door: Door, batch_rows: int) -> list[Route]:
    """The paths of the model configuration extension, and of the one that is refused.

    Args:
        door: where they are asked.
        batch_rows: the most rows that run together.
    """

    async def configuration(request: Request, door: Door) -> Response:
        served = readable(request, door)
        said = model_configuration(served.deployment.name, served.signature, batch_rows)
        return answered(_json(said))

    paths = ("/v2/models/{name}/config", "/v2/models/{name}/versions/{version}/config")
    shared = ("/v2/systemsharedmemory/{path:path}", "/v2/cudasharedmemory/{path:path}")
    return [
        *(Route(path, bound(configuration, door)) for path in paths),
        *(Route(path, bound(_no_memory, door), methods=["GET", "POST"]) for path in shared),
    ]


def model_configuration(name: str, signature: Signature, batch_rows: int) -> ModelConfiguration:
    """A deployment as Triton's configuration: `dims` are without the batch where there is one."""
    specs = (*signature.inputs, *signature.outputs)
    has_rows = all(spec.shape[:1] == (-1,) for spec in specs)
    return ModelConfiguration(
        name,
        PLATFORM,
        PLATFORM,
        batch_rows if has_rows else 0,
        [_tensor(spec, has_rows=has_rows) for spec in signature.inputs],
        [_tensor(spec, has_rows=has_rows) for spec in signature.outputs],
    )


def _tensor(spec: TensorSpec, *, has_rows: bool) -> TensorConfiguration:
    word = "STRING" if spec.datatype is Datatype.BYTES else spec.datatype.value
    dims = list(spec.shape[1:] if has_rows else spec.shape)
    return TensorConfiguration(spec.name, f"TYPE_{word}", dims or [1], spec.optional)


async def _no_memory(_: Request, __: Door) -> Response:
    raise InvalidInput(
        "memory cannot be shared with this server: send tensors in the body, best in the binary "
        "form"
    )
