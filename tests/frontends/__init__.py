"""Tests of npusim.frontends."""
