"""How good a model is: metrics, ratings of short texts, stability, and the style of the pictures."""
