"""Access and rate limits per connection, address and API key."""
