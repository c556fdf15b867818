"""Enclosures of a number that depends on the input, with its derivatives: smooth functions, branches, closed forms."""
