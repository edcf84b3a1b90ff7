#!/bin/sh
# certbot's deploy hook: copies the new certificate from RENEWED_LINEAGE to the proxy and reloads it. Connections stay open.
set -eu
cd "$(dirname "$0")/.."
# 101 is the proxy's user; only that user may read the key.
install -o 101 -g 101 -m 400 "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" tls/
docker compose exec -T proxy nginx -c /tmp/nginx.conf -s reload
