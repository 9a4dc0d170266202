"""Operations that tf2onnx lacks, or converts to what ONNX Runtime does not run."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput

Handler = tuple[Callable[..., None], list[Any]]
Tables = Mapping[Any, tuple[Any, Any]]
"""Keys and values of each table of a graph, by the name that its lookups share."""
_ML_DOMAIN = "ai.onnx.ml"


def operators(tables: Tables) -> dict[str, Handler]:
    """What tf2onnx is told to do in its stead, in its own form."""
    return {
        "Erfc": (partial(_with_one, "Erf"), []),
        "Expm1": (partial(_with_one, "Exp"), []),
        "Bitcast": (_sign_of, []),
        "Bucketize": (_bucketize, []),
        "LookupTableFindV2": (partial(_lookup, tables), []),
    }


def _with_one(inner: str, context: Any, node: Any, _name: str, _arguments: Any) -> None:  # noqa: ANN401 - tf2onnx's own types
    """`1 - erf(x)`, of GELU; `exp(x) - 1`, of CELU."""
    shape, kind = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    inside, outputs, name = node.input[0], node.output, str(node.name)
    context.remove_node(name)
    made = context.make_node(inner, [inside], name=f"{name}_{inner}", shapes=[shape], dtypes=[kind])
    one = context.make_const(f"{name}_one", np.ones((), dtype=np.float32)).output[0]
    terms = [one, made.output[0]] if inner == "Erf" else [made.output[0], one]
    context.make_node("Sub", terms, outputs=outputs, name=name, shapes=[shape], dtypes=[kind])


def _sign_of(context: Any, node: Any, _name: str, _arguments: Any) -> None:  # noqa: ANN401 - as above
    """Bits of a number, all as its sign: Keras's argmax looks for -0.0 so. The trial judges."""
    from onnx import TensorProto

    consumers = context.find_output_consumers(node.output[0])
    if any(one.type not in ("Less", "BitwiseAnd") for one in consumers):
        raise InvalidInput(f"{node.name} reads the bits of numbers, for which ONNX has no operator")
    shape, kind = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    inside, outputs, name = node.input[0], node.output, str(node.name)
    context.remove_node(name)
    zero = context.make_const(f"{name}_zero", np.zeros((), dtype=np.float32)).output[0]

    def step(operator: str, given: list[str], called: str, kind: int) -> str:
        called = f"{name}_{called}"
        made = context.make_node(operator, given, name=called, shapes=[shape], dtypes=[kind])
        return str(made.output[0])

    inverse = step("Reciprocal", [inside], "inverse", TensorProto.FLOAT)  # of -0.0 it is -inf
    below = step("Less", [inside, zero], "below", TensorProto.BOOL)
    minus = step("Less", [inverse, zero], "minus", TensorProto.BOOL)
    either = step("Or", [minus, below], "either", TensorProto.BOOL)
    number = context.make_node(
        "Cast", [either], name=f"{name}_Cast", shapes=[shape], dtypes=[kind], attr={"to": kind}
    )
    context.make_node(
        "Neg", number.output, outputs=outputs, name=name, shapes=[shape], dtypes=[kind]
    )


def _bucketize(context: Any, node: Any, _name: str, _arguments: Any) -> None:  # noqa: ANN401 - as above
    """How many boundaries a number reaches."""
    from onnx import TensorProto

    bounds = np.array(node.get_attr_value("boundaries"), dtype=np.float32)
    shape, kind = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    inside, outputs, name = node.input[0], node.output, str(node.name)
    wide = None if shape is None else [*shape, len(bounds)]
    context.remove_node(name)
    edges = context.make_const(f"{name}_boundaries", bounds).output[0]
    last = context.make_const(f"{name}_last", np.array([-1], dtype=np.int64)).output[0]

    def step(operator: str, given: list[str], kind: int, **attributes: int) -> str:
        made = context.make_node(
            operator,
            given,
            name=f"{name}_{operator}_{kind}",
            shapes=[wide],
            dtypes=[kind],
            attr=attributes,
        )
        return str(made.output[0])

    number = step("Cast", [inside], TensorProto.FLOAT, to=TensorProto.FLOAT)
    each = step("Unsqueeze", [number, last], TensorProto.FLOAT)
    reached = step("GreaterOrEqual", [each, edges], TensorProto.BOOL)
    counted = step("Cast", [reached], kind, to=kind)
    context.make_node(
        "ReduceSum",
        [counted, last],
        outputs=outputs,
        name=name,
        shapes=[shape],
        dtypes=[kind],
        attr={"keepdims": 0},
    )


def _lookup(tables: Tables, context: Any, node: Any, _name: str, _arguments: Any) -> None:  # noqa: ANN401 - as above
    """A table of texts or whole numbers, as a LabelEncoder."""
    table = node.inputs[0]
    while table.type == "Identity":
        table = table.inputs[0]
    shared = table.get_attr_value("shared_name")
    if shared not in tables or not node.inputs[2].is_const():
        raise InvalidInput(
            f"the table of {node.name} is not filled when the model is loaded: export the model "
            "after its adapt or its training"
        )
    keys, values = (np.asarray(one).ravel() for one in tables[shared])
    default = node.inputs[2].get_tensor_value()
    asked, outputs = node.input[1], node.output
    shape, kind = context.get_shape(asked), context.get_dtype(node.output[0])
    name = str(node.name)
    context.remove_node(name)
    context.make_node(
        "LabelEncoder",
        [asked],
        outputs=outputs,
        name=name,
        domain=_ML_DOMAIN,
        shapes=[shape],
        dtypes=[kind],
        attr=_encoding(keys, values, default),
    )


def _encoding(keys: Any, values: Any, default: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    found: dict[str, Any] = {}
    for side, these in (("keys", keys), ("values", values)):
        ending = "strings" if these.dtype.kind in "OSU" else "int64s"
        found[f"{side}_{ending}"] = these.tolist()
    key = "default_string" if values.dtype.kind in "OSU" else "default_int64"
    found[key] = default
    return found
