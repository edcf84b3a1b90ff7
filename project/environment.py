"""The settings that come from the environment: names, ranges, defaults and descriptions, in one table of classes.

They fail loudly: a value that makes no sense must not become a default. docs/configuration.md is made of them.
"""

import os
import secrets
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from django.core.exceptions import ImproperlyConfigured
from pydantic import BeforeValidator, Field, FilePath, ValidationError, create_model
from pydantic_core import PydanticUseDefault
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from live.limits import Limits
from live.messages.validation import in_one_line
from model_core.options import EngineOptions, described
from project.machine import memory_mb

BASE_DIR: Final = Path(__file__).resolve().parent.parent
PREFIX: Final = "STARCAST_"


def _as_path(value: Any) -> Any:
    if value == "":
        raise PydanticUseDefault
    return Path(value).expanduser() if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


AnyPath = Annotated[Path, BeforeValidator(_as_path)]
"""Empty for the default, ``~`` for the home folder."""
SecretFile = Annotated[FilePath | None, BeforeValidator(_as_path)]
YesOrNo = Annotated[bool, BeforeValidator(lambda value: False if value == "" else value)]
Names = Annotated[list[str], NoDecode, BeforeValidator(_as_list)]
"""Separated by commas."""


class FromEnvironment(BaseSettings):
    """Each field comes from the variable ``STARCAST_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    @classmethod
    def variables(cls) -> dict[str, str]:
        """The variable of each field."""
        return {field: f"{PREFIX}{field.upper()}" for field in cls.model_fields}


class Server(FromEnvironment):
    """Where the server keeps things, who may reach it, and what it says of itself."""

    data_dir: AnyPath = Field(
        default=BASE_DIR / "var",
        description="Folder for the database, the collected static files and the secret key. "
        "It must exist and be writable.",
    )
    secret_key: str = Field(
        default="", description="Django's secret key: a long random text, the same in every process."
    )
    secret_key_file: SecretFile = Field(
        default=None,
        description="File to read the key from where `STARCAST_SECRET_KEY` is not set. `make run` and `make secret` "
        "write the default one. Without any key the server does not start.",
        json_schema_extra={"default_is": "`secret_key` in the data folder"},
    )
    database_url: str = Field(
        default="",
        description="PostgreSQL for keys and users, such as `postgresql://user:password@host:5432/name`, with special "
        "characters as `%40` and so on. Empty keeps them in `starcast.sqlite3` in the data folder, which is enough for "
        "one process. Needs the extra `postgres`. Rating needs no database.",
    )
    static_dir: AnyPath = Field(
        default_factory=lambda fields: fields["data_dir"] / "static",
        description="Where `manage.py collectstatic` puts the files of the page and the server finds them.",
        json_schema_extra={"default_is": "`static` in the data folder"},
    )
    allowed_hosts: Names = Field(
        default=["localhost", "127.0.0.1", "[::1]"],
        description="List of host names under which the server may be reached; others get status 400. `.example.com` "
        "allows all subdomains too. Unless this is set, the host that `serve` listens on is added. Health checks are "
        "answered under any name.",
    )
    origins: Names = Field(
        default=[],
        description="List of origins, such as `https://example.com`, whose pages may connect although they come from "
        "another server, as the [widget](widget.md) needs it: scheme, host and port, nothing after them. Pages of this "
        "server may always connect.",
    )
    require_key: YesOrNo = Field(
        default=False,
        description="Yes: refuse programs and foreign pages without an [API key](http.md#keys). "
        "The page of this server needs no key.",
    )
    https: YesOrNo = Field(
        default=False,
        description="Yes behind a proxy that speaks TLS. Plain HTTP is then redirected (health checks are not), "
        "cookies are marked secure, and browsers are told to use HTTPS for a year, subdomains included. The proxy must "
        "set `X-Forwarded-Proto` itself, since a client could forge it.",
    )
    redis_url: str = Field(
        default="",
        description="Redis, such as `redis://localhost:6379/0`, for what several processes share: the channel layer, "
        "and the rates of addresses and keys. Empty keeps both inside the process. Needs the extra `redis`. Rating "
        "does not wait for it, and goes on without it.",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = Field(
        default="WARNING",
        description="`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`. `INFO` has a record for each request and each "
        "connection. Logs go to standard error. Texts are not logged.",
    )
    log_format: Annotated[Literal["line", "json"], BeforeValidator(str.lower)] = Field(
        default="line",
        description="`line`, or `json` for one JSON object per record ([observability.md](observability.md)).",
    )
    metrics_token: str = Field(
        default="",
        description="Turns on `/metrics` for Prometheus, which must send it as `Authorization: Bearer TOKEN`: "
        "a long random text. Empty turns it off.",
    )
    metrics_token_file: SecretFile = Field(
        default=None,
        description="File to read that token from where `STARCAST_METRICS_TOKEN` is not set.",
    )
    watchdog_s: int = Field(
        default=30,
        ge=0,
        description="Seconds after which a server whose event loop hangs exits with status 1, so that a supervisor "
        "restarts it; 0 for never. Time during which the whole process was stopped does not count.",
    )
    debug: YesOrNo = Field(
        default=False,
        description="Django's debug mode, and a random secret key if none is set. For development only: errors "
        "show settings and source code to the client.",
    )


class Model(FromEnvironment):
    """Which model answers, and what it may use."""

    checkpoint: AnyPath = Field(
        default=BASE_DIR / "model_core" / "checkpoints" / "starcast-electra-6x384",
        description="Checkpoint folder to serve; [training.md](training.md) says how to make one. "
        "`manage.py model use` names another while servers run ([models.md](models.md)).",
    )
    backend: str = Field(
        default="onnx",
        description="`onnx`: the int8 graph on the CPU. `torch`: the safetensors weights, on a GPU if there is one; "
        "needs the extra `torch`. `fake`: no model at all, made-up ratings to try out everything else.",
    )
    model_threads: int = Field(
        default=2, ge=1, description="Threads of one forward pass. Leave a core for the server itself."
    )
    cache_mb: int = Field(
        default_factory=lambda: max(256, memory_mb() // 4),
        ge=1,
        description="Megabytes of the cache for unfinished texts, which makes a key cost only its new words. A token "
        "takes 18 KB, a text of 60 words about 1.5 MB. When the cache is full, texts whose typists paused are read "
        "again at the next key; if all type at once, some of the address or key that holds most are read again at "
        "every key.",
        json_schema_extra={"default_is": "a quarter of the memory, at least 256"},
    )


def _of_environment(options: type) -> type[FromEnvironment]:
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in described(options).items()}
    return create_model(options.__name__, __base__=FromEnvironment, **fields)


ClientLimits: Final = _of_environment(Limits)
EngineLimits: Final = _of_environment(EngineOptions)
"""Whether limits fit together is a system check."""
ALL: Final = (Server, Model, ClientLimits, EngineLimits)

_Settings = TypeVar("_Settings", bound=FromEnvironment)


def read(kind: type[_Settings]) -> _Settings:
    """Read the variables of a class. Raises ImproperlyConfigured, which names those at fault."""
    try:
        return kind()
    except ValidationError as error:
        raise ImproperlyConfigured(in_one_line(error, kind.variables())) from None


def unknown(others: Collection[str] = ()) -> dict[str, str | None]:
    """Variables of our prefix that are no setting, less ``others``, each with the name that may be meant."""
    known = {variable.removeprefix(PREFIX): variable for kind in ALL for variable in kind.variables().values()}
    names = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in known.values() and name not in others
    )
    meant = {name: get_close_matches(name.removeprefix(PREFIX), known, 1, cutoff=0.7) for name in names}
    return {name: known[close[0]] if close else None for name, close in meant.items()}


def secret(value: str, file: Path | None) -> str:
    """Return a secret, or what its file holds; empty where there is neither."""
    return value or (file.read_text(encoding="utf-8").strip() if file and file.is_file() else "")


def secret_key(server: Server) -> str:
    """Return the secret key, a random one in debug mode where none is set. Raises ImproperlyConfigured."""
    default_file = server.data_dir / "secret_key"
    if key := secret(server.secret_key, server.secret_key_file or default_file):
        return key
    if server.debug:
        return secrets.token_urlsafe(50)
    raise ImproperlyConfigured(
        f"no secret key: set STARCAST_SECRET_KEY or STARCAST_SECRET_KEY_FILE, or let `make secret` write {default_file}"
    )
