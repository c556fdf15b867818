"""Language models: what to predict, and terms on the scores over a vocabulary."""
