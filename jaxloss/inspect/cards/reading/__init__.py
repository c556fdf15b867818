"""How a library loss is read as a function of one number or one vector."""
