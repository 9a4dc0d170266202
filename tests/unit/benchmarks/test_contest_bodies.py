"""The requests of the serving benchmark: distinct, the same numbers in both forms, whole."""

from pathlib import Path

import numpy as np
import pytest
from contest.bodies import BODIES, Form, bodies, drawn, request, written
from contest.models import MODELS, Model
from contest.pace import is_whole, read_requests

from lichen.frameworks.onnx import check_model
from lichen.protocol.binary import decode_parted
from lichen.protocol.codec import decode

MLP = next(model for model in MODELS if model.name == "mlp")


@pytest.mark.parametrize("form", Form)
def test_no_body_is_sent_twice_in_a_turn(form: Form) -> None:
    asked = {body.content for body in bodies(drawn(MLP, 1), form)}
    assert len(asked) == BODIES == 256


@pytest.mark.parametrize("rows", [1, 32])
def test_both_forms_carry_the_same_numbers(rows: int) -> None:
    inputs = drawn(MLP, rows)[:4]
    for form in Form:
        for values, body in zip(inputs, bodies(inputs, form), strict=True):
            length = body.header_bytes
            read = (
                decode(body.content) if length is None else decode_parted(body.content, str(length))
            )
            np.testing.assert_array_equal(read.tensors["x"], values)


def test_a_file_of_requests_is_read_as_it_was_written(tmp_path: Path) -> None:
    asked = [
        request("/v2/models/mlp/infer", "Authorization: Bearer k\r\n", body)
        for form in Form
        for body in bodies(drawn(MLP, 1)[:3], form)
    ]
    assert read_requests(written(asked, tmp_path / "requests")) == asked
    assert all(is_whole(one) for one in asked)
    assert not any(is_whole(one[:-1]) for one in asked)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_of_the_benchmark_can_be_served(model: Model) -> None:
    signature = check_model(model.build())
    assert [spec.shape for spec in signature.inputs] == [(-1, model.features)]
    assert [spec.shape for spec in signature.outputs] == [(-1, model.answers)]
