"""Feedback on models that do not rate films: names of labels in place of stars."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0005_tokens_and_usage"),
    ]

    operations = [
        migrations.AddField(
            model_name="feedback",
            name="label",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, help_text="The person's label; empty for films."
            ),
        ),
        migrations.AddField(
            model_name="feedback",
            name="model_label",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, help_text="The model's most likely label."
            ),
        ),
        migrations.AlterField(
            model_name="feedback",
            name="expected_stars",
            field=models.FloatField(editable=False, help_text="Mean of the model's distribution.", null=True),
        ),
        migrations.AlterField(
            model_name="feedback",
            name="model_stars",
            field=models.PositiveSmallIntegerField(
                editable=False, help_text="The model's most likely rating of a film.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="feedback",
            name="probabilities",
            field=models.JSONField(editable=False, help_text="One for each label of the model."),
        ),
        migrations.AlterField(
            model_name="feedback",
            name="stars",
            field=models.PositiveSmallIntegerField(
                editable=False, help_text="The person's rating of a film.", null=True
            ),
        ),
    ]
