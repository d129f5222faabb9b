"""Tests of npusim.operators."""
