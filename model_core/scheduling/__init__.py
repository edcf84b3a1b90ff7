"""Which text is next, and how much of it: the queue of the model, fair turns, and limits on background work."""
