# The worker's image: only what it needs to run. scripts/pin-images.sh writes the base image's digest behind its tag.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS manifest
WORKDIR /app
COPY package.json package-lock.json ./

FROM manifest AS dependencies
# Among the optional ones are the binaries of snappy and lz4 for this platform, and a Node, which the image has already.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-* \
 && npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx >sbom.cdx.json

FROM manifest AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/run.mjs scripts/
COPY src src
RUN npm run build && chmod +x dist/main.js

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production \
    # a larger space for young objects takes memory and saves no time
    NODE_OPTIONS="--max-semi-space-size=8" \
    LOG_DIR=/app/logs \
    OPS_PORT=8080 \
    # probes and Prometheus come from outside of the container
    OPS_HOST=::
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
# The packages by the lock file, with optional binaries of other platforms too. Node and the system are the base image's.
COPY --from=dependencies /app/sbom.cdx.json ./
LABEL org.cyclonedx.sbom="/app/sbom.cdx.json"
COPY --from=build /app/dist dist
RUN ln -s /app/dist/main.js /usr/local/bin/resume-scoring-worker && mkdir logs && chown node:node logs
USER node
# A volume is writable under a read-only root file system too.
VOLUME /app/logs
EXPOSE 8080
# Only whether the process is alive: a worker that waits for Kafka or Redis is not helped by a restart. /readyz tells the rest.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["node", "-e", \
  "const port = process.env.OPS_PORT; if (port) fetch(`http://127.0.0.1:${port}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself gets SIGTERM: no shell and no npm in between.
CMD ["node", "dist/main.js"]
