"""All settings. The only module that reads the environment; docs/configuration.md lists the variables."""

from pathlib import Path

from csp.constants import NONE, SELF

from project.database import database
from project.env import (
    env_bool,
    env_choice,
    env_int,
    env_list,
    env_optional_secret,
    env_path,
    env_secret,
    env_str,
    unknown,
)
from project.machine import memory_mb

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env_path("STARCAST_DATA_DIR", BASE_DIR / "var")

DEBUG = env_bool("STARCAST_DEBUG", False)
SECRET_KEY = env_secret("STARCAST_SECRET_KEY", DATA_DIR / "secret_key", optional=DEBUG)
ALLOWED_HOSTS = env_list("STARCAST_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))

# The model

STARCAST_CHECKPOINT = env_path(
    "STARCAST_CHECKPOINT", BASE_DIR / "model_core" / "checkpoints" / "starcast-electra-6x384"
)
STARCAST_BACKEND = env_str("STARCAST_BACKEND", "onnx")
STARCAST_MODEL_THREADS = env_int("STARCAST_MODEL_THREADS", 2)
STARCAST_CACHE_MB = env_int("STARCAST_CACHE_MB", max(256, memory_mb() // 4))

# Limits; live.limits says what each is for

STARCAST_LIMITS = {
    "max_message_bytes": env_int("STARCAST_MAX_MESSAGE_BYTES", 65_536),
    "max_frame_bytes": env_int("STARCAST_MAX_FRAME_BYTES", 131_072),
    "max_body_bytes": env_int("STARCAST_MAX_BODY_BYTES", 1_048_576),
    "max_chars": env_int("STARCAST_MAX_CHARS", 20_000),
    "messages_per_s": env_int("STARCAST_MESSAGES_PER_S", 60),
    "burst": env_int("STARCAST_BURST", 600),
    "address_factor": env_int("STARCAST_ADDRESS_FACTOR", 5),
    "max_connections": env_int("STARCAST_MAX_CONNECTIONS", 2_000),
    "max_connections_per_address": env_int("STARCAST_MAX_CONNECTIONS_PER_ADDRESS", 200),
    "max_malformed": env_int("STARCAST_MAX_MALFORMED", 20),
    "max_refused": env_int("STARCAST_MAX_REFUSED", 1_000),
    "idle_timeout_s": env_int("STARCAST_IDLE_TIMEOUT_S", 600, minimum=0),
    "ping_interval_s": env_int("STARCAST_PING_INTERVAL_S", 20, minimum=2),
    "ping_timeout_s": env_int("STARCAST_PING_TIMEOUT_S", 10),
    "slow_reader_s": env_int("STARCAST_SLOW_READER_S", 10),
    "max_rooms": env_int("STARCAST_MAX_ROOMS", 500, minimum=0),
    "max_rooms_per_address": env_int("STARCAST_MAX_ROOMS_PER_ADDRESS", 10),
    "max_watchers": env_int("STARCAST_MAX_WATCHERS", 50),
    "room_grace_s": env_int("STARCAST_ROOM_GRACE_S", 20),
}
STARCAST_ENGINE = {
    "max_waiting": env_int("STARCAST_MAX_WAITING", 512),
    "max_waiting_tokens": env_int("STARCAST_MAX_WAITING_TOKENS", 32_768),
    "max_batch": env_int("STARCAST_MAX_BATCH", 32),
    "max_batch_tokens": env_int("STARCAST_MAX_BATCH_TOKENS", 384),
    "deadline_ms": env_int("STARCAST_DEADLINE_MS", 5_000),
}
STARCAST_WATCHDOG_S = env_int("STARCAST_WATCHDOG_S", 30, minimum=0)
STARCAST_ORIGINS = env_list("STARCAST_ORIGINS")
STARCAST_METRICS_TOKEN = env_optional_secret("STARCAST_METRICS_TOKEN")
STARCAST_REQUIRE_KEY = env_bool("STARCAST_REQUIRE_KEY", False)

# Django

INSTALLED_APPS = [
    "live.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "project.static_files.StaticFilesConfig",
    "corsheaders",
    "ninja",
    "live",
]
MIDDLEWARE = [
    "live.monitoring.requests.access",
    "live.http.health.health_checks",
    "live.http.responses.api_errors",
    "live.access.login_throttle.login_rate",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "live.admin.middleware.AdminSessions",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "live.admin.middleware.AdminAuthentication",
    "live.admin.middleware.AdminMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATA_UPLOAD_MAX_MEMORY_SIZE = STARCAST_LIMITS["max_body_bytes"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LOCALE_PATHS = [BASE_DIR / "live" / "locale"]

DATABASES = {"default": database(env_str("STARCAST_DATABASE_URL", ""), DATA_DIR / "starcast.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env_str("STARCAST_REDIS_URL", "")
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

STATIC_URL = "static/"
STATIC_ROOT = env_path("STARCAST_STATIC_DIR", DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.static_storage.HashedStaticFilesStorage"},
}

# Security

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
# The API knows nobody by cookies, so any page may read what it answers: to one without a key from elsewhere, a refusal.
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_ALL_ORIGINS = True
CORS_EXPOSE_HEADERS = ["Retry-After"]
SECURE_REFERRER_POLICY = "same-origin"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 8 * 3_600
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Behind a proxy that speaks TLS and sets X-Forwarded-Proto itself.
HTTPS = env_bool("STARCAST_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
if HTTPS:  # Browsers take such names from this very host by TLS alone, and never from a neighbour.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

LOG_LEVEL = env_choice("STARCAST_LOG_LEVEL", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = env_choice("STARCAST_LOG_FORMAT", "LINE", ("LINE", "JSON")).lower()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "live.monitoring.logs.LineFormatter"},
        "json": {"()": "live.monitoring.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # A client error is answered and logged by live.monitoring.requests; it is no warning to the operator.
    # The channel layer writes a traceback a second while Redis is away, with an address that may hold a password.
    # Daphne's details name the addresses of clients.
    "loggers": {
        "django.request": {"level": "ERROR"},
        "channels_redis": {"level": "CRITICAL"},
        "daphne": {"level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL},
    },
}

# Names of this prefix that others read: Compose, the tests, the clients.
STARCAST_UNKNOWN = unknown(
    "STARCAST_",
    (
        *("STARCAST_HOST", "STARCAST_TAG", "STARCAST_KEY", "STARCAST_API_KEY"),
        *("STARCAST_REQUIRE_ALL", "STARCAST_TEST_DATA"),
    ),
)
