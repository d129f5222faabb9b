"""Tests of npusim; the folders mirror the package."""
