"""Penalties on parameters: any pytree, with a mask for the leaves that stay free."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.penalties._trees import Mask, counted_leaves, counted_pairs, total

__all__ = ["elastic_net_penalty", "l1_penalty", "l2_penalty", "l2_sp_penalty"]


def l1_penalty(params: Any, *, mask: Mask | None = None) -> Array:
    r"""L1 penalty (lasso): sum of the absolute values of all parameters, which drives many of them to 0.

    .. math:: \ell = \sum_{i} |\theta_i|

    The subgradient at 0 is 0, so parameters that are exactly 0 are not disturbed.

    Args:
        params, mask: As in `l2_penalty`.

    Returns:
        A scalar >= 0, 0 exactly at 0; float32, or float64 if a leaf is.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` gives something other than True or False.
        ValueError: If the structure of ``mask`` does not match ``params``.

    Example:
        >>> jaxloss.l1_penalty({"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([3.0])})
        Array(6., dtype=float32)

    Reference:
        Tibshirani (1996), Regression Shrinkage and Selection via the Lasso.
        https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    """
    return total([jnp.sum(numerics.magnitude(leaf)) for leaf in counted_leaves(params, mask)])


def l2_penalty(params: Any, *, mask: Mask | None = None) -> Array:
    r"""L2 penalty (ridge, weight decay): sum of the squares of all parameters.

    .. math:: \ell = \sum_{i} \theta_i^2

    There is no factor 1/2 and no mean: the gradient is :math:`2\theta`, and PyTorch's ``weight_decay=d`` in SGD is
    this penalty times ``d / 2``. Under Adam a penalty in the loss is not decoupled weight decay (AdamW). The result
    is one number per model, not per example, so there is no ``where``, ``weights`` or ``reduction``.

    Args:
        params: Any pytree of arrays. Integer and boolean leaves and random keys are ignored; an empty tree gives 0.
        mask: The leaves that count: a pytree of booleans with the structure of ``params`` or a prefix of it, or a
            function ``(path, leaf) -> bool``, where ``path`` is the tuple of JAX key entries of the leaf
            (``jax.tree_util.keystr`` writes it out). None counts all.

    Returns:
        A scalar >= 0, 0 exactly at 0; float32, or float64 if a leaf is. Leaves of 16 bits are raised before they
        are squared, and their gradients come back in 16 bits.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` gives something other than True or False.
        ValueError: If the structure of ``mask`` does not match ``params``.

    Example:
        >>> params = {"dense": {"kernel": jnp.array([[1.0, 2.0]]), "bias": jnp.array([3.0])}}
        >>> jaxloss.l2_penalty(params)
        Array(14., dtype=float32)
        >>> jaxloss.l2_penalty(params, mask=lambda path, leaf: leaf.ndim > 1)
        Array(5., dtype=float32)

    Reference:
        Hoerl and Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal Problems.
        https://doi.org/10.1080/00401706.1970.10488634
    """
    return total([jnp.sum(jnp.square(leaf)) for leaf in counted_leaves(params, mask)])


def elastic_net_penalty(params: Any, *, l1_factor: Scalar, l2_factor: Scalar, mask: Mask | None = None) -> Array:
    r"""Elastic net penalty: weighted sum of the L1 and L2 penalties; sparse, and stable for correlated features.

    .. math:: \ell = \lambda_1 \sum_{i} |\theta_i| + \lambda_2 \sum_i \theta_i^2

    As in Keras, with no factor 1/2; scikit-learn's ``ElasticNet(alpha, l1_ratio)`` has
    ``l1_factor=alpha * l1_ratio`` and ``l2_factor=alpha * (1 - l1_ratio) / 2``.

    Args:
        params: As in `l2_penalty`.
        l1_factor: :math:`\lambda_1` >= 0.
        l2_factor: :math:`\lambda_2` >= 0.
        mask: As in `l2_penalty`.

    Returns:
        A scalar >= 0, 0 exactly at 0; float32, or float64 if a leaf is.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` gives something other than True or False.
        ValueError: If the structure of ``mask`` does not match ``params``, or a factor is negative.

    Example:
        >>> params = {"kernel": jnp.array([[1.0, -2.0]])}
        >>> jaxloss.elastic_net_penalty(params, l1_factor=0.5, l2_factor=0.25)
        Array(2.75, dtype=float32)

    Reference:
        Zou and Hastie (2005), Regularization and Variable Selection via the Elastic Net.
        https://doi.org/10.1111/j.1467-9868.2005.00503.x
    """
    leaves = counted_leaves(params, mask)
    dtype = leaves[0].dtype if leaves else jnp.float32
    first = checks.scalar("l1_factor", l1_factor, dtype, at_least=0)
    second = checks.scalar("l2_factor", l2_factor, dtype, at_least=0)
    parts = [jnp.sum(first * numerics.magnitude(leaf) + second * jnp.square(leaf)) for leaf in leaves]
    return total(parts)


def l2_sp_penalty(params: Any, initial: Any, *, importance: Any | None = None, mask: Mask | None = None) -> Array:
    r"""L2-SP penalty: sum of the squared distances of all parameters from earlier values; with importance, EWC.

    .. math:: \ell = \sum_{i} F_i (\theta_i - \theta_i^0)^2

    In fine-tuning it keeps what was learned before (L2-SP, the starting point); in continual learning from scratch it
    keeps a network able to learn (L2 init). Elastic weight consolidation is half of it, with the parameters after the
    last task and the diagonal of the Fisher information there: the mean over examples of the squared gradient of
    each log-likelihood, of labels that the network draws. Memory-aware synapses and synaptic intelligence are other
    importances.

    Args:
        params: As in `l2_penalty`.
        initial: The earlier parameters, of the structure and shapes of ``params``; no gradient flows to them.
        importance: Factors :math:`F_i` >= 0, of the structure and shapes of ``params``; a negative one gives NaN. No
            gradient flows to them. None is 1.
        mask: As in `l2_penalty`.

    Returns:
        A scalar >= 0, 0 exactly at the start; float32, or float64 if a leaf is.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` gives something other than True or False; or if only one
            of ``initial`` and ``importance`` is floating at a leaf.
        ValueError: If the structure of ``mask``, ``initial`` or ``importance`` does not match ``params``.

    Example:
        >>> params, initial = {"kernel": jnp.array([1.0, 2.0])}, {"kernel": jnp.array([1.0, -1.0])}
        >>> jaxloss.l2_sp_penalty(params, initial)
        Array(9., dtype=float32)
        >>> jaxloss.l2_sp_penalty(params, initial, importance={"kernel": jnp.array([5.0, 0.5])})
        Array(4.5, dtype=float32)

    Reference:
        Li, Grandvalet and Davoine (2018), Explicit Inductive Bias for Transfer Learning with Convolutional Networks.
        https://arxiv.org/abs/1802.01483
        Kumar, Marklund and Van Roy (2023), Maintaining Plasticity in Continual Learning via Regenerative
        Regularization. https://arxiv.org/abs/2308.11958
        Kirkpatrick et al. (2017), Overcoming Catastrophic Forgetting in Neural Networks (elastic weight consolidation).
        https://arxiv.org/abs/1612.00796
    """
    constant = jax.lax.stop_gradient
    pairs = counted_pairs(params, initial, "initial", mask)
    squares = [jnp.square(now - constant(then)) for now, then in pairs]
    if importance is not None:
        factors = [constant(factor) for _, factor in counted_pairs(params, importance, "importance", mask)]
        if len(factors) != len(pairs):
            raise TypeError("initial and importance must be floating wherever params are.")
        for factor in factors:
            value_checks.ensure(lambda factor=factor: factor >= 0, "importance must be >= 0 everywhere")
        factors = [numerics.poison(factor, factor >= 0) for factor in factors]
        dtype = squares[0].dtype if squares else jnp.float32
        squares = [factor.astype(dtype) * square for factor, square in zip(factors, squares, strict=True)]
    return total([jnp.sum(square) for square in squares])
