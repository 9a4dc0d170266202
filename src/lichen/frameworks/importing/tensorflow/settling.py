"""One order and one set of names for equal graphs.

TensorFlow numbers and orders its functions by addresses of the process, so the same model becomes
graphs that differ in the order of their nodes and in all inner names. Here each value is known by a
digest of how it is computed; nodes stand in the order of their digests as far as their inputs let
them, equal ones once, and are named by their place.
"""

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lichen.core.errors import Corrupt

_BY_CHANCE = ("Random", "Multinomial", "Bernoulli", "Dropout")


def settle(model: Any) -> None:  # noqa: ANN401 - onnx's own type
    """Rewrite a model in place; names of its inputs and outputs stay.

    Raises:
        Corrupt: a node takes a value that nothing computes.
    """
    graph = model.graph
    names = {one.name: one.name for one in graph.input}
    digests = {one.name: f"input {one.name}" for one in graph.input}
    del graph.value_info[:]
    for node in graph.node:
        for inner in _inner(node):
            _pass_through(inner)
    _settle_graph(graph, digests, names, "", frozenset(one.name for one in graph.output))
    graph.name = "graph"


def _inner(node: Any) -> Iterable[Any]:  # noqa: ANN401 - as above
    return (one.g for one in node.attribute if one.HasField("g"))


def _pass_through(graph: Any) -> None:  # noqa: ANN401 - as above
    """Drop what only passes a value on, and let equal outputs of a loop's body stand apart again.

    Which of two equal outputs is passed on by the other is chance.
    """
    from onnx import helper

    passed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity":
            passed[node.output[0]] = passed.get(node.input[0], node.input[0])
        else:
            kept.append(node)
    _replace(kept, passed)
    own = {one.name for one in (*graph.input, *graph.initializer)}
    own |= {name for node in kept for name in node.output}
    said: list[str] = []
    for place, value in enumerate(graph.output):
        name = passed.get(value.name, value.name)
        if name in said or name not in own:
            kept.append(helper.make_node("Identity", [name], [f"{name}:{place}"]))
            name = f"{name}:{place}"
        said.append(name)
        value.name = name
    del graph.node[:]
    graph.node.extend(kept)
    for node in graph.node:
        for inner in _inner(node):
            _pass_through(inner)


def _replace(nodes: Iterable[Any], passed: Mapping[str, str]) -> None:
    """Everywhere, in the graphs within too."""
    for node in nodes:
        inputs = [passed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        for inner in _inner(node):
            _replace(inner.node, passed)
            for value in inner.output:
                value.name = passed.get(value.name, value.name)


def _settle_graph(
    graph: Any,  # noqa: ANN401 - onnx's own type
    digests: Mapping[str, str],
    names: Mapping[str, str],
    prefix: str,
    kept: frozenset[str] = frozenset(),
) -> None:
    """`digests` and `names` of what stands outside of it, and of its inputs."""
    digests, names = dict(digests), dict(names)
    _settle_constants(graph, digests, names, prefix)
    nodes = list(graph.node)
    marks = [_digest(node, digests, kept) for node in nodes]
    chosen: list[Any] = []
    seen: dict[str, Any] = {}
    for place in _in_order(nodes, marks):
        node, mark = nodes[place], marks[place]
        if mark in seen and not node.op_type.startswith(_BY_CHANCE):
            _same(node, seen[mark], names)
            continue
        seen[mark] = list(node.output)
        _rename(node, digests, names, f"{prefix}{len(chosen)}", kept)
        chosen.append(node)
    del graph.node[:]
    graph.node.extend(chosen)
    for value in graph.output:
        value.name = names.get(value.name, value.name)


def _settle_constants(
    graph: Any,  # noqa: ANN401 - as above
    digests: dict[str, str],
    names: dict[str, str],
    prefix: str,
) -> None:
    """Equal ones once, in the order of their digests."""
    found: dict[str, Any] = {}
    for tensor in graph.initializer:
        digests[tensor.name] = _digest_of_tensor(tensor)
        found.setdefault(digests[tensor.name], tensor)
    numbered = {mark: f"{prefix}c{place}" for place, mark in enumerate(sorted(found))}
    for tensor in graph.initializer:
        names[tensor.name] = numbered[digests[tensor.name]]
    kept = []
    for mark in sorted(found):
        found[mark].name = numbered[mark]
        kept.append(found[mark])
    copies = [type(one).FromString(one.SerializeToString()) for one in kept]
    del graph.initializer[:]
    graph.initializer.extend(copies)


def _digest_of_tensor(tensor: Any) -> str:  # noqa: ANN401 - as above
    from onnx import numpy_helper

    if tensor.string_data:
        body = b"\0".join(tensor.string_data)
    else:
        body = numpy_helper.to_array(tensor).tobytes()
    head = f"{tensor.data_type} {list(tensor.dims)} ".encode()
    return hashlib.sha256(head + body).hexdigest()


def _digest(node: Any, digests: dict[str, str], kept: frozenset[str]) -> str:  # noqa: ANN401 - as above
    """Of what a node computes; its outputs become known by it."""
    said = [node.op_type, node.domain, *(_known(digests, name) for name in node.input)]
    for attribute in sorted(node.attribute, key=lambda one: one.name):
        if attribute.HasField("g"):
            said.append(f"{attribute.name} {_digest_of_graph(attribute.g, digests)}")
        elif attribute.HasField("t"):
            attribute.t.name = ""
            said.append(f"{attribute.name} {_digest_of_tensor(attribute.t)}")
        else:
            said.append(attribute.SerializeToString(deterministic=True).hex())
    said += [name for name in node.output if name in kept]  # each output is computed by its own
    mark = hashlib.sha256("\n".join(said).encode()).hexdigest()
    for place, name in enumerate(node.output):
        digests[name] = f"{mark} {place}"
    return mark


def _digest_of_graph(graph: Any, outside: Mapping[str, str]) -> str:  # noqa: ANN401 - as above
    digests = dict(outside)
    for place, value in enumerate(graph.input):
        digests[value.name] = f"inner {place}"
    for tensor in graph.initializer:
        digests[tensor.name] = _digest_of_tensor(tensor)
    for node in graph.node:
        _digest(node, digests, frozenset())
    return "|".join(_known(digests, value.name) for value in graph.output)


def _known(digests: Mapping[str, str], name: str) -> str:
    if not name:
        return ""
    if name not in digests:
        raise Corrupt(f"the converted graph takes {name!r}, which nothing computes")
    return digests[name]


def _in_order(nodes: Sequence[Any], marks: Sequence[str]) -> Iterable[int]:
    """Places of nodes: the least digest first among those whose inputs are there."""
    makers = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    waits = [{makers[one] for one in _taken(node) if one in makers} for node in nodes]
    followers: dict[int, list[int]] = {}
    for place, needed in enumerate(waits):
        for maker in needed:
            followers.setdefault(maker, []).append(place)
    ready = [(marks[place], place) for place, needed in enumerate(waits) if not needed]
    heapq.heapify(ready)
    while ready:
        _, place = heapq.heappop(ready)
        yield place
        for follower in followers.get(place, ()):
            waits[follower].discard(place)
            if not waits[follower]:
                heapq.heappush(ready, (marks[follower], follower))


def _taken(node: Any) -> Iterable[str]:  # noqa: ANN401 - as above
    """What a node takes, and what the graphs within it take from outside."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from _taken(inner)
            yield from (value.name for value in attribute.g.output)


def _same(node: Any, before: Sequence[str], names: dict[str, str]) -> None:  # noqa: ANN401 - as above
    """A node computes what another did."""
    for name, first in zip(node.output, before, strict=True):
        names[name] = names[first]


def _rename(  # its outputs by its place, its inputs as they are called by now
    node: Any,  # noqa: ANN401 - as above
    digests: Mapping[str, str],
    names: dict[str, str],
    place: str,
    kept: frozenset[str],
) -> None:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            _settle_inner(attribute.g, digests, names, f"{place}.")
    inputs = [names.get(name, name) for name in node.input]
    del node.input[:]
    node.input.extend(inputs)
    outputs = []
    for number, name in enumerate(node.output):
        if name and name not in kept:
            names[name] = f"n{place}_{number}" if number else f"n{place}"
        elif name:
            names[name] = name
        outputs.append(names.get(name, name))
    del node.output[:]
    node.output.extend(outputs)
    node.name = place


def _settle_inner(
    graph: Any,  # noqa: ANN401 - as above
    digests: Mapping[str, str],
    names: Mapping[str, str],
    prefix: str,
) -> None:
    """A loop's body or a branch: its inputs are named by their place."""
    own, called = dict(digests), dict(names)
    for place, value in enumerate(graph.input):
        own[value.name] = f"inner {place}"
        called[value.name] = f"{prefix}in{place}"
        value.name = called[value.name]
    del graph.value_info[:]
    graph.name, graph.doc_string = "inner", ""
    _settle_graph(graph, own, called, prefix)
