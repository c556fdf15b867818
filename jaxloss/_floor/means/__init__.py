"""Means of losses: what a reduction can be, what it reduced, means of squares and of sorted losses. Private."""
