"""Reading the dataset, training, judging and exporting a rating model. Needs the ``train`` extra."""
