"""One HTML page about one set of results."""
