"""Errors become statuses by one table, and tell nothing that they should not."""

from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest

from lichen.api.oip_http import refusal
from lichen.api.statuses import (
    ACCEPTED_CODINGS,
    GRPC_CODE,
    HTTP_STATUS,
    UNEXPECTED,
    GrpcCode,
    grpc_code,
    http_status,
    sentence,
)
from lichen.core import errors


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.LichenError)
    ],
)
def test_every_error_of_ours_has_a_status_of_its_own(kind: type[errors.LichenError]) -> None:
    assert http_status(kind("what happened")) == HTTP_STATUS[kind]
    assert grpc_code(kind("what happened")) == GRPC_CODE[kind]
    assert sentence(kind("what happened")) == "what happened"


def test_errors_of_later_classes_are_called_as_their_parents() -> None:
    class OverQuota(errors.OverBudget):
        """A kind that the table does not know."""

    assert http_status(OverQuota("spent")) == 429
    assert grpc_code(OverQuota("spent")) is GrpcCode.RESOURCE_EXHAUSTED


def test_errors_that_are_not_ours_tell_nothing() -> None:
    error = ZeroDivisionError("/secret/path")
    assert http_status(error) == 500
    assert grpc_code(error) is GrpcCode.INTERNAL
    assert sentence(error) == UNEXPECTED


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.Unauthenticated("who"), "www-authenticate", "Bearer"),
        (errors.Unavailable("busy"), "retry-after", "1"),
        (errors.OverBudget("spent"), "retry-after", "60"),
    ],
)
def test_headers_that_belong_to_a_status(
    error: errors.LichenError, header: str, value: str
) -> None:
    answer = refusal(error)
    assert answer.status_code == http_status(error)
    assert answer.headers[header] == value
    assert answer.headers["content-type"] == "application/json"


def test_the_codes_are_those_of_grpc() -> None:
    published = {code.name: code.value[0] for code in grpc.StatusCode}
    assert {code.name: code.value for code in GrpcCode}.items() <= published.items()


def test_every_status_is_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/http.md").read_text(encoding="utf-8")
    for status in {200, 405, 431, *HTTP_STATUS.values()}:
        assert f"\n| {status} | " in page, status
    for codings in ACCEPTED_CODINGS.values():
        assert all(coding.strip() in page for coding in codings.split(","))
