"""The rows of a card, one module for each thing that is measured."""
