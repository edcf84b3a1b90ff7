"""API keys."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="Who or what uses the key.", max_length=100)),
                (
                    "prefix",
                    models.CharField(editable=False, help_text="The start of the key.", max_length=16, unique=True),
                ),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_used", models.DateTimeField(editable=False, null=True)),
                ("revoked", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ("-created", "-pk"),
            },
        ),
    ]
