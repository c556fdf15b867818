"""What the families share: checks, masks, reductions and guarded functions. Private."""
