"""Equations, bounds and formulas as losses: differential equations, constraints, logic."""
