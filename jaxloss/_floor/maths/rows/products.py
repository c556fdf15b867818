"""How exact the products of matrices of the user's data are.

Accelerators round the factors of a product to 16 bits unless told otherwise, and losses multiply such errors: a cosine
is divided by its temperature. So products are in full precision by default, which takes a TPU's matrix unit six passes
for float32, three if one factor is bfloat16, and one if both are. Whoever sets another precision with
``jax.default_matmul_precision``, as a context or as a flag of the configuration, has chosen and gets it.

Products that an algorithm subtracts from each other (squared distances, variances, deviations from the identity) and
those of gradients with each other always take the highest precision.
"""

from __future__ import annotations

import jax

__all__ = ["precision"]


def precision() -> jax.lax.Precision | None:
    """The highest; None, which means the user's, where the user has set one."""
    return jax.lax.Precision.HIGHEST if jax.default_matmul_precision.value is None else None
