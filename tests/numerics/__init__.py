"""Tests of npusim.numerics."""
