"""The engine of the process, and the choice of its model."""
