"""One way to run a loss, whichever package it comes from: built, run, and asked what it costs."""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["QUANTITIES", "Figures", "JaxProgram", "StreamProgram", "TorchProgram", "figures", "stream"]

QUANTITIES = ("value", "value_and_grad")

Figures = dict[str, Any]


def figures(compiled: jax.stages.Compiled) -> Figures:
    """What the compiler says of its program, in bytes and FLOPs; the body of a loop counts once in the last two."""
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    sizes = (
        {}
        if memory is None
        else {
            "temp_bytes": memory.temp_size_in_bytes,
            "argument_bytes": memory.argument_size_in_bytes,
            "output_bytes": memory.output_size_in_bytes,
        }
    )
    return {**sizes, "bytes_accessed": cost.get("bytes accessed", float("nan")), "flops": cost.get("flops", 0.0)}


class JaxProgram:
    """A scalar function of arrays and its gradient, compiled ahead of time.

    The arrays are arguments of the compiled program: closed over they would be constants, which XLA folds.
    """

    def __init__(self, fn: Callable[..., Any], inputs: Sequence[Any], argnums: Sequence[int]) -> None:
        self.functions = {"value": fn, "value_and_grad": jax.value_and_grad(fn, argnums=tuple(argnums))}
        self.inputs = inputs
        self.compiled: dict[str, jax.stages.Compiled] = {}

    def build(self, quantity: str) -> tuple[float, float]:
        """Trace and compile as in a fresh process; the seconds of both."""
        fn = self.functions[quantity]
        jax.clear_caches()
        start = time.perf_counter()
        traced = jax.jit(lambda *inputs: fn(*inputs)).trace(*self.inputs)
        middle = time.perf_counter()
        self.compiled[quantity] = traced.lower().compile()
        return middle - start, time.perf_counter() - middle

    def run(self, quantity: str) -> Any:
        """A result that has been waited for: the value, or the value and a tuple of gradients."""
        if quantity not in self.compiled:
            self.build(quantity)
        return jax.block_until_ready(self.compiled[quantity](*self.inputs))


class TorchProgram:
    """The same for PyTorch where the arrays are, which is eager: there is nothing to trace or compile."""

    def __init__(self, fn: Callable[..., Any], inputs: Sequence[jax.Array], argnums: Sequence[int]) -> None:
        import torch

        self.cuda = jax.default_backend() == "gpu"
        if jax.default_backend() == "tpu" or (self.cuda and not torch.cuda.is_available()):
            raise ImportError(f"PyTorch here does not run on a {jax.default_backend()}")
        self.torch, self.fn = torch, fn
        tensors = [torch.from_dlpack(x) for x in inputs]
        integers = (torch.int8, torch.int16, torch.int32)
        self.tensors = [x.long() if x.dtype in integers else x for x in tensors]
        self.variables = [self.tensors[i].requires_grad_() for i in argnums]

    def run(self, quantity: str) -> Any:
        if quantity == "value":
            with self.torch.no_grad():
                return self._arrays(self.fn(*self.tensors))[0]
        value = self.fn(*self.tensors)
        gradients = self.torch.autograd.grad(value, self.variables)
        value, *slopes = self._arrays(value.detach(), *gradients)
        return value, tuple(slopes)

    def _arrays(self, *tensors: Any) -> list[jax.Array]:
        """The results, which have been waited for: JAX cannot know when PyTorch is done on a GPU."""
        if self.cuda:
            self.torch.cuda.synchronize()
        return [jnp.from_dlpack(tensor.contiguous()) for tensor in tensors]


def stream(argnums: Sequence[int]) -> Callable[..., tuple[jax.Array, ...]]:
    """The yardstick: every differentiated input, and what has its shape, read once, and one like it written.

    No gradient can touch less memory, so its time is the floor of a loss that memory bounds. It works on the bits,
    as a copy does: on a CPU arithmetic in 16-bit floats costs more than the memory.
    """

    def bits(x: jax.Array) -> jax.Array:
        return jax.lax.bitcast_convert_type(x, f"uint{8 * x.dtype.itemsize}")

    def one(x: jax.Array, others: tuple[jax.Array, ...]) -> jax.Array:
        like = [bits(y) for y in others if y.shape == x.shape and y.dtype == x.dtype]
        return jax.lax.bitcast_convert_type(functools.reduce(operator.xor, like, ~bits(x)), x.dtype)

    def copy(*inputs: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(one(inputs[i], inputs[:i] + inputs[i + 1 :]) for i in argnums)

    return copy


class StreamProgram(JaxProgram):
    """The yardstick as a program: the same work for both quantities."""

    def __init__(self, inputs: Sequence[Any], argnums: Sequence[int]) -> None:
        copy = stream(argnums)
        super().__init__(copy, inputs, argnums)
        self.functions = dict.fromkeys(QUANTITIES, copy)
