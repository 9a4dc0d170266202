"""Groups of rows or texts that are alike: how many, how clear, how steady, and what about."""
