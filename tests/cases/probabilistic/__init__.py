"""Cases of `jaxloss.probabilistic`."""
