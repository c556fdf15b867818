"""Cases of the losses of generative models."""
