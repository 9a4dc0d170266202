"""A job that is told to end while it loads a library is not called failed for it."""

import os
import signal
from dataclasses import dataclass
from typing import cast

import pytest

from lichen.protocol.admin import JobKind
from lichen.server.work import job
from lichen.server.work.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Job:
    kind: JobKind


@dataclass(frozen=True, slots=True)
class Bench:
    job: Job


def interrupted_import(_bench: Workbench) -> None:
    """What NumPy and ONNX Runtime do when a signal's exception meets them while they load."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1)
    except job.Terminated as error:
        raise ImportError("multiarray failed to import") from error


def test_an_import_error_that_a_signal_caused_is_the_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job, "load_object", lambda _name: interrupted_import)
    termination = job.Termination()
    former = signal.signal(signal.SIGTERM, termination)
    try:
        with pytest.raises(job.Terminated):
            job._work(cast("Workbench", Bench(Job(JobKind.TRAIN))), termination)
    finally:
        signal.signal(signal.SIGTERM, former)
    assert termination.was_asked
