# docker build -t remdm-studio .                        CPU
# docker build -t remdm-studio --build-arg DEVICE=cu128 .   CUDA (any suffix of the PyTorch wheel index)
FROM python:3.12-slim

ARG DEVICE=cpu
RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app
COPY requirements.txt .
# The PyTorch index decides between CPU and CUDA wheels; everything else comes from the default index.
RUN pip install --no-cache-dir --index-url "https://download.pytorch.org/whl/${DEVICE}" "torch>=2.8,<=2.13.0" \
    && pip install --no-cache-dir -r requirements.txt
COPY --chown=user . .
USER user
# pip compiled the packages; each container would compile this one at its start, for 0.2 s.
RUN python -m compileall -q remdm
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 GRADIO_ANALYTICS_ENABLED=False HF_HUB_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=4)"
CMD ["python", "app.py"]
