"""``starcast-conformance``: tests any server against the observable rules of ``starcast.v1``."""
