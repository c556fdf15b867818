"""Cases of `jaxloss.reinforcement`."""
