"""Tests of npusim.demo."""
