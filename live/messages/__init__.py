"""What goes over the wire: the classes of every message, and the table of errors."""
