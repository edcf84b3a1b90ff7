#!/usr/bin/env python
"""Django's command line: ``serve``, ``classify``, ``migrate``, ``collectstatic``, ``check`` and the rest."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # It names the variable, and a traceback would bury that.
        sys.exit(f"error: {error}")
