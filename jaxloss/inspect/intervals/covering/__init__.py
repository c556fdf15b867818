"""Boxes that tile the domain, cut where comparisons flip and halved where a row is undecided."""
