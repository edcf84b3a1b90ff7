"""Speed measurements of Starcast and its peers."""
