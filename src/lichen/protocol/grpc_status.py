"""The rich status of gRPC: `google.rpc.Status` with `google.rpc.RetryInfo`, written by hand.

Four fields of googleapis' status.proto, any.proto, error_details.proto and duration.proto; clients
find them in the trailing metadata `grpc-status-details-bin`.
"""

DETAILS_KEY = "grpc-status-details-bin"
RETRY_KEY = "retry-after"
"""The same in seconds, as text, for those who read no details."""
_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"
_VARINT, _BYTES = 0, 2


def retry_details(code: int, message: str, retry_after_s: int) -> bytes:
    """A status that says in how many seconds to come back."""
    delay = _number(1, retry_after_s)  # Duration.seconds
    retry_info = _block(1, delay)  # RetryInfo.retry_delay
    detail = _block(1, _RETRY_INFO) + _block(2, retry_info)  # Any.type_url, Any.value
    return _number(1, code) + _block(2, message.encode()) + _block(3, detail)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _block(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(groups) + bytes([value])
