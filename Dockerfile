# syntax=docker/dockerfile:1
# The server in a container: docker build -t lynsedb . ; how it is run stands in docs/guides/deploy.md.
# Nothing secret belongs in here: keys come from the environment or from a file when the container starts.
ARG NODE_IMAGE=node:20-slim

# Compiles the package; needs the development dependencies.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

# What the server needs at run time, and the optional packages for stems and stop words.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY --from=build /build/node_modules/@orama ./node_modules/@orama

FROM ${NODE_IMAGE}
# Young objects in 4 MiB instead of 16: collections of garbage hold requests up for a third of the time.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=4 \
    LYNSE_HOST=0.0.0.0 \
    LYNSE_PORT=7637 \
    LYNSE_DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
COPY deploy/health-check.mjs ./health-check.mjs
# "lynse" as a command, for docker exec; the folder of the data belongs to the user that runs.
RUN chmod +x dist/cli/main.js \
    && ln -s /app/dist/cli/main.js /usr/local/bin/lynse \
    && mkdir /data \
    && chown 1000:1000 /data
# The user "node" of the image, by number, so that Kubernetes can see that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 7637
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/app/health-check.mjs"]
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["serve"]
