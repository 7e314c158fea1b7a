# agno-stream with the drivers for Redis and PostgreSQL: docker build -t agno-stream .
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/agno-stream
ENV PATH=/opt/agno-stream/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The packages are a layer of their own, because they change less often than the code.
COPY requirements.lock requirements-dev.lock ./
RUN pip install --no-deps -r requirements.lock \
    && pip install -c requirements-dev.lock redis asyncpg
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY agno_stream agno_stream
RUN pip install --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data --no-create-home agno-stream \
    && install -d -o agno-stream -g agno-stream /data
COPY --from=build /opt/agno-stream /opt/agno-stream
ENV PATH=/opt/agno-stream/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
USER agno-stream
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
# As process 1 it receives SIGTERM itself; the timeout must exceed SHUTDOWN_GRACE (docker stop -t 15).
ENTRYPOINT ["agno-stream"]
CMD ["serve"]
