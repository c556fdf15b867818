"""Cases of `jaxloss.distillation`, one module for each of its modules."""
