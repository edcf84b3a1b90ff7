"""What is trained: initial weights, teachers of any architecture, and TF-IDF to compare with."""
