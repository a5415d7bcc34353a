# One image for API, worker and migrations: what differs is the command. See compose.yaml.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /app
COPY pyproject.toml uv.lock ./
# The very versions of the lock, without what only developers need; uv itself in the version the lock names.
RUN pip install --no-cache-dir "uv==$(sed -n '/^name = "uv"$/{n;s/^version = "\(.*\)"$/\1/p;}' uv.lock)"
RUN UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 uv sync --frozen --no-default-groups --no-cache

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin holdfast \
    && install --directory --owner holdfast --group holdfast /var/lib/holdfast/media
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY pyproject.toml worker.py ./
COPY models models
COPY activities activities
COPY workflows workflows
COPY api api
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MEDIA_DIR=/var/lib/holdfast/media
USER 10001
EXPOSE 8000
CMD ["granian", "--interface", "asgi", "--factory", "--host", "0.0.0.0", "--port", "8000", "api.app:create_app"]
