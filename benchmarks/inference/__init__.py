"""The model without a server: batches, runtimes, and the lower bound of every server."""
