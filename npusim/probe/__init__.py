"""Probes: what a machine that has the chip is to try, and what its answers mean for a profile."""
