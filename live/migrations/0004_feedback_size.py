"""The bytes of each feedback, so that they can be counted without reading the texts, and an index on its age."""

import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def measure(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Fill in the bytes of what was stored before."""
    feedback = apps.get_model("live", "Feedback")
    for record in feedback.objects.only("text").iterator():
        feedback.objects.filter(pk=record.pk).update(size=len(record.text.encode()))


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0003_model_choice"),
    ]

    operations = [
        migrations.AddField(
            model_name="feedback",
            name="size",
            # The database knows the default too: servers of the version before do not.
            field=models.PositiveIntegerField(
                db_default=0, db_index=True, editable=False, help_text="Bytes of the text."
            ),
        ),
        migrations.AlterField(
            model_name="feedback",
            name="created",
            field=models.DateTimeField(db_index=True, default=django.utils.timezone.now, editable=False),
        ),
        migrations.RunPython(measure, migrations.RunPython.noop),
    ]
