# Two stages: the first installs the pinned lock, the second carries only what runs.
FROM python:3.11-slim AS build
COPY requirements.lock /build/
RUN python -m venv /opt/fusion \
 && /opt/fusion/bin/pip install --no-cache-dir --require-hashes -r /build/requirements.lock
# In place, not copied into the venv: the dashboard is started in the folder above its package, and
# only there does Streamlit find .streamlit/config.toml.
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY consumers consumers
COPY embedded embedded
COPY dashboard dashboard
COPY cli cli
COPY .streamlit .streamlit
RUN /opt/fusion/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e /app

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin fusion \
 && mkdir /data && chown fusion /data
COPY --from=build /opt/fusion /opt/fusion
COPY --from=build /app /app
WORKDIR /app
# Nothing is written but /data and /tmp: the root may be read-only.
ENV PATH=/opt/fusion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp FUSION_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGTERM
# Loopback only until there is sign-in: reach it through a proxy that authenticates, in the same pod.
CMD ["fusion", "run", "--port", "8501"]
