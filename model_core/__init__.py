"""The model: text in, a probability for each label out. Imports neither Django nor ``live``."""
