"""Tests of npusim.frontends.torch."""
