"""The statistics and trace extensions over HTTP."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.oip_http import Door, answered, bound, whole_body
from lichen.api.telemetry_calls import TelemetryCalls
from lichen.protocol.oip import read_message
from lichen.protocol.telemetry import TraceUpdate

_STATISTICS = (
    "/v2/models/stats",
    "/v2/models/{name}/stats",
    "/v2/models/{name}/versions/{version}/stats",
)
_TRACE_SETTINGS = ("/v2/trace/setting", "/v2/models/{name}/trace/setting")
_json = msgspec.json.Encoder().encode


def telemetry_routes(door: Door, calls: TelemetryCalls) -> list[Route]:
    """The paths of both extensions."""

    async def statistics(request: Request, _: Door) -> Response:
        return answered(_json(await calls.statistics(request.state.principal, **_named(request))))

    async def settings(request: Request, door: Door) -> Response:
        principal, named = request.state.principal, _named(request)
        if request.method != "POST":
            return answered(_json(await calls.trace_settings(principal, **named)))
        asked = read_message(await whole_body(request, door.limits.body), TraceUpdate)
        return answered(_json(await calls.change_trace_settings(principal, asked, **named)))

    return [
        *(Route(path, bound(statistics, door)) for path in _STATISTICS),
        *(Route(path, bound(settings, door), methods=["GET", "POST"]) for path in _TRACE_SETTINGS),
    ]


def _named(request: Request) -> dict[str, str]:
    """The deployment and the version that the path names, if it does."""
    return dict(request.path_params)
