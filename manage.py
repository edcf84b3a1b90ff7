#!/usr/bin/env python
"""Django's command line: ``serve``, ``classify``, ``migrate``, ``collectstatic``, ``check`` and the rest."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

from project.huge_pages import restart_with_huge_pages

# Other users read what these write: the image is built by root, and runs as another user.
FOR_ALL_USERS = ("collectstatic", "makemessages", "compilemessages")

if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        restart_with_huge_pages()
    if sys.argv[1:2] not in ([name] for name in FOR_ALL_USERS):
        os.umask(0o077)  # The database, exports and dumps hold texts, sessions and digests of keys.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # Nobody reads on, as after `head`. Flushing at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(2)
    except ImproperlyConfigured as error:  # It names the variable, and a traceback would bury that.
        sys.exit(f"error: {error}")
    except (OperationalError, ProgrammingError) as error:  # Most often, nobody has migrated yet.
        sys.exit(f"error: the database: {error}; missing tables are made by: manage.py migrate")
