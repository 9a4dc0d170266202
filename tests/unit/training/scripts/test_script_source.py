"""What is refused of a script before a job is made."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.training import ScriptTraining
from lichen.training.scripts.requirements import MOST_LINES, checked_requirements
from lichen.training.scripts.source import LARGEST_SOURCE_BYTES, check_script


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"source": "a = 1\nif a\n"}, "line 2 of x.py is no Python (expected ':'): correct it"),
        ({"source": " \n"}, "x.py is empty"),
        ({"source": "#" * (LARGEST_SOURCE_BYTES + 1)}, "a script may have 524,288"),
        ({"source": "a\0b"}, "x.py is no Python"),
        ({"source": "(" * 5000}, "x.py is no Python"),
        ({"source": "return " + "-" * 100_000 + "1"}, "x.py is no Python"),
        ({"environment": ["numpy>=2"]}, "'numpy>=2' names no exact version"),
        ({"time_limit_s": 0.0}, "a time limit of 0.0 s is none"),
        ({"time_limit_s": float("inf")}, "a time limit of inf s is none"),
        ({"memory_limit_bytes": 1}, "a memory limit of 1 bytes cannot be"),
        ({"disk_limit_bytes": 2**70}, "a disk limit of"),
        ({"arguments": ["a\0b"]}, "an argument of x.py"),
        ({"arguments": ["a"] * 1001}, "1001 arguments are over the limit"),
    ],
)
def test_what_cannot_run_is_refused(fields: dict[str, object], sentence: str) -> None:
    given = {"data": "rows", "source": "pass", "filename": "folder/x.py", **fields}
    with pytest.raises(InvalidInput) as refused:
        check_script(ScriptTraining(**given))  # type: ignore[arg-type]
    assert sentence in str(refused.value)


def test_a_program_is_parsed_and_never_run() -> None:
    source = "import os\nos._exit(1)\n'\\d'\n"
    check_script(ScriptTraining(data="rows", source=source, filename="x.py"))


def test_requirements_are_packages_with_their_exact_versions() -> None:
    lines = [
        "# what it needs",
        "",
        "numpy==2.3.1",
        "lightgbm[dask] == 4.6.0 ; python_version > '3'",
    ]
    assert checked_requirements(lines) == f"{lines[2]}\n{lines[3]}\n".encode()
    assert checked_requirements(["", "# nothing"]) is None


@pytest.mark.parametrize(
    "line",
    [
        *("numpy", "numpy>=2", "numpy==2,<3", "-r other.txt", "--index-url http://here", "./wheel"),
        *("a @ file:///etc", "git+https://here/it", "numpy==2 --global-option=x", "a==1\n-e ."),
    ],
)
def test_anything_else_in_requirements_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput, match="names no exact version"):
        checked_requirements([line])


def test_requirements_are_bounded() -> None:
    with pytest.raises(InvalidInput, match="too many"):
        checked_requirements(["a==1"] * (MOST_LINES + 1))
