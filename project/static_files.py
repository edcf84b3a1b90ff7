"""Configures which static files are collected."""

from django.contrib.staticfiles import apps


class StaticFilesConfig(apps.StaticFilesConfig):
    """Leaves out django-ninja's second API console: 4 MB that are not used."""

    ignore_patterns = [*apps.StaticFilesConfig.ignore_patterns, "redoc.*"]  # noqa: RUF012
