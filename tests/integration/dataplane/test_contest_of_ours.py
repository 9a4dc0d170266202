"""The smallest form of the serving benchmark: our own server and the echo, without the load."""

from pathlib import Path

from contest.asking import ask
from contest.bodies import Form
from contest.models import MODELS
from contest.peers import ECHO, OURS, PEERS
from contest.spell import Bench, Life, alive

MLP = next(model for model in MODELS if model.name == "mlp")
SERVERS = {peer.name: peer for peer in PEERS}


def test_our_answers_are_those_of_onnx_runtime_and_its_clock_runs(tmp_path: Path) -> None:
    with alive(SERVERS[OURS], MLP, Bench(tmp_path, 1.0)) as life:
        before = life.server.cpu_ns()
        for form in Form:
            assert life.checked(32, form).stat().st_size > 32 * 256 * 400
        assert life.server.cpu_ns() > before > 0
        assert 1 < life.server.resident_mb() < 1000
        assert answer_without_key(life) == 401
    assert life.server.process.returncode == 0


def test_the_echo_answers_what_it_was_sent(tmp_path: Path) -> None:
    with alive(SERVERS[ECHO], MLP, Bench(tmp_path, 1.0)) as life:
        asked = life.requests(1, Form.JSON)[0]
        assert ask(life.server, asked).body == asked.partition(b"\r\n\r\n")[2]


def answer_without_key(life: Life) -> int:
    """The status of what nobody vouches for: the benchmark measures a server with its door shut."""
    asked = life.requests(1, Form.JSON)[0]
    assert b"Authorization" in asked
    return ask(life.server, asked.replace(b"Authorization", b"X-Nothing")).status
