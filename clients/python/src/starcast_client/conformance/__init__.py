"""``starcast-conformance``: holds any server to every promise of ``starcast.v1`` that shows from outside."""
