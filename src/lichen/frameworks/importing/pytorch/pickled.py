"""What `torch.save` wrote, read where an administrator let it: unpickled, and converted at once."""

from typing import Any

from lichen.core.errors import Forbidden, InvalidInput
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.pytorch.answers import settled
from lichen.frameworks.importing.pytorch.exported import IT, converted_program, exported_anew
from lichen.frameworks.importing.pytorch.tensors import wished
from lichen.frameworks.importing.source import Source

_INSTEAD = (
    'save it by torch.export.save(torch.export.export(model, (example,)), "model.pt2"), or its '
    "weights as model.safetensors beside architecture.json"
)


def convert(source: Source, wishes: Wishes) -> Conversion:
    """A pickled module as ONNX, and what PyTorch answers; it is run in the very same process.

    Raises:
        Forbidden: nobody let it be unpickled.
        InvalidInput: it is no whole module, its class is not to be had, or nobody said what it
            takes.
    """
    if not wishes.may_unpickle:
        raise Forbidden(f"it is a pickle: {_INSTEAD}")
    with settled() as torch:
        module = _module(torch, source)
        if not wishes.inputs:
            raise InvalidInput(
                "it does not say what it takes: import it with --input "
                "NAME:DATATYPE:SHAPE for each tensor, such as --input x:FP32:-1,3,224,224"
            )
        taken = wished(wishes.inputs)
        program = exported_anew(torch, module.float().eval(), taken)
        return converted_program(torch, program, IT, type(module).__name__)


def _module(torch: Any, source: Source) -> Any:  # noqa: ANN401 - torch's own types
    try:
        found = torch.load(source.path(source.only or ""), map_location="cpu", weights_only=False)
    except Exception as error:  # whatever the author's code raises
        said = str(error).strip().partition("\n")[0][:200]
        raise InvalidInput(
            f"it cannot be unpickled here ({said}), its classes may be its author's: "
            f"where the model was made, {_INSTEAD}"
        ) from error
    if isinstance(found, torch.nn.Module):
        return found
    kind = "weights alone" if isinstance(found, dict) else f"a {type(found).__name__}"
    raise InvalidInput(f"it holds {kind} and no module: where the model was made, {_INSTEAD}")
