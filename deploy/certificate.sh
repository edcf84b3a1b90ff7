#!/bin/sh
# What certbot runs for a new certificate, whose folder it names in RENEWED_LINEAGE: the proxy gets a copy and reads it, which
# cuts no socket.
set -eu
cd "$(dirname "$0")/.."
# Of the user that the proxy runs as: it reads them itself, and nobody else does.
install -o 101 -g 101 -m 400 "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" tls/
docker compose exec -T proxy nginx -c /tmp/nginx.conf -s reload
