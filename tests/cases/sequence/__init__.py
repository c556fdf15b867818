"""Cases of `jaxloss.sequence`."""
