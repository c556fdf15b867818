"""Penalties that stand beside a main loss: on parameters and on representations."""
