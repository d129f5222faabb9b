"""Tests of npusim.executor."""
