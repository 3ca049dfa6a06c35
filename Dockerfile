# Two stages: the first installs the pinned lock, the second carries only what runs.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/fusion \
 && /opt/fusion/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY core core
COPY consumers consumers
COPY embedded embedded
COPY dashboard dashboard
COPY cli cli
RUN /opt/fusion/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin fusion \
 && mkdir -p /app /data && chown fusion /data
COPY --from=build /opt/fusion /opt/fusion
COPY dashboard /app/dashboard
COPY .streamlit /app/.streamlit
WORKDIR /app
ENV PATH=/opt/fusion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp FUSION_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGTERM
# Loopback only until there is sign-in: reach it through a proxy that authenticates, in the same pod.
CMD ["fusion", "run", "--port", "8501"]
