"""Tests of npusim.cli."""
