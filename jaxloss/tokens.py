"""Helpers for the tokens of language models: labels, masking, log-probabilities of tokens and sequences.

`next_tokens` makes the inputs and labels of a causal language model and `mask_tokens` those of a masked one.
`previous_tokens` marks what has occurred before, for `jaxloss.unlikelihood_loss`.
`selective_log_softmax` gives the log-probabilities of the tokens that occurred, and `sequence_logps` and
`mean_sequence_logps` pool them into what preference and policy losses take. `soft_cap_logits` bounds the scores.

Example:
    >>> batch = jaxloss.tokens.next_tokens(jnp.array([[0, 1, 2, 2]]))
    >>> logits = jnp.zeros((1, 3, 4))  # of a model that was run on batch.inputs
    >>> token_logps = jaxloss.tokens.selective_log_softmax(logits, batch.labels, where=batch.where)
    >>> jaxloss.tokens.sequence_logps(token_logps, where=batch.where)  # 3 log(1 / 4)
    Array([-4.158883], dtype=float32)
"""

from jaxloss.language import _sequence_scores, _token_scores, _tokens
from jaxloss.language._sequence_scores import *
from jaxloss.language._token_scores import *
from jaxloss.language._tokens import *

__all__: list[str] = []
__all__ += _sequence_scores.__all__
__all__ += _token_scores.__all__
__all__ += _tokens.__all__
