"""Tests of npusim.profiles.rules."""
