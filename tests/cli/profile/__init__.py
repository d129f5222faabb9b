"""Tests of `npusim profile`."""
