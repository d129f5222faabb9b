"""Words and tables for people: what faces print and what documents are generated from."""
