"""How an objective is evaluated, directly or over the parts of a batch, and differentiated. Private."""
