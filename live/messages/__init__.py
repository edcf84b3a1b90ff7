"""The protocol: a class for each message, and the table of errors."""
