"""All settings. The only module that reads the environment; docs/configuration.md lists the variables."""

from pathlib import Path

from csp.constants import NONE, SELF

from project.env import env_bool, env_choice, env_int, env_list, env_path, env_secret, env_str

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
STARCAST_CACHE_MB = env_int("STARCAST_CACHE_MB", 512)

# Limits; live.limits says what each is for

STARCAST_LIMITS = {
    "max_message_bytes": env_int("STARCAST_MAX_MESSAGE_BYTES", 65_536),
    "max_frame_bytes": env_int("STARCAST_MAX_FRAME_BYTES", 131_072),
    "max_chars": env_int("STARCAST_MAX_CHARS", 20_000),
    "messages_per_s": env_int("STARCAST_MESSAGES_PER_S", 60),
    "burst": env_int("STARCAST_BURST", 600),
    "address_factor": env_int("STARCAST_ADDRESS_FACTOR", 5),
    "max_connections": env_int("STARCAST_MAX_CONNECTIONS", 2_000),
    "max_connections_per_address": env_int("STARCAST_MAX_CONNECTIONS_PER_ADDRESS", 200),
}
STARCAST_ENGINE = {
    "max_waiting": env_int("STARCAST_MAX_WAITING", 512),
    "max_waiting_tokens": env_int("STARCAST_MAX_WAITING_TOKENS", 65_536),
    "max_batch": env_int("STARCAST_MAX_BATCH", 32),
    "max_batch_tokens": env_int("STARCAST_MAX_BATCH_TOKENS", 16_384),
    "deadline_ms": env_int("STARCAST_DEADLINE_MS", 5_000),
}
STARCAST_ORIGINS = env_list("STARCAST_ORIGINS")

# Django

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "live",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "starcast.sqlite3",
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL", "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env_str("STARCAST_REDIS_URL", "")
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
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
SECURE_REFERRER_POLICY = "same-origin"
CSRF_COOKIE_HTTPONLY = True

# Behind a proxy that speaks TLS and sets X-Forwarded-Proto itself.
HTTPS = env_bool("STARCAST_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# The health checks come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["stderr"],
        "level": env_choice("STARCAST_LOG_LEVEL", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    },
}
