"""``starcast score``: rate the reviews of a file."""
