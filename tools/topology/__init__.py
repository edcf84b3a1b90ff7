"""A whole site on loopback, from the files in deploy/: TLS proxy, servers, Redis, PostgreSQL."""
