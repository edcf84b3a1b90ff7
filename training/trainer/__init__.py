"""The training loop and what it needs: batches, losses, soft labels, device, and the folder of a run."""
