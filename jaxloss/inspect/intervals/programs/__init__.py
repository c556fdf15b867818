"""Runs the program that JAX traced on enclosures, with one rule for each of its steps."""
