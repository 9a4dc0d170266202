"""What a caller is told of budgets: structured fields over HTTP, a rich status over gRPC."""

from lichen.protocol.grpc_status import retry_details
from lichen.protocol.ratelimit import joined, policy_item, state_template, told


def test_the_policy_names_quota_unit_and_window() -> None:
    said = [policy_item("lab", 250 * 10**9, "grams", 2_592_000), policy_item("d", 999, "joules", 1)]
    assert joined(said) == (
        '"lab";q=250000000;qu="micrograms";w=2592000, "d";q=0;qu="microjoules";w=1'
    )


def test_what_is_left_is_rounded_down() -> None:
    template = state_template(["lab", "d"])
    assert template % (told(1_999), 7, told(0), 0) == b'"lab";r=1;t=7, "d";r=0;t=0'


def test_no_integer_is_larger_than_a_structured_field_takes() -> None:
    assert policy_item("a", 2**60, "joules", 3600) == (
        '"a";q=999999999999999;qu="microjoules";w=3600'
    )
    assert told(2**60) == 999999999999999


def test_retry_details_are_those_that_google_rpc_writes() -> None:
    """Recorded from googleapis-common-protos 1.70: status_pb2 with error_details_pb2.RetryInfo."""
    assert retry_details(8, "budget 'ä' is spent", 3600) == bytes.fromhex(
        "080812146275646765742027c3a427206973207370656e741a310a28747970652e676f6f676c65617069732e63"
        "6f6d2f676f6f676c652e7270632e5265747279496e666f12050a0308901c"
    )
