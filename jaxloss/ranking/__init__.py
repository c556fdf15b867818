"""Learning to rank: losses of scores against relevance, over lists, pairs and comparisons.

A list is the last batch axis, ``[..., items]``; lists of different length are padded and masked with ``where``.
"""
