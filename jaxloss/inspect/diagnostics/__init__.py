"""Signals in a training loop that tell which failure mode a loss has met, and which loss to try.

Every module holds one kind of signal and has the same three functions. ``init`` makes a state of zeros, a small
pytree of arrays. ``update`` adds the examples of a batch, inside ``jit``; nothing of it enters the gradient, and
``where=`` is deletion. ``read`` turns a state into a few numbers. A state only holds sums, so states of micro-batches
and devices merge by addition. `read_every` reads at every so many steps, `append` collects the readings on the host,
and `report` turns them into alarms. Held-out examples belong into a state once between two reads: counted twice, they
look like twice the evidence.

>>> import jax, jax.numpy as jnp, jaxloss
>>> from jaxloss.inspect import diagnostics
>>> weights, inputs = jnp.array([[4.0, -4.0], [-4.0, 4.0]]), jnp.eye(2)[jnp.array([0, 0, 0, 1])]
>>> labels = jnp.array([0, 0, 1, 1])
>>> @jax.jit
... def step(states, number):
...     logits = inputs @ weights  # of new examples, which the model was not trained on
...     seen = diagnostics.calibration.update(states["held out"], logits, labels)
...     return diagnostics.read_every({"held out": seen}, number, every=5)
>>> states, history = {"held out": diagnostics.calibration.init()}, None
>>> for number in range(25):
...     due, readings, states = step(states, number)
...     history = diagnostics.append(history, number, readings, due=due)
>>> [alarm.name for alarm in diagnostics.report(history)]
['over-confidence']

| failure | module |
|---|---|
| over-confidence | `calibration` |
| easy negatives | `gradient_shares` |
| saturation: wrong examples without a gradient | `saturation` |
| dead units | `units` |
| loss of plasticity | `ranks`, `plasticity` |
| shortcuts, or feature starvation | `groups`, `cues`, `gradient_shares.agreement` |
| terms that conflict or dominate | `terms`, in one line: `terms.recorded` |
| batches too small or too large | `noise` |
| collapsed or badly spread embeddings | `embeddings`, `pairs`, `triplets` |
"""

from jaxloss.inspect.diagnostics import (
    calibration,
    cues,
    embeddings,
    gradient_shares,
    groups,
    noise,
    pairs,
    plasticity,
    ranks,
    saturation,
    terms,
    triplets,
    units,
)
from jaxloss.inspect.diagnostics.alarms import RULES, Alarm, History, Rule, append, report
from jaxloss.inspect.diagnostics.states import merge, read, read_every, restart

__all__ = [
    "RULES",
    "Alarm",
    "History",
    "Rule",
    "append",
    "calibration",
    "cues",
    "embeddings",
    "gradient_shares",
    "groups",
    "merge",
    "noise",
    "pairs",
    "plasticity",
    "ranks",
    "read",
    "read_every",
    "report",
    "restart",
    "saturation",
    "terms",
    "triplets",
    "units",
]
