"""Which static files are collected."""

from django.contrib.staticfiles import apps


class StaticFilesConfig(apps.StaticFilesConfig):
    """Leaves out the second API console that django-ninja brings: 4 MB that nobody asks for."""

    ignore_patterns = [*apps.StaticFilesConfig.ignore_patterns, "redoc.*"]  # noqa: RUF012
