"""Checks of `openai.OpenAI`, files and batches; run by the clients' own interpreter.

    python openai_client.py HOST:PORT PREDICTOR_KEY OPERATOR_KEY

Prints one JSON object: each check's name, and null or what went wrong. No control plane runs here:
what becomes of a batch is tested with a whole platform.
"""

import json
import sys
from collections.abc import Callable
from functools import partial

import openai  # type: ignore[import-not-found,unused-ignore]
from checking import tell

ADDRESS, PREDICTOR = sys.argv[1:3]
ENDPOINT = "/v2/models/fp32/infer"
BODY = {"inputs": [{"name": "x_FP32", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]}
client = openai.OpenAI(base_url=f"http://{ADDRESS}/v1", api_key=PREDICTOR, max_retries=0)


def lines(count: int = 2) -> bytes:
    requests = [
        {"custom_id": f"r{number}", "method": "POST", "url": ENDPOINT, "body": BODY}
        for number in range(count)
    ]
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)


def sent(content: bytes | None = None) -> str:
    content = lines() if content is None else content
    return str(client.files.create(file=("in.jsonl", content), purpose="batch").id)


def refusal(kind: type[Exception], asks: Callable[[], object]) -> str:
    """What the client says of a call that has to be refused so."""
    said = None
    try:
        asks()
    except kind as error:
        said = str(error)
    assert said is not None, "it was not refused"
    return said


def check_a_file_comes_back_as_it_was_sent() -> None:
    content = lines(2000)
    made = client.files.create(file=("näme.jsonl", content), purpose="batch")
    assert (made.bytes, made.filename, made.purpose) == (len(content), "näme.jsonl", "batch")
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == content


def check_files_are_listed_newest_first_and_page_by_page() -> None:
    first, second = sent(), sent()
    listed = [one.id for one in client.files.list()]
    assert listed.index(second) < listed.index(first)
    assert [one.id for one in client.files.list(limit=1)] == listed
    assert [one.id for one in client.files.list(order="asc")] == listed[::-1]
    assert not list(client.files.list(purpose="vision"))


def check_a_file_is_deleted() -> None:
    made = sent()
    assert client.files.delete(made).deleted
    said = refusal(openai.NotFoundError, lambda: client.files.retrieve(made))
    assert "there is no file" in said


def check_a_batch_is_accepted_listed_and_cancelled() -> None:
    made = client.batches.create(
        input_file_id=sent(),
        endpoint=ENDPOINT,  # type: ignore[arg-type,unused-ignore]
        completion_window="24h",
        metadata={"why": "a test"},
    )
    assert (made.status, made.metadata) == ("validating", {"why": "a test"})
    assert made.expires_at == made.created_at + 24 * 3600
    assert client.batches.retrieve(made.id) == made
    assert made.id in [one.id for one in client.batches.list(limit=1)]
    cancelled = client.batches.cancel(made.id)
    assert cancelled.status == "cancelling"
    assert cancelled.cancelling_at is not None


def check_what_no_batch_can_be_is_refused() -> None:
    good = {"input_file_id": sent(), "endpoint": ENDPOINT, "completion_window": "24h"}
    for bad, kind, says in (
        ({"endpoint": "/v1/chat/completions"}, openai.BadRequestError, "/v2/models/NAME/infer"),
        ({"endpoint": "/v2/models/nobody/infer"}, openai.NotFoundError, "nobody"),
        ({"input_file_id": "file-none"}, openai.NotFoundError, "no file"),
        ({"completion_window": "soon"}, openai.BadRequestError, "no duration"),
        ({"completion_window": "400d"}, openai.BadRequestError, "30 days"),
        ({"metadata": {"k": "v" * 600}}, openai.BadRequestError, "metadata"),
    ):
        asked = {**good, **bad}
        said = refusal(kind, partial(client.batches.create, **asked))
        assert says in said, said


def check_a_repeated_request_makes_one_batch() -> None:
    asked = {"input_file_id": sent(), "endpoint": ENDPOINT, "completion_window": "1h"}
    key = {"Idempotency-Key": "the same"}
    first, second = (
        client.batches.create(**asked, extra_headers=key)  # type: ignore[arg-type,unused-ignore]
        for _ in range(2)
    )
    assert first.id == second.id


def check_another_purpose_is_refused() -> None:
    file = ("in.jsonl", lines())
    said = refusal(
        openai.BadRequestError, lambda: client.files.create(file=file, purpose="fine-tune")
    )
    assert "purpose" in said


def check_without_a_key_nothing_is_there() -> None:
    nobody = openai.OpenAI(base_url=f"http://{ADDRESS}/v1", api_key="none", max_retries=0)
    assert refusal(openai.AuthenticationError, lambda: nobody.files.list())


tell(globals())
