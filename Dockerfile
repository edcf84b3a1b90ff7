# The server with its checkpoint, without PyTorch, training and tests.
#   docker build -t starcast .
#   docker run -p 8000:8000 -v starcast:/data -e STARCAST_SECRET_KEY=... starcast
# docs/configuration.md lists the variables, docs/operations.md describes a whole site.

# By tag, so that `docker build --pull` brings security fixes. docs/security.md says how to pin the digest.
FROM python:3.12-slim AS build
RUN python -m venv --without-pip /venv
COPY project/requirements.txt ./
# Wheels only, so that no package runs code here, and only those with the known hashes: `make hashes` writes them.
RUN pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
    --require-hashes --only-binary :all: -r requirements.txt

FROM python:3.12-slim
# The final stage needs no installer. A new volume starts with these folders.
RUN pip uninstall --yes --quiet pip \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin starcast \
    && install --directory --mode=700 --owner=starcast --group=starcast /data /data/checkpoints
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py LICENSE NOTICE ./
COPY project/ project/
COPY live/ live/
COPY model_core/ model_core/
COPY static/ static/
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STARCAST_DATA_DIR=/data \
    STARCAST_STATIC_DIR=/app/collected

# A stylesheet or module that refers to a missing file fails here instead of at start.
RUN STARCAST_SECRET_KEY=throw-away python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q live project model_core

# A numeric user: Kubernetes can verify that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-m", "live.server.health_check"]
# exec, so that the server itself gets SIGTERM.
CMD ["sh", "-c", "python manage.py migrate --noinput --verbosity 0 && exec python manage.py serve --host 0.0.0.0 --port 8000"]
