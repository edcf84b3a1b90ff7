"""A whole site on loopback, made of the files in deploy/: TLS proxy, servers, Redis, PostgreSQL."""
