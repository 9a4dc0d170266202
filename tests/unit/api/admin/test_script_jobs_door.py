"""Jobs of training scripts, at the door."""

from typing import Any

import httpx
import msgspec

from lichen.protocol.admin import JobKind
from lichen.protocol.training import ScriptTraining


def test_a_page_of_jobs_leaves_out_the_source_of_scripts(admin: httpx.Client, house: Any) -> None:  # noqa: ANN401
    spec = ScriptTraining(data="rows", source="x = 1\n" * 1000, filename="mine.py")
    job = house.plane.jobs.submit(JobKind.TRAIN, msgspec.to_builtins(spec), "default")
    listed = admin.get("/jobs").json()["items"][0]["spec"]
    whole = admin.get(f"/jobs/{job.id}").json()["spec"]
    assert whole["source"] == spec.source
    assert listed == {name: one for name, one in whole.items() if name != "source"}
