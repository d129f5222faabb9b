"""Importers: turn a vendor's machine-readable tables into the text of a profile."""
