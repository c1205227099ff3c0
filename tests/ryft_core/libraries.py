"""Ryft and JAX under the same names, so that a test writes a function once and JAX is its oracle."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.ad_checkpoint
import jax.numpy as jnp
import numpy

import ryft_core
from ryft_core.arrays import device_array
from ryft_core.primitives import barriers, collectives, comparison, exponential, linear_algebra
from ryft_core.primitives.control_flow import associative, conditional, loops, solves
from ryft_core.transforms import checkpoint, checkpoint_policies, custom_rules, linear_transpose

__all__ = ["JAX", "RYFT", "agree", "both"]

RYFT: Any = SimpleNamespace(
    array=lambda x: device_array(numpy.asarray(x)),
    grad=ryft_core.grad,
    value_and_grad=ryft_core.value_and_grad,
    jit=ryft_core.jit,
    vmap=ryft_core.vmap,
    jvp=ryft_core.jvp,
    vjp=ryft_core.vjp,
    linearize=ryft_core.linearize,
    jacfwd=ryft_core.jacfwd,
    jacrev=ryft_core.jacrev,
    hessian=ryft_core.hessian,
    checkpoint=checkpoint.checkpoint,
    policies=checkpoint_policies,
    checkpoint_name=barriers.checkpoint_name,
    stop_gradient=barriers.stop_gradient,
    optimization_barrier=barriers.optimization_barrier,
    custom_jvp=custom_rules.custom_jvp,
    custom_vjp=custom_rules.custom_vjp,
    linear_transpose=linear_transpose.linear_transpose,
    cond=conditional.cond,
    switch=conditional.switch,
    scan=loops.scan,
    while_loop=loops.while_loop,
    fori_loop=loops.fori_loop,
    map=loops.map,
    associative_scan=associative.associative_scan,
    custom_root=solves.custom_root,
    custom_linear_solve=solves.custom_linear_solve,
    **{name: getattr(collectives, name) for name in collectives.__all__ if name[0].islower()},
    sin=exponential.sin,
    cos=exponential.cos,
    exp=exponential.exp,
    tanh=exponential.tanh,
    where=comparison.where,
    ones=numpy.ones(3, "float32"),
    matmul=linear_algebra.matmul,
)

JAX: Any = SimpleNamespace(
    array=jnp.asarray,
    grad=jax.grad,
    value_and_grad=jax.value_and_grad,
    jit=jax.jit,
    vmap=jax.vmap,
    jvp=jax.jvp,
    vjp=jax.vjp,
    linearize=jax.linearize,
    jacfwd=jax.jacfwd,
    jacrev=jax.jacrev,
    hessian=jax.hessian,
    checkpoint=jax.checkpoint,
    policies=jax.checkpoint_policies,
    checkpoint_name=jax.ad_checkpoint.checkpoint_name,
    stop_gradient=jax.lax.stop_gradient,
    optimization_barrier=jax.lax.optimization_barrier,
    custom_jvp=jax.custom_jvp,
    custom_vjp=jax.custom_vjp,
    linear_transpose=jax.linear_transpose,
    cond=jax.lax.cond,
    switch=jax.lax.switch,
    scan=jax.lax.scan,
    while_loop=jax.lax.while_loop,
    fori_loop=jax.lax.fori_loop,
    map=jax.lax.map,
    associative_scan=jax.lax.associative_scan,
    custom_root=jax.lax.custom_root,
    custom_linear_solve=jax.lax.custom_linear_solve,
    psum=jax.lax.psum,
    pmean=jax.lax.pmean,
    pmax=jax.lax.pmax,
    pmin=jax.lax.pmin,
    all_gather=jax.lax.all_gather,
    all_to_all=jax.lax.all_to_all,
    ppermute=jax.lax.ppermute,
    pshuffle=jax.lax.pshuffle,
    psum_scatter=jax.lax.psum_scatter,
    axis_index=jax.lax.axis_index,
    sin=jnp.sin,
    cos=jnp.cos,
    exp=jnp.exp,
    tanh=jnp.tanh,
    where=jnp.where,
    ones=numpy.ones(3, "float32"),
    matmul=jnp.matmul,
)


def agree(result: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Checks that two structures have the same leaves, up to rounding."""
    ours, theirs = ryft_core.tree.leaves(result), jax.tree.leaves(expected)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        array, reference = numpy.asarray(one), numpy.asarray(other)
        assert array.shape == reference.shape
        numpy.testing.assert_allclose(array, reference, rtol=tolerance, atol=tolerance)


def both(function: Callable[..., Any], *operands: Any, tolerance: float = 1e-5) -> None:
    """Checks that `function(library, *operands)` gives the same with Ryft and with JAX.

    JAX compiles the whole of it at once, which takes less time than one operation after the other.
    """
    agree(function(RYFT, *operands), jax.jit(lambda: function(JAX, *operands))(), tolerance)
