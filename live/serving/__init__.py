"""The one engine of the process, and which model it runs."""
