"""Parts of a text: its words and sentences, pieces that are tokenised again, and how legible its words are."""
