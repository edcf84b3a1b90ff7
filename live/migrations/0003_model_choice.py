"""Which model is to answer."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0002_feedback"),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="Its folder; empty for STARCAST_CHECKPOINT.", max_length=200
                    ),
                ),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("chosen", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-pk",),
            },
        ),
    ]
