# Thor's own image: every service of docker-compose.yml but the servers runs it.
FROM node:24-bookworm-slim AS pages
WORKDIR /ui
COPY ui/package.json ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY ui ./
RUN npm run bundle

FROM python:3.11-slim-bookworm

# socat forwards the published port to the API, which binds loopback only.
RUN apt-get update \
    && apt-get install -y --no-install-recommends socat \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/thor --create-home thor \
    && install --directory --owner=thor --group=thor /var/lib/thor/lake /var/lib/thor/dumps

WORKDIR /opt/thor
# The lock first: this layer is rebuilt only when the lock changes. It brings pg_dump.
COPY requirements.lock ./
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes -r requirements.lock

COPY pyproject.toml README.md ./
COPY db ./db
COPY thor ./thor
COPY api ./api
COPY jobs ./jobs
COPY --from=pages /ui/dist ./ui/dist
RUN pip install --no-cache-dir --root-user-action=ignore --no-deps --no-build-isolation -e .

USER thor
ENV THOR_HOME=/var/lib/thor \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
CMD ["thor", "--help"]
