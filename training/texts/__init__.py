"""Which texts a model learns from and is measured on: beginnings, sentences, changed and made-up ones."""
