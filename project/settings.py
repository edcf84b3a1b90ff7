"""All settings, from the environment as project.environment reads it."""

from csp.constants import NONE, SELF

from project.database import database
from project.environment import BASE_DIR, ClientLimits, EngineLimits, Model, Server, read, secret, secret_key, unknown

_server, _model = read(Server), read(Model)

DATA_DIR = _server.data_dir
DEBUG = _server.debug
SECRET_KEY = secret_key(_server)
ALLOWED_HOSTS = _server.allowed_hosts
STARCAST_HOSTS_ARE_DEFAULT = "allowed_hosts" not in _server.model_fields_set

STARCAST_CHECKPOINT = _model.checkpoint
STARCAST_BACKEND = _model.backend
STARCAST_MODEL_THREADS = _model.model_threads
STARCAST_CACHE_MB = _model.cache_mb
STARCAST_LIMITS = read(ClientLimits).model_dump()
STARCAST_ENGINE = read(EngineLimits).model_dump()
STARCAST_WATCHDOG_S = _server.watchdog_s
STARCAST_ORIGINS = _server.origins
STARCAST_METRICS_TOKEN = secret(_server.metrics_token, _server.metrics_token_file)
STARCAST_REQUIRE_KEY = _server.require_key

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
    "corsheaders.middleware.CorsMiddleware",
    "project.static_middleware.StaticFilesMiddleware",
    "live.http.charging.charging",
    "live.access.login_throttle.login_rate",
    "live.http.turns.turns",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "live.admin.middleware.AdminSessions",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "live.admin.middleware.AdminAuthentication",
    "live.admin.middleware.AdminMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "project.one_thread.one_thread",
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
                "live.pages.served.served",
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

DATABASES = {"default": database(_server.database_url, DATA_DIR / "starcast.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = _server.redis_url
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    # By default a group would forget its members after a day, and a room may be open for longer.
    else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"group_expiry": float("inf")}}
}

STATIC_URL = "static/"
STATIC_ROOT = _server.static_dir
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
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
# The API uses no cookies, so pages of any origin may read its answers. Without a key, other origins get only a refusal.
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
HTTPS = _server.https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
if HTTPS:  # Browsers accept the prefix __Host- only over TLS, and only from this host, not from a subdomain.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

LOG_LEVEL = _server.log_level
LOG_FORMAT = _server.log_format
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "live.monitoring.logs.LineFormatter"},
        "json": {"()": "live.monitoring.logs.JsonFormatter"},
    },
    "filters": {
        "failures": {"()": "live.monitoring.logs.FailureFilter"},
        "refusals": {"()": "live.monitoring.logs.RefusalFilter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["refusals"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # django.request: live.monitoring.requests logs client errors and refusals; they are no warning to the operator.
    # channels_redis: it logs a traceback per second while Redis is down, with a URL that may contain a password.
    # daphne: its debug records contain the addresses of clients.
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["failures"]},
        "channels_redis": {"level": "CRITICAL"},
        "daphne": {"level": "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL},
    },
}

# Variables with this prefix that other programs read: Compose, the tests, the clients.
STARCAST_UNKNOWN = unknown(
    (
        *("STARCAST_HOST", "STARCAST_TAG", "STARCAST_KEY", "STARCAST_API_KEY"),
        *("STARCAST_REQUIRE_ALL", "STARCAST_TEST_DATA"),
    ),
)
