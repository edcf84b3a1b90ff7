"""The ``starcast`` command."""

import argparse
import os
import ssl as tls
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from starcast_client import __version__
from starcast_client.connecting import blind_context, socket_url, tls_context
from starcast_client.scoring import cli as scoring

DEFAULT_URL = "ws://localhost:8000"


def until_nobody_reads(run: Callable[[], int]) -> int:
    """Run a command. A closed output pipe is not an error."""
    try:
        status = run()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # Otherwise flushing at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    if sys.stderr is None:
        # Otherwise a file would get its number, and warnings would go to standard output.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the program ends
    parser = argparse.ArgumentParser(prog="starcast", description="Star ratings of a film review as it is typed.")
    parser.add_argument("--version", action="version", version=f"starcast {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    live = commands.add_parser(
        "live",
        help="rate a text as you type it in this terminal",
        description="Show eight bars and the expected stars as you type. Ctrl-Q quits.",
        epilog="Exit status: 0 after Ctrl-Q, 1 if the server refuses the client, 2 if there is no terminal.",
    )
    live.add_argument("url", nargs="?", default=DEFAULT_URL, metavar="URL", help=f"default: {DEFAULT_URL}")
    score = commands.add_parser("score", help="rate the reviews of a file", description=scoring.DESCRIPTION)
    scoring.add_arguments(score)
    score.add_argument("--url", default=DEFAULT_URL, help=f"default: {DEFAULT_URL}")
    for command in (live, score):
        add_server_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        socket_url(arguments.url)
        arguments.ssl = context_of(arguments)
    except ValueError as error:
        parser.error(str(error))
    if arguments.command == "score":
        return until_nobody_reads(lambda: scoring.run(arguments))
    try:
        from starcast_client.terminal import run
    except ImportError as error:
        hint = "install it by: pip install './clients/python[terminal]' in the Starcast repository"
        print(f"starcast live: {error}; {hint}", file=sys.stderr)
        return 2
    return run(arguments.url, arguments.key, arguments.ssl)


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--key``, ``--cafile`` and ``--insecure``."""
    # Other users can see a command line, but not the environment.
    parser.add_argument(
        "--key", default=os.environ.get("STARCAST_API_KEY"), help="API key (default: $STARCAST_API_KEY)"
    )
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--cafile", metavar="FILE", help="trust only the CAs of this PEM file")
    trust.add_argument("--insecure", action="store_true", help="trust every server, whatever its certificate (tests)")


def context_of(arguments: argparse.Namespace) -> tls.SSLContext | None:
    """Return the TLS context that ``add_server_arguments`` asks for; None by default. Raises ValueError."""
    if arguments.insecure:
        print(
            "warning: --insecure: the server's certificate is not checked; others may read and change what is sent",
            file=sys.stderr,
        )
        return blind_context()
    return tls_context(None, arguments.cafile)


if __name__ == "__main__":
    sys.exit(main())
