"""Losses of representations: pairs, triplets, batches that contrast their examples, views of one example, teachers."""
