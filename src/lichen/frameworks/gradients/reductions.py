"""Operators along a dimension: sums, means, softmax, normalisations."""

from collections.abc import Sequence
from math import prod

import numpy as np

from lichen.frameworks.gradients.node import Array, Node, NoRule, Pull, Rule, given, optional

Inputs = Sequence[Array | None]


def _axes(node: Node, inputs: Inputs, values: Array) -> tuple[int, ...]:
    said = optional(inputs, 1)
    axes = node.wholes("axes", ()) if said is None else tuple(int(one) for one in said.ravel())
    return tuple(axis % values.ndim for axis in axes) or tuple(range(values.ndim))


def _reduced(kind: str) -> Rule:
    def rule(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
        values = given(inputs, 0)
        axes, keeps = _axes(node, inputs, values), bool(node.whole("keepdims", 1))
        kept = np.sum(values if kind == "sum" else values**2, axis=axes, keepdims=True)
        slopes = np.ones(values.shape) if kind == "sum" else 2.0 * values
        if kind == "length":
            kept = np.sqrt(kept)
            slopes = values / np.maximum(kept, 1e-300)
        found = kept if keeps else np.squeeze(kept, axis=axes)
        return found, lambda pulled: (np.reshape(pulled, kept.shape) * slopes, None)

    return rule


def _mean(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    axes, keeps = _axes(node, inputs, values), bool(node.whole("keepdims", 1))
    count = prod(values.shape[axis] for axis in axes)
    kept = values.mean(axis=axes, keepdims=True)
    found = kept if keeps else np.squeeze(kept, axis=axes)
    return found, lambda pulled: (
        np.broadcast_to(np.reshape(pulled, kept.shape) / count, values.shape),
        None,
    )


def _extreme(sign: float) -> Rule:
    """The largest along one dimension, or with -1 the smallest; the first gets the gradient."""

    def rule(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
        values = given(inputs, 0)
        axes, keeps = _axes(node, inputs, values), bool(node.whole("keepdims", 1))
        if len(axes) != 1:
            raise NoRule(f"{node.kind} over several dimensions")
        (axis,) = axes
        chosen = np.expand_dims((sign * values).argmax(axis=axis), axis)
        kept = np.take_along_axis(values, chosen, axis)

        def pull(pulled: Array) -> Sequence[Array | None]:
            back = np.zeros(values.shape)
            np.put_along_axis(back, chosen, np.reshape(pulled, kept.shape), axis)
            return (back, None)

        return kept if keeps else np.squeeze(kept, axis=axis), pull

    return rule


def _axis(node: Node, values: Array) -> int:
    axis = node.whole("axis", -1 if node.opset >= 13 else 1) % values.ndim
    if node.opset < 13 and axis != values.ndim - 1:
        raise NoRule(f"{node.kind} over several dimensions")
    return axis


def _softmax(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    axis = _axis(node, values)
    parts = np.exp(values - values.max(axis=axis, keepdims=True))
    shares = parts / parts.sum(axis=axis, keepdims=True)
    return shares, lambda pulled: (
        shares * (pulled - (pulled * shares).sum(axis=axis, keepdims=True)),
    )


def _log_softmax(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    axis = _axis(node, values)
    shown = values - values.max(axis=axis, keepdims=True)
    found = shown - np.log(np.exp(shown).sum(axis=axis, keepdims=True))
    return found, lambda pulled: (pulled - np.exp(found) * pulled.sum(axis=axis, keepdims=True),)


def _batch_norm(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    form = (1, -1, *(1,) * (values.ndim - 2))
    scale, shift, mean, variance = (given(inputs, at).reshape(form) for at in range(1, 5))
    factor = scale / np.sqrt(variance + node.number("epsilon", 1e-5))
    return (values - mean) * factor + shift, lambda pulled: (pulled * factor, *(None,) * 4)


def _layer_norm(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, scale, shift = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    axes = tuple(range(node.whole("axis", -1) % values.ndim, values.ndim))
    centred = values - values.mean(axis=axes, keepdims=True)
    variance = np.square(centred).mean(axis=axes, keepdims=True)
    inverse = 1.0 / np.sqrt(variance + node.number("epsilon", 1e-5))
    unit = centred * inverse

    def pull(pulled: Array) -> Sequence[Array | None]:
        own = pulled * scale
        along = (own * unit).mean(axis=axes, keepdims=True)
        return (inverse * (own - own.mean(axis=axes, keepdims=True) - unit * along), None, None)

    return unit * scale + (0.0 if shift is None else shift), pull


REDUCTIONS: dict[str, Rule] = {
    "ReduceSum": _reduced("sum"),
    "ReduceSumSquare": _reduced("square"),
    "ReduceL2": _reduced("length"),
    "ReduceMean": _mean,
    "ReduceMax": _extreme(1.0),
    "ReduceMin": _extreme(-1.0),
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
}
