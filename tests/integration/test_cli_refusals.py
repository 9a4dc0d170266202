"""What the command line refuses: one sentence, PRODUCT's exit code, and nothing half-done."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from lichen.frameworks.devices import has_cuda
from lichen.frameworks.onnx_writer import linear_core


class Ended(Protocol):
    code: int
    out: str
    sentence: str


class Running(Protocol):
    home: Path


Cli = Callable[..., Ended]


@pytest.fixture
def ask(served: object, cli: Cli) -> Cli:
    assert served
    return cli


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("data show nope", 3, "no dataset is called 'nope'; there are: "),
        ("data check nope", 3, "no dataset is called 'nope'"),
        ("data show good@x", 2, "'good@x' names no version: write NAME or NAME@2"),
        ("models show nope", 3, "there is no model 'nope': `lichen models ls` lists"),
        ("models show m@99", 3, "model 'm' has no version 99; its newest is 1"),
        ("models show m@best", 3, "model 'm' has no alias 'best'"),
        ("models show ../m", 2, "model name '../m' is not usable"),
        ("models card nope@1", 3, "there is no model 'nope'"),
        ("models verify nope@1", 3, "there is no model 'nope'"),
        ("models alias m@9 champion", 3, "model 'm' has no version 9"),
        ("models alias m@1 7", 2, "'7' cannot be an alias: it already names a version"),
        ("models alias m@1 ../x", 2, "alias name '../x' is not usable"),
        ("models export nope@1 never", 3, "there is no model 'nope'"),
        ("models export m@1 .", 2, "'.' exists already: name a folder that does not"),
        ("models export m@1 /proc/no/where", 1, "/proc/no/where could not be read or written"),
        ("budget rm nope", 3, "there is no budget 'nope': `lichen budget ls` lists"),
        (
            "budget set b --per day --for jobs:train",
            2,
            "give a limit: either --joules or --grams",
        ),
        (
            "budget set b --joules 1 --grams 1 --per day --for jobs:train",
            2,
            "give a limit: either --joules or --grams",
        ),
        ("budget set b --joules nan --per day --for jobs:train", 2, "nan is no limit"),
        ("budget set b --joules 0 --per day --for jobs:train", 2, "give more than 0"),
        ("budget set b --joules 1 --per week --for jobs:train", 2, "write hour, day, month"),
        ("budget set b --joules 1 --per day --for lab", 2, "write tenant:T"),
        ("budget set b --joules 1 --per day --for deployment:x", 3, "no deployment 'x' to limit"),
        ("budget set b --joules 1 --per day --for alias:m@x", 3, "has no alias 'x' to limit"),
        (
            "budget set b --joules 1 --per day --for jobs:train --degrade-from 100%",
            2,
            "'100%' is no share: write it as 80% or 0.8, below 100%",
        ),
        ("budget set ../b --joules 1 --per day --for jobs:train", 2, "budget name '../b'"),
        ("deploy nope@1", 3, "there is no model 'nope'"),
        ("deploy m@9", 3, "model 'm' has no version 9"),
        ("deploy m@1 --name ../d", 2, "deployment name '../d' is not usable"),
        ("deploy m@1 --p95 -1", 2, "p95_ms is -1: give milliseconds above 0"),
        ("deploy m@1 --min-quality nan", 2, "min_quality is nan: give a finite number"),
        pytest.param(
            "deploy m@1 --device cuda",
            2,
            "device cuda is absent, this machine shows no NVIDIA device: deploy with --device cpu",
            marks=pytest.mark.skipif(has_cuda(), reason="there is one here"),
        ),
        ("undeploy nope", 3, "there is no deployment 'nope'"),
        ("predict nope", 3, "there is no deployment 'nope'"),
        ("predict d --start 2010-01-01", 2, "good@1 has 0 rows before 2010-01-01T00:00:00Z"),
        ("predict d --start 2030-01-01", 2, "good@1 has no row at 2029-12-31T23:00:00Z, right"),
        ("predict d --output /nowhere/a.csv", 1, "/nowhere/a.csv cannot be written"),
        ("jobs show nope", 3, "there is no job 'nope': `lichen jobs ls` lists"),
        ("jobs logs nope", 3, "there is no job 'nope'"),
        ("jobs cancel nope", 3, "there is no job 'nope'"),
        ("jobs pause nope", 3, "there is no job 'nope'"),
        ("jobs resume nope", 3, "there is no job 'nope'"),
        ("jobs show ../../admin.key", 2, "job name '../../admin.key' is not usable"),
        ("ledger frob", 2, "No such command 'frob'"),
        ("train guessing", 2, "No such command 'guessing'"),
        ("up --http 65536", 2, "http is 65536; it must be at most 65535"),
    ],
)
def test_a_refusal_is_one_sentence_and_its_exit_code(
    ask: Cli, words: str, code: int, says: str
) -> None:
    ended = ask(*words.split())
    assert ended.code == code, ended
    assert says in ended.sentence
    assert not Path("never").exists()


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_job_that_has_ended_is_neither_cancelled_nor_paused(ask: Cli, verb: str) -> None:
    job = ask("jobs", "ls").out.splitlines()[1].split()[0]
    ended = ask("jobs", verb, job)
    assert (ended.code, ended.sentence.startswith(f"job {job} has ")) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.onnx", b"no ONNX at all", "x.onnx: the file is no ONNX model: export it again as ONNX"),
        ("cut.onnx", linear_core(np.ones((2, 2), dtype=np.float32))[:40], "cut.onnx: the "),
        ("empty.onnx", b"", "empty.onnx is empty: save the model again"),
        (
            "m.pkl",
            b"\x80\x04\x95abc.",
            "m.pkl: of none of the forms that docs/reference/formats.md lists; the file is no ONNX",
        ),
    ],
    ids=["no ONNX", "cut short", "empty", "a pickle"],
)
def test_what_is_no_model_is_not_imported(
    ask: Cli, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = ask("models", "import", tmp_path / name, "--name", "foreign")
    assert ended.code == 2
    assert says in ended.sentence
    assert ask("models", "show", "foreign").code == 3


def test_a_wrong_key_is_refused(ask: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICHEN_KEY", "lk_no_body")
    for words in (["data", "ls"], ["predict", "d", "--input", "pyproject.toml"]):
        ended = ask(*words)
        assert (ended.code, "this API key is unknown" in ended.sentence) == (4, True)


@pytest.mark.parametrize(
    ("variable", "value", "code", "says"),
    [
        ("LICHEN_URL", "nonsense", 2, "the address 'nonsense' is not usable: write it as"),
        ("LICHEN_URL", "http://127.0.0.1:port", 2, "is not usable"),
        ("LICHEN_KEY", "käse", 2, "the API key holds characters that no key has"),
        ("LICHEN_HTPP", "1", 2, "LICHEN_HTPP is not a setting; did you mean 'http'?"),
        ("LICHEN_PUE", "0", 2, "setting pue is '0'; it must be at least 1"),
    ],
)
def test_a_setting_that_is_none_is_named(
    ask: Cli, monkeypatch: pytest.MonkeyPatch, *, variable: str, value: str, code: int, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    ended = ask("data", "ls")
    assert ended.code == code
    assert says in ended.sentence


def test_a_job_that_its_budget_will_never_hold_is_refused_with_code_4(ask: Cli) -> None:
    limit = "--joules 0.001 --per day --for jobs:train"
    assert ask(*f"budget set tiny {limit}".split()).code == 0
    like_the_last = "--data good --target load --horizon 24 --context 48 --algorithm ridge --name m"
    ended = ask(*f"train forecast {like_the_last}".split())
    assert ended.code == 4
    assert "budget 'tiny' allows 1 mJ per day, less than the" in ended.sentence
    assert "raise the budget or ask for less" in ended.sentence
    assert ask("budget", "rm", "tiny").code == 0
