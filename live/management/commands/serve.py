"""``manage.py serve``: load the model, then serve HTTP and WebSockets with Daphne."""

from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.limits import get_limits
from live.monitoring.logs import log_unhandled
from live.server.daphne import StarcastServer
from live.server.descriptors import possible_connections
from live.server.listening import ANYWHERE, address_in_network, in_url, place_of
from live.serving.model_choice import load_at_start
from live.serving.model_switch import ModelWatch
from live.serving.process_engine import start_with
from model_core.errors import CheckpointError
from project.asgi import application


class Command(BaseCommand):
    """Run one server process."""

    help = "Load the model, then serve the page, the HTTP API and the WebSocket."

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept the address to listen on, and the header with the client's address."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port; 0 picks a free port (default: %(default)s)")
        parser.add_argument(
            "--client-address-header",
            metavar="NAME",
            help="header in which your proxy sends the client's address, such as X-Real-IP; "
            "clients can forge it if there is no proxy",
        )

    def check(self, *_: Any, **__: Any) -> None:
        """Print one line per problem with the settings. Raises CommandError if one is serious."""
        messages = [message for message in run_checks() if not message.is_silenced()]
        lines = [(message.is_serious(), " ".join(filter(None, (message.msg, message.hint)))) for message in messages]
        for is_serious, line in lines:
            if not is_serious:
                self.stderr.write(f"warning: {line}", lambda text: text)
        if serious := [line for is_serious, line in lines if is_serious]:
            raise CommandError("\n".join(serious))

    def handle(self, *, host: str, port: int, client_address_header: str | None, **_: Any) -> None:
        """Print what is served in three lines, then serve until a signal arrives."""
        log_unhandled()
        try:
            serving = load_at_start()
        except CheckpointError as error:
            raise CommandError(str(error)) from error
        start_with(serving)
        info = serving.classifier.info
        possible = possible_connections(get_limits().max_connections)
        settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_connections": possible.websockets}
        limits = get_limits()

        place = place_of(host, port)
        address = address_in_network() if host in ANYWHERE else None
        if settings.STARCAST_HOSTS_ARE_DEFAULT:
            # To listen for others, and then to turn them away, is not what anybody wants.
            settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, in_url(address or host)]

        def announce() -> None:
            (_, listening_port), *_rest = server.listening_addresses
            others = f", and for others in this network http://{address}:{listening_port}/" if address else ""
            self.stdout.write(f"Starcast loaded {serving.title}: {info.backend}, {info.max_tokens} tokens")
            self.stdout.write(f"Serving http://{place.name}:{listening_port}/{others}")
            self.stdout.write("Stop with Ctrl-C")
            self.stdout.flush()

        server = StarcastServer(
            slow_reader_s=limits.slow_reader_s,
            max_http_connections=possible.http,
            on_serving=announce,
            watchdog_s=settings.STARCAST_WATCHDOG_S,
            application=application,
            endpoints=place.endpoints,
            # No limit: Daphne would close sessions of a day with 1000, after which clients do not reconnect.
            websocket_timeout=-1,
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            websocket_max_message_size=limits.max_frame_bytes,
            websocket_max_frame_size=limits.max_frame_bytes,
            proxy_forwarded_address_header=client_address_header,
            server_name="starcast",
            model_watch=None if info.backend == "fake" else ModelWatch(),
        )
        server.run()
        if not server.listening_addresses:
            raise CommandError(f"cannot listen on {host}:{port}: the port may be in use. Try --port")
