"""What was tried and the shipped model does not use: pre-training, and comparing options side by side."""
