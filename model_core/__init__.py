"""The rating model: text in, eight class probabilities out. Imports neither Django nor ``live``."""
