"""Automatic differentiation: the backward pass, its switches, and what is built on them."""
from . import functional
from .checkpoint import checkpoint
from .engine import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .switches import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
