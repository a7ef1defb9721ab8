# The app in a container of its own: not root, nothing written but to memory, alive or replaced.
#   docker build -t skin-cancer-detector .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL -p 8000:8000 -e SECRET_KEY=… skin-cancer-detector
FROM python:3.11-slim-bookworm AS packages
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8000
WORKDIR /app
COPY --from=packages /venv /venv
COPY wsgi.py gunicorn.conf.py LICENSE LICENSE-MODEL.md ./
COPY static static
COPY templates templates
COPY webapp webapp
# The same check as in the release phase: an image with a damaged model is never made.
RUN SECRET_KEY=only-while-building flask --app wsgi check-bundle
USER 65534:65534
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://localhost:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
# /dev/shm: gunicorn's heartbeat is a file, and on a disk it can block.
CMD ["gunicorn", "--worker-tmp-dir", "/dev/shm", "wsgi:app"]
