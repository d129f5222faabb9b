"""Tests of npusim.profiles."""
