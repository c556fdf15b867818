"""Cases of `jaxloss.language`."""
