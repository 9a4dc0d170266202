"""A script and its job over one socket: both sides are the real ones."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lichen.core.errors import Conflict, InvalidInput, Unavailable
from lichen.frameworks.dense_writer import dense_layer, dense_model
from lichen.frameworks.importing.conversion import NO_TRIAL, Conversion
from lichen.server.work.scripts.answers import Ears
from lichen.server.work.scripts.course import Course
from lichen.training.scripts.channel import LARGEST_HEAD, receive, send
from lichen.training.scripts.desk import Registration, Spent
from lichen.training.scripts.inside import STOP, PlatformDesk

ONNX = dense_model([dense_layer([[2.0], [1.0]], 0.5)])


@dataclass(frozen=True, slots=True)
class Talk:
    """Both ends, and what was said into the log."""

    desk: PlatformDesk
    ears: Ears
    said: bytearray
    theirs: socket.socket
    control: Path


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    ours, theirs = socket.socketpair()
    said = bytearray()
    ears = Ears(ours, "model", Course(), lambda: (2_000_000_000, 3), said.extend)
    yield Talk(PlatformDesk(theirs, tmp_path), ears, said, theirs, tmp_path)
    theirs.close()
    ears.close()


def asked(content: bytes, **fields: object) -> Registration:
    model = Conversion(
        files={"model.onnx": content}, trial=NO_TRIAL, algorithm="linear", library="ONNX"
    )
    return Registration(model=model, **fields)  # type: ignore[arg-type]


def test_what_a_script_says_is_heard_in_its_order(talk: Talk) -> None:
    talk.desk.log(1, {"loss": 0.5})
    talk.desk.log(2, {"loss": float("nan")})
    talk.desk.progress(0.25)
    talk.desk.raised(KeyError("lost"))
    assert talk.desk.spent() == Spent(2_000_000_000, 3)
    assert talk.ears.course.shown() == {"loss": [(1, 0.5), (2, None)]}
    assert (talk.ears.fraction, talk.ears.raised) == (0.25, "KeyError: 'lost'")
    assert talk.ears.newest == "step 2: loss nan"
    assert talk.said == b"step 1: loss 0.5\nstep 2: loss nan\n"


def test_a_model_is_tried_before_it_is_taken(talk: Talk) -> None:
    for content, sentence in ((b"", "no bytes"), (b"junk", "is no ONNX model")):
        with pytest.raises(InvalidInput, match=sentence):
            talk.desk.register(asked(content))
    with pytest.raises(InvalidInput, match="give one name for each value"):
        talk.desk.register(asked(ONNX, columns=["a"]))
    assert talk.desk.register(asked(ONNX, columns=["a", "b"], metrics={"r2": 0.5})) == "model"
    registered = talk.ears.registered
    assert registered is not None
    assert registered.form.files == {"model.onnx": ONNX}
    assert registered.form.signature.inputs[0].columns == ("a", "b")
    assert registered.metrics == {"r2": 0.5}
    with pytest.raises(Conflict, match="registered a model already"):
        talk.desk.register(asked(ONNX))


def test_a_classifier_answers_its_class(talk: Talk) -> None:
    shares = dense_model([dense_layer([[2.0], [1.0]], 0.5, "sigmoid")])
    with pytest.raises(InvalidInput):
        talk.desk.register(asked(shares, classes=["a", "b", "c"]))
    talk.desk.register(asked(shares, columns=["x", "y"], classes=["no", "yes"]))
    registered = talk.ears.registered
    assert registered is not None
    assert sorted(registered.form.files) == ["model.onnx", "pipeline.json"]
    assert [one.name for one in registered.form.signature.outputs] == ["prediction", "probability"]
    assert registered.form.signature.inputs[0].columns == ("x", "y")


def test_it_stops_when_the_job_says_so(talk: Talk) -> None:
    assert not talk.desk.should_stop
    (talk.control / STOP).touch()
    assert talk.desk.should_stop


def test_a_job_that_is_gone_is_told_as_such(talk: Talk) -> None:
    talk.theirs.shutdown(socket.SHUT_RDWR)
    with pytest.raises(Unavailable, match="the job of this run is gone"):
        talk.desk.spent()


@pytest.mark.parametrize(
    "said", [b'{"tell":"progress","fraction":1%s}' % (b"0" * 400), b"[" * 100_000]
)
def test_a_script_whose_words_cannot_be_read_hears_that_no_answer_comes(
    said: bytes, talk: Talk
) -> None:
    talk.theirs.sendall(struct.pack("<IQ", len(said), 0) + said)
    with pytest.raises(Unavailable, match="the job of this run"):
        talk.desk.spent()
    assert b"cannot be read" in talk.said


def test_what_is_no_frame_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, {"a": 1}, b"raw")
        assert receive(theirs, 3) == ({"a": 1}, b"raw")
        send(ours, {"a": 1}, b"long")
        with pytest.raises(ValueError, match="over the limit"):
            receive(theirs, 3)
        with pytest.raises(InvalidInput, match="too many"):
            send(ours, {"a": "x" * LARGEST_HEAD})
        theirs.recv(1000)
        ours.close()
        assert receive(theirs, 3) is None


def test_a_script_cannot_fill_its_job_with_more_than_it_may_hold_itself(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    said = bytearray()
    ears = Ears(ours, "model", Course(), lambda: (None, None), said.extend, 1000)
    with theirs:
        with pytest.raises(Unavailable, match="the job of this run"):
            PlatformDesk(theirs, tmp_path).register(asked(bytes(2000)))
        ears.close()
    assert b"bytes is over the limit" in said
    assert ears.registered is None
