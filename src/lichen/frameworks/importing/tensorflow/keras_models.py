"""`.keras` and `.h5`: looked through, loaded by Keras itself, and converted."""

import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.source import Source, opened_zip, zip_member
from lichen.frameworks.importing.tensorflow.configurations import LARGEST_CONFIG, parsed
from lichen.frameworks.importing.tensorflow.conversions import converted
from lichen.frameworks.importing.tensorflow.graphs import Graph
from lichen.frameworks.importing.tensorflow.hdf5 import check_hdf5
from lichen.frameworks.importing.tensorflow.layers import check_layers
from lichen.frameworks.importing.tensorflow.recognition import (
    CONFIG_MEMBER,
    WEIGHTS_MEMBER,
    check_archive,
)
from lichen.frameworks.importing.tensorflow.runtime import reason, tensorflow
from lichen.frameworks.importing.tensorflow.trials import Asked

_REGRESSION = ("mse", "mean_squared", "mae", "mean_absolute", "huber", "log_cosh", "logcosh")


def convert_keras(source: Source, _wishes: Wishes) -> Conversion:
    """A `.keras` archive as ONNX.

    Raises:
        InvalidInput: it is damaged, holds code or classes of its author's own, or something that
            ONNX does not have.
    """
    name = source.names[0]
    check_archive(source, name)
    with opened_zip(source.path(name)) as archive:
        config = parsed(zip_member(archive, CONFIG_MEMBER, LARGEST_CONFIG), source.name)
        weights = zip_member(archive, WEIGHTS_MEMBER)
    check_layers(config)
    check_hdf5(io.BytesIO(weights), f"{WEIGHTS_MEMBER} in {source.name}", len(weights))
    return _converted(source, ".keras", config)


def convert_hdf5(source: Source, _wishes: Wishes) -> Conversion:
    """A whole model in HDF5, as Keras wrote it before `.keras`.

    Raises:
        InvalidInput: as of `convert_keras`; or there are weights alone in it.
    """
    path = source.path(source.names[0])
    said = check_hdf5(path, source.name, path.stat().st_size)
    if said is None:
        raise InvalidInput(
            f"{source.name} holds no model_config: it is weights alone, or no file of Keras; save "
            "the whole model (model.save), not its weights"
        )
    config = parsed(said.encode(), source.name)
    check_layers(config)  # before TensorFlow is loaded, which takes seconds
    check_layers(config, set(_operations()) | _known_classes())
    return _converted(source, ".h5", config)


def _known_classes() -> set[str]:
    """What HDF5's configurations, which state no module, may name."""
    tensorflow()
    import keras

    homes = (keras.layers, keras.models, keras.initializers, keras.regularizers, keras.constraints)
    kinds = {name for home in homes for name, one in vars(home).items() if isinstance(one, type)}
    return kinds | {"Functional", "DTypePolicy", "Policy"}


def _operations() -> dict[str, Any]:
    """Keras's own operations as layers: HDF5 names them without their module."""
    tensorflow()
    import keras
    from keras.src import ops
    from keras.src.ops.operation import Operation

    found = {}
    for home in ("numpy", "core", "nn", "math", "linalg", "image", "einops"):
        for name, one in vars(getattr(ops, home, None) or object).items():
            if isinstance(one, type) and issubclass(one, Operation):
                layer = getattr(keras.layers, name, None)
                found[name] = one if layer is None else _either(layer, one)
    return found


def _either(layer: Any, operation: Any) -> type:  # noqa: ANN401 - classes of Keras
    """`Add` is a layer, and an operation: only a layer can be trained."""

    def from_config(_cls: type, config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
        return (layer if "trainable" in config else operation).from_config(config)

    return type(layer.__name__, (), {"from_config": classmethod(from_config)})


def _converted(source: Source, suffix: str, config: Mapping[str, Any]) -> Conversion:
    model = _loaded(source, suffix)
    graph = _graph(model, source.name)
    asked = [
        Asked(name, np.dtype(_numpy_name(one.dtype)), tuple(one.shape))
        for name, one in zip(graph.inputs, model.inputs, strict=True)
    ]
    return converted(
        graph,
        asked,
        source.name,
        algorithm=type(model).__name__,
        task=_task(config, graph, model),
        parameters={"weights": int(model.count_params())},
    )


def _loaded(source: Source, suffix: str) -> Any:  # noqa: ANN401 - a Keras model
    tensorflow()
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"  # Keras goes by the name
        shutil.copyfile(source.path(source.names[0]), path)
        own = None if suffix == ".keras" else _operations()
        try:
            model = keras.saving.load_model(path, custom_objects=own, compile=False, safe_mode=True)
        except Exception as error:  # of all kinds: whatever a configuration leads to
            raise InvalidInput(f"Keras does not read {source.name}: {reason(error)}") from error
    if not getattr(model, "inputs", None) or not model.built:
        raise InvalidInput(
            f"{source.name} does not say what it takes: build it with keras.Input before it is "
            "saved"
        )
    return model


def _graph(model: Any, name: str) -> Graph:  # noqa: ANN401 - a Keras model
    """Its prediction as one function of its inputs in order."""
    tf = tensorflow()
    import keras

    inputs = _unique([one.name.split(":")[0] for one in model.inputs])
    structure = getattr(model, "_inputs_struct", None)

    def predict(*given: Any) -> Any:  # noqa: ANN401 - tensors
        fed = given[0] if structure is None else keras.tree.pack_sequence_as(structure, given)
        return keras.tree.flatten(model(fed, training=False))

    specs = [
        tf.TensorSpec(one.shape, one.dtype, name=f"input_{place}")
        for place, one in enumerate(model.inputs)
    ]
    module = tf.Module()
    module.model = model
    try:
        function = tf.function(predict, input_signature=specs).get_concrete_function()
    except Exception as error:  # as above
        raise InvalidInput(f"Keras cannot run {name}: {reason(error)}") from error
    return Graph(module, function, tuple(inputs), tuple(_output_names(model, function)))


def _output_names(model: Any, function: Any) -> list[str]:  # noqa: ANN401 - a Keras model
    """Keys where it answers a record, else the layers that answer."""
    struct = getattr(model, "_outputs_struct", None)
    if isinstance(struct, dict) and len(struct) == len(function.outputs):
        return sorted(struct)
    histories = [getattr(one, "_keras_history", None) for one in model.outputs]
    names = [one[0].name if one else f"output_{place}" for place, one in enumerate(histories)]
    return _unique(names)


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        count = sum(one == name or one.startswith(f"{name}:") for one in found)
        found.append(f"{name}:{count}" if count else name)
    return found


def _numpy_name(dtype: str) -> str:
    return "object" if dtype == "string" else dtype


def _task(config: Mapping[str, Any], graph: Graph, model: Any) -> str:  # noqa: ANN401 - as above
    """Classification where its one answer is a softmax; regression where its loss was of one."""
    if len(graph.outputs) != 1:
        return "inference"
    last = model.outputs[0]._keras_history[0]  # noqa: SLF001 - the layer that answers
    activation = getattr(getattr(last, "activation", None), "__name__", type(last).__name__)
    if activation.lower() == "softmax" and len(model.outputs[0].shape) == 2:
        return "classification"
    loss = str((config.get("compile_config") or {}).get("loss") or "").lower()
    return "regression" if loss.startswith(_REGRESSION) else "inference"
