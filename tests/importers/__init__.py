"""Tests of the importers, on small files written in the structure of the vendors'."""
