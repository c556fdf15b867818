"""The rows of a certificate, each proved, refuted with a witness, or left open."""
