"""A typical tutorial: a Channels consumer under Daphne that awaits a PyTorch model for each message.

``python -m benchmarks.peers.tutorial --checkpoint FOLDER`` serves on a free port.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import django
from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from twisted.internet import reactor

from benchmarks.machine import DEFAULT_CHECKPOINT
from model_core.classifier import Classifier
from model_core.loading import load_classifier


class RateConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Rates every message, one after another."""

    classifier: Classifier
    """The model of this process."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Rate one text before the next message of this connection is read."""
        message: dict[str, Any] = json.loads(text_data or "{}")
        (prediction,) = await sync_to_async(self.classifier.classify)([message["text"]])
        answer = {"type": "prediction", "seq": message["seq"], "probabilities": prediction.probabilities}
        await self.send(text_data=json.dumps(answer))


def main() -> None:
    """Load the model, then serve until a signal arrives."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.tutorial", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of a forward pass (%(default)s)")
    options = parser.parse_args()
    settings.configure()
    django.setup()
    RateConsumer.classifier = load_classifier(options.checkpoint, "torch", options.threads)
    info = RateConsumer.classifier.info

    def announce() -> None:
        ((_, port), *_rest) = server.listening_addresses
        print(f"Channels tutorial loaded {info.name} {info.version} ({info.backend})")
        print(f"Serving http://localhost:{port}/", flush=True)

    server = Server(
        application=ProtocolTypeRouter({"websocket": RateConsumer.as_asgi()}),
        endpoints=build_endpoint_description_strings(host="127.0.0.1", port=0),
    )
    reactor.callWhenRunning(announce)
    server.run()


if __name__ == "__main__":
    main()
