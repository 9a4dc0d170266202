"""Operators that look at each element: sums, products, activations."""

from collections.abc import Callable, Sequence
from functools import reduce
from math import erf, pi, sqrt

import numpy as np

from lichen.frameworks.gradients.node import (
    Array,
    Node,
    NoRule,
    Pull,
    Rule,
    given,
    optional,
    shrunk,
)

Inputs = Sequence[Array | None]
_FLOATS = (1, 10, 11, 16)
"""ONNX's types of floats: a cast to one of them keeps the gradient."""
_each_erf = np.frompyfunc(erf, 1, 1)


def _erf(x: Array) -> Array:
    return np.asarray(_each_erf(x), dtype=np.float64)


def _add(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    left, right = given(inputs, 0), given(inputs, 1)
    return left + right, lambda pulled: (shrunk(pulled, left.shape), shrunk(pulled, right.shape))


def _sub(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    left, right = given(inputs, 0), given(inputs, 1)
    return left - right, lambda pulled: (shrunk(pulled, left.shape), shrunk(-pulled, right.shape))


def _mul(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    left, right = given(inputs, 0), given(inputs, 1)
    return left * right, lambda pulled: (
        shrunk(pulled * right, left.shape),
        shrunk(pulled * left, right.shape),
    )


def _div(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    left, right = given(inputs, 0), given(inputs, 1)
    found = left / right
    return found, lambda pulled: (
        shrunk(pulled / right, left.shape),
        shrunk(-pulled * found / right, right.shape),
    )


def _sum(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    taken = [given(inputs, place) for place in range(len(inputs))]
    shapes = [one.shape for one in taken]
    return reduce(np.add, taken), lambda pulled: [shrunk(pulled, shape) for shape in shapes]


def _pow(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    base, power = given(inputs, 0), given(inputs, 1).astype(np.float64)
    found = np.power(base, power)

    def pull(pulled: Array) -> Sequence[Array | None]:
        return (shrunk(pulled * power * np.power(base, power - 1), base.shape), None)

    return found, pull


def _extreme(choose: Callable[[Array, Array], Array]) -> Rule:
    """The largest or the smallest: the gradient goes to the first that it is."""

    def rule(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
        taken = [given(inputs, place) for place in range(len(inputs))]
        found = reduce(choose, taken)

        def pull(pulled: Array) -> Sequence[Array]:
            is_left, parts = np.ones(found.shape, dtype=np.bool_), []
            for one in taken:
                mine = is_left & (np.broadcast_to(one, found.shape) == found)
                is_left &= ~mine
                parts.append(shrunk(pulled * mine, one.shape))
            return parts

        return found, pull

    return rule


def _clip(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, low, high = given(inputs, 0), optional(inputs, 1), optional(inputs, 2)
    least = node.number("min", -np.inf) if low is None else float(low)
    most = node.number("max", np.inf) if high is None else float(high)
    within = (values >= least) & (values <= most)
    return np.clip(values, least, most), lambda pulled: (pulled * within, None, None)


def _cast(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, to = given(inputs, 0), node.whole("to", 1)
    if to in _FLOATS:
        return values.astype(np.float64), lambda pulled: (pulled,)
    if to not in (6, 7, 9) or values.dtype.kind == "f":
        raise NoRule("Cast of a float to whole numbers")
    return values, lambda _: (None,)


def _same(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    return given(inputs, 0), lambda pulled: (pulled,)


Slope = Callable[[Node, Array], tuple[Array, Array]]
"""Of a function of one number: its values, and its slopes there."""


def _of_one(slope: Slope) -> Rule:
    def rule(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
        found, slopes = slope(node, given(inputs, 0))
        return found, lambda pulled: (pulled * slopes,)

    return rule


def _relu(_: Node, x: Array) -> tuple[Array, Array]:
    return np.maximum(x, 0.0), (x > 0).astype(np.float64)


def _leaky(node: Node, x: Array) -> tuple[Array, Array]:
    slopes = np.where(x > 0, 1.0, node.number("alpha", 0.01))
    return x * slopes, slopes


def _elu(node: Node, x: Array) -> tuple[Array, Array]:
    alpha = node.number("alpha", 1.0)
    curved = alpha * np.exp(np.minimum(x, 0.0))
    return np.where(x > 0, x, curved - alpha), np.where(x > 0, 1.0, curved)


def _tanh(_: Node, x: Array) -> tuple[Array, Array]:
    found = np.tanh(x)
    return found, 1.0 - found**2


def _sigmoid(_: Node, x: Array) -> tuple[Array, Array]:
    found = 0.5 + 0.5 * np.tanh(0.5 * x)
    return found, found * (1.0 - found)


def _hard_sigmoid(node: Node, x: Array) -> tuple[Array, Array]:
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    found = np.clip(alpha * x + beta, 0.0, 1.0)
    return found, alpha * ((found > 0) & (found < 1))


def _hard_swish(_: Node, x: Array) -> tuple[Array, Array]:
    gate = np.clip(x / 6.0 + 0.5, 0.0, 1.0)
    return x * gate, gate + x * ((gate > 0) & (gate < 1)) / 6.0


def _erf_of(_: Node, x: Array) -> tuple[Array, Array]:
    return _erf(x), (2.0 / sqrt(pi)) * np.exp(-(x**2))


def _gelu(node: Node, x: Array) -> tuple[Array, Array]:
    if node.word("approximate", "none") != "none":
        raise NoRule("Gelu by an approximation")
    gate = 0.5 * (1.0 + _erf(x / sqrt(2.0)))
    return x * gate, gate + x * np.exp(-0.5 * x**2) / sqrt(2.0 * pi)


def _softplus(_: Node, x: Array) -> tuple[Array, Array]:
    return np.logaddexp(0.0, x), 0.5 + 0.5 * np.tanh(0.5 * x)


def _exp(_: Node, x: Array) -> tuple[Array, Array]:
    found = np.exp(x)
    return found, found


def _log(_: Node, x: Array) -> tuple[Array, Array]:
    return np.log(x), 1.0 / x


def _sqrt(_: Node, x: Array) -> tuple[Array, Array]:
    found = np.sqrt(x)
    return found, 0.5 / np.maximum(found, 1e-300)


def _neg(_: Node, x: Array) -> tuple[Array, Array]:
    return -x, np.full(x.shape, -1.0)


def _abs(_: Node, x: Array) -> tuple[Array, Array]:
    return np.abs(x), np.sign(x)


ELEMENTWISE: dict[str, Rule] = {
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Sum": _sum,
    "Pow": _pow,
    "Max": _extreme(np.maximum),
    "Min": _extreme(np.minimum),
    "Clip": _clip,
    "Cast": _cast,
    "Identity": _same,
    "Dropout": _same,
    "Relu": _of_one(_relu),
    "LeakyRelu": _of_one(_leaky),
    "Elu": _of_one(_elu),
    "Tanh": _of_one(_tanh),
    "Sigmoid": _of_one(_sigmoid),
    "HardSigmoid": _of_one(_hard_sigmoid),
    "HardSwish": _of_one(_hard_swish),
    "Erf": _of_one(_erf_of),
    "Gelu": _of_one(_gelu),
    "Softplus": _of_one(_softplus),
    "Exp": _of_one(_exp),
    "Log": _of_one(_log),
    "Sqrt": _of_one(_sqrt),
    "Neg": _of_one(_neg),
    "Abs": _of_one(_abs),
}
