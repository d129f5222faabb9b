"""The pytest plugin, seen through runs of pytest on small suites."""
