"""Tests of npusim.report."""
