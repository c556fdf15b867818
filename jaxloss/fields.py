"""Derivatives of fields, the building blocks of physics-informed losses.

A field is a function ``u(params, x)`` of parameters and one point ``x``; time is a coordinate like the others. Each
function here turns a field into another field. Write the residual of an equation with them, here that of the heat
equation in one dimension, and give it to `jaxloss.pde_residual_loss`:

    >>> u = lambda rate, x: jnp.exp(-rate * x[1]) * jnp.sin(x[0])
    >>> u_t = jaxloss.fields.derivative(u, -1)
    >>> u_xx = jaxloss.fields.laplacian(u, coordinates=[0])
    >>> heat = lambda rate, x: u_t(rate, x) - u_xx(rate, x)
    >>> points = jnp.array([[0.5, 0.0], [1.0, 0.25]])
    >>> print(jaxloss.pde_residual_loss(heat, 1.0, points), jaxloss.pde_residual_loss(heat, 2.0, points))
    0.0 0.24516726
"""

from jaxloss.physics import fields
from jaxloss.physics.fields import *

__all__: list[str] = []
__all__ += fields.__all__
