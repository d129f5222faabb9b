"""How a chip computes: its arithmetic as data, literal references of it, and error bounds computed from the data."""
