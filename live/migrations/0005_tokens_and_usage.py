"""Short-lived tokens that were used, and what keys used."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0004_feedback_size"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsedToken",
            fields=[
                ("id", models.CharField(editable=False, max_length=32, primary_key=True, serialize=False)),
                ("ends", models.DateTimeField(db_index=True, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="KeyUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "reference",
                    models.CharField(blank=True, help_text="Of the token; empty for the key itself.", max_length=64),
                ),
                ("texts", models.PositiveBigIntegerField(default=0)),
                ("tokens", models.PositiveBigIntegerField(default=0)),
                ("explanations", models.PositiveBigIntegerField(default=0)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="usage", to="live.apikey"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "usage of keys",
                "constraints": [models.UniqueConstraint(fields=("key", "day", "reference"), name="one_usage_a_day")],
            },
        ),
    ]
