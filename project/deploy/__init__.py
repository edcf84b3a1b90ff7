"""What runs a whole site around the server: the proxy's configuration, Kubernetes manifests, the health check."""
