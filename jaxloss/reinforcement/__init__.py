"""Reinforcement learning: errors and losses of values and policies.

Names and time suffixes are those of rlax: ``_tm1`` for time t - 1 and ``_t`` for time t. Batch axes lead; where
steps meet each other, time is the last batch axis, ``[..., T]``.
"""
