"""Modules that are one function with its settings: activations, pools, dropout, distances and losses."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module

__all__ = ["CELU", "ELU", "GELU", "GLU", "SELU", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d",
           "BCELoss", "BCEWithLogitsLoss", "CosineSimilarity", "CrossEntropyLoss", "Dropout", "Hardsigmoid",
           "Hardswish", "Hardtanh", "HuberLoss", "KLDivLoss", "L1Loss", "LeakyReLU", "LogSigmoid", "LogSoftmax",
           "MSELoss", "MaxPool1d", "MaxPool2d", "Mish", "NLLLoss", "ReLU", "ReLU6", "SiLU", "Sigmoid", "SmoothL1Loss",
           "Softmax", "Softmin", "Softplus", "Softsign", "Tanh", "Unfold"]


class Applied(Module):
    """A function as a module: its settings are given once, its tensors at each call.

    Attributes:
        function: the function of `nn.functional`, whose documentation says what it computes.
        settings: its parameters that are given at construction.
        follows_mode: whether the function is told if the module is in training mode.
    """

    function: ClassVar[Callable[..., Any]]
    settings: ClassVar[inspect.Signature]
    follows_mode: ClassVar[bool]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        try:
            given = self.settings.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{self.settings}: {error}") from None
        given.apply_defaults()
        for name, value in given.arguments.items():
            if name == "stride" and value is None:
                value = self.kernel_size
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Any:
        """The function of the inputs."""
        settings = {name: getattr(self, name) for name in self.settings.parameters}
        if self.follows_mode:
            settings["training"] = self.training
        return type(self).function(*inputs, **settings)


def applied(name: str, function: Callable[..., Any], *, tensors: int = 1, shown: str | None = None, without: str = "",
            last: str = "") -> type[Applied]:
    """The module class of a function whose first `tensors` parameters are given at each call.

    Args:
        shown: the settings that are printed; all by default.
        without: a parameter that the module does not have.
        last: the setting that comes last in the module, though not in the function.
    """
    parameters = list(inspect.signature(function).parameters.values())[tensors:]
    settings = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters if p.name not in ("training", "dtype", without)]
    settings.sort(key=lambda p: p.name == last)

    def __init__(self: Applied, *args: Any, **kwargs: Any) -> None:
        Applied.__init__(self, *args, **kwargs)

    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature([this, *settings])       # type: ignore[attr-defined]  # what editors show
    return type(name, (Applied,), {
        "__init__": __init__, "function": staticmethod(function),
        "settings": inspect.Signature([p.replace(annotation=p.empty) for p in settings]),
        "shown": " ".join(p.name for p in settings).replace("inplace", "inplace=False") if shown is None else shown,
        "follows_mode": any(p.name == "training" for p in parameters),
        "__module__": __name__, "__doc__": function.__doc__})


# ---- activations
ReLU, ReLU6 = applied("ReLU", F.relu), applied("ReLU6", F.relu6)
LeakyReLU = applied("LeakyReLU", F.leaky_relu)
ELU, CELU, SELU = applied("ELU", F.elu), applied("CELU", F.celu), applied("SELU", F.selu)
GELU, SiLU, Mish, GLU = applied("GELU", F.gelu), applied("SiLU", F.silu), applied("Mish", F.mish), applied("GLU", F.glu)
Sigmoid, LogSigmoid = applied("Sigmoid", F.sigmoid), applied("LogSigmoid", F.logsigmoid)
Tanh, Hardtanh = applied("Tanh", F.tanh), applied("Hardtanh", F.hardtanh)
Hardsigmoid, Hardswish = applied("Hardsigmoid", F.hardsigmoid), applied("Hardswish", F.hardswish)
Softplus, Softsign = applied("Softplus", F.softplus), applied("Softsign", F.softsign)
Softmax, Softmin = applied("Softmax", F.softmax), applied("Softmin", F.softmin)
LogSoftmax = applied("LogSoftmax", F.log_softmax)

# ---- pools and what else slides
_POOL = "kernel_size stride padding dilation ceil_mode"
MaxPool1d = applied("MaxPool1d", F.max_pool1d, shown=_POOL, last="ceil_mode")
MaxPool2d = applied("MaxPool2d", F.max_pool2d, shown=_POOL, last="ceil_mode")
AvgPool1d = applied("AvgPool1d", F.avg_pool1d, shown="kernel_size stride padding")
AvgPool2d = applied("AvgPool2d", F.avg_pool2d, shown="kernel_size stride padding")
AdaptiveAvgPool1d = applied("AdaptiveAvgPool1d", F.adaptive_avg_pool1d)
AdaptiveAvgPool2d = applied("AdaptiveAvgPool2d", F.adaptive_avg_pool2d)
Unfold = applied("Unfold", F.unfold)

# ---- chance and distances
Dropout = applied("Dropout", F.dropout, shown="p inplace")
CosineSimilarity = applied("CosineSimilarity", F.cosine_similarity, tensors=2)

# ---- losses
_loss = partial(applied, tensors=2, shown="")
L1Loss, MSELoss = _loss("L1Loss", F.l1_loss, without="weight"), _loss("MSELoss", F.mse_loss, without="weight")
SmoothL1Loss = _loss("SmoothL1Loss", F.smooth_l1_loss)
HuberLoss = _loss("HuberLoss", F.huber_loss, without="weight")
KLDivLoss, BCELoss = _loss("KLDivLoss", F.kl_div), _loss("BCELoss", F.binary_cross_entropy)
BCEWithLogitsLoss = _loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits)
NLLLoss, CrossEntropyLoss = _loss("NLLLoss", F.nll_loss), _loss("CrossEntropyLoss", F.cross_entropy)
