"""What textbook theorems say of losses of a vector: data in TOML, believed only where a live search agrees."""
