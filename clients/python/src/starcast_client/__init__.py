"""Client for Starcast: star ratings of a film review as it is typed."""

from starcast_client.async_client import AsyncClient, State
from starcast_client.bulk import BulkClient
from starcast_client.client import Client
from starcast_client.connecting import Options
from starcast_client.errors import (
    Cancelled,
    ClientClosed,
    ConnectionFailed,
    IncompatibleServer,
    NoText,
    Refused,
    StarcastError,
    Superseded,
    TextRefused,
)
from starcast_client.messages import (
    ErrorInfo,
    Explanation,
    Limits,
    LiveRating,
    Model,
    Rating,
    Session,
    Span,
    States,
    Timing,
)

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "BulkClient",
    "Cancelled",
    "Client",
    "ClientClosed",
    "ConnectionFailed",
    "ErrorInfo",
    "Explanation",
    "IncompatibleServer",
    "Limits",
    "LiveRating",
    "Model",
    "NoText",
    "Options",
    "Rating",
    "Refused",
    "Session",
    "Span",
    "StarcastError",
    "State",
    "States",
    "Superseded",
    "TextRefused",
    "Timing",
    "__version__",
]
