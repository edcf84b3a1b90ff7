"""Feedback."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0001_api_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Feedback",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField(editable=False)),
                ("stars", models.PositiveSmallIntegerField(editable=False, help_text="The person's rating.")),
                (
                    "model_stars",
                    models.PositiveSmallIntegerField(editable=False, help_text="The model's most likely rating."),
                ),
                ("expected_stars", models.FloatField(editable=False, help_text="Mean of the model's distribution.")),
                (
                    "probabilities",
                    models.JSONField(editable=False, help_text="One for each rating, 1 to 4 and 7 to 10 stars."),
                ),
                ("model_version", models.CharField(editable=False, max_length=64)),
                (
                    "language",
                    models.CharField(blank=True, editable=False, help_text="Language of the page.", max_length=16),
                ),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name_plural": "feedback",
                "ordering": ("-created", "-pk"),
            },
        ),
    ]
