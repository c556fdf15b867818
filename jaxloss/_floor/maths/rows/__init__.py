"""What is computed of whole rows: lengths, angles, shared memberships, products, recursions. Private."""
