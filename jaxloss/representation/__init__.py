"""Losses of representations: pairs, triplets, batches that contrast their own examples, views of one example, teachers."""
