"""Fracast-0: a pretrained model of time series, whose package carries its weights, as ONNX.

It was trained on many series and is fitted on none: it forecasts from a window alone. PyTorch's
older exporter writes it, which needs no further package; three operators it does not know are told
it in its own way.
"""

import io
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, Unavailable
from lichen.frameworks.networks.computation import Tensor, torch_module
from lichen.frameworks.networks.determinism import settled
from lichen.frameworks.networks.rows import parts_of
from lichen.frameworks.onnx_writer import INPUT, OPSET, OUTPUT

CONTEXT, HORIZON, LEAST_CONTEXT = 2048, 48, 8
"""Steps it looks at, at most and at least, and steps it says."""

MEDIAN = 4
"""Which of its nine quantiles is taken for the forecast."""

SMALLEST_SPAN = 1e-5


@dataclass(frozen=True)
class FracastCore:
    """`features` `(rows, context + 1)`, the last a constant, to `raw` `(rows, horizon)`.

    Attributes:
        context: steps of the window.
        horizon: steps ahead.
    """

    context: int
    horizon: int

    @cached_property
    def module(self) -> Any:  # noqa: ANN401 - a module of PyTorch
        """The network with what stands around it: windows scaled to 0 to 1, and back.

        Raises:
            Unavailable: Fracast or PyTorch is not installed.
        """
        return _module(self.context, self.horizon)

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The medians it forecasts."""
        torch = torch_module()
        with settled(torch), torch.no_grad():
            made = [self.module(torch.from_numpy(part)).numpy() for part in parts_of(features)]
        empty = np.empty((0, self.horizon))
        return np.concatenate([empty, *made])

    def onnx(self) -> bytes:
        """The model as ONNX; equal releases of PyTorch and Fracast give equal bytes."""
        torch = torch_module()
        _teach(torch)
        body = io.BytesIO()
        example = torch.rand((2, self.context + 1), generator=torch.Generator().manual_seed(0))
        with settled(torch), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is the older one, and what a trace cannot see
            torch.onnx.export(
                self.module,
                (example,),
                body,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "rows"}, OUTPUT: {0: "rows"}},
            )
        return body.getvalue()


def fracast_core(context: int, horizon: int) -> FracastCore:
    """The model for windows and horizons of some length.

    Raises:
        InvalidInput: it cannot do these.
        Unavailable: Fracast or PyTorch is not installed.
    """
    if not 1 <= horizon <= HORIZON:
        raise InvalidInput(
            f"fracast forecasts up to {HORIZON} steps, and {horizon} are asked for: "
            "take another algorithm"
        )
    if not LEAST_CONTEXT <= context <= CONTEXT:
        raise InvalidInput(
            f"fracast looks at {LEAST_CONTEXT} to {CONTEXT} steps, and the context is {context}: "
            "take one between"
        )
    core = FracastCore(context, horizon)
    _ = core.module  # it is there, or this says that it is not
    return core


def _module(context: int, horizon: int) -> Any:  # noqa: ANN401 - a module of PyTorch
    torch = torch_module()
    try:
        from fracast import FracastModel
    except ImportError as missing:
        raise Unavailable(
            "Fracast is not installed: install lichen[fracast], or take another algorithm"
        ) from missing
    model = FracastModel.from_pretrained(weights="fp32")  # those within the package

    windows = torch.nn.Module()
    windows.core, windows.head = model.core, model.head
    observed = torch.ones((1, 1, CONTEXT), dtype=torch.bool)
    observed[:, :, : CONTEXT - context] = False

    def forward(features: Tensor) -> Tensor:
        window = features[:, :context]
        low = window.min(1, keepdim=True).values
        span = (window.max(1, keepdim=True).values - low).clamp(min=SMALLEST_SPAN)
        scaled = torch.nn.functional.pad((window - low) / span, (CONTEXT - context, 0))
        values = scaled[:, None, :]
        valid = observed.expand(values.shape[0], 1, CONTEXT)
        hidden = model.core(values, valid, valid.to(torch.float32))
        said = model.head.forward_horizon(
            hidden, last_obs=values[:, 0, -1:], ctx=values[:, 0], ctx_mask=valid[:, 0]
        )
        return said[:, :horizon, MEDIAN] * span + low

    windows.forward = forward
    return windows.eval()


def _teach(torch: Any) -> None:  # noqa: ANN401 - the module
    """Tell the exporter a Fourier transform of which only the power is looked at, and a norm."""
    from torch.onnx import register_custom_op_symbolic as register

    def constant(graph: Any, value: object) -> Any:  # noqa: ANN401 - PyTorch's
        return graph.op("Constant", value_t=torch.tensor(value))

    def transform(graph: Any, values: Any, *_: object) -> Any:  # noqa: ANN401 - PyTorch's
        pairs = graph.op("Unsqueeze", values, constant(graph, [-1]))
        return graph.op("DFT", pairs, axis_i=1, onesided_i=1, inverse_i=0)

    def conjugate(_: Any, pairs: Any) -> Any:  # noqa: ANN401 - PyTorch's
        return pairs  # times itself, it is the squares of both parts

    def real(graph: Any, squares: Any) -> Any:  # noqa: ANN401 - PyTorch's
        return graph.op("ReduceSum", squares, constant(graph, [-1]), keepdims_i=0)

    def normalised(graph: Any, values: Any, _shape: Any, weight: Any, _least: Any) -> Any:  # noqa: ANN401 - PyTorch's
        squares = graph.op("Mul", values, values)
        mean = graph.op("ReduceMean", squares, constant(graph, [-1]), keepdims_i=1)
        least = constant(graph, float(torch.finfo(torch.float32).eps))
        root = graph.op("Sqrt", graph.op("Add", mean, least))
        return graph.op("Mul", graph.op("Div", values, root), weight)

    for name, symbolic in (
        ("fft_rfft", transform),
        ("conj", conjugate),
        ("real", real),
        ("rms_norm", normalised),
    ):
        register(f"aten::{name}", symbolic, OPSET)
