"""Margin losses, Fenchel-Young losses and losses on angles between embeddings and class centres."""
