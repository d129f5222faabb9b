"""The PyTorch front end: turns what a model calls into calls of operators, and plays the chip's part in them."""
