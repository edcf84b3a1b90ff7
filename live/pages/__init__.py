"""Web pages and their content."""
