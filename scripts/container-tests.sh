#!/bin/bash
# Exercises the containers: the end-to-end tests on testcontainers, the image, both compose files. Uses the Docker that runs;
# else starts one where it can (root on Debian, packages docker.io and docker-compose), with stand-ins for the images, since
# such a machine may reach no image registry. Where Docker cannot run it says so in one line and succeeds.
#   usage: container-tests.sh [options for vitest]
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/resume-scoring-worker
work=$(mktemp -d)
dockerd_pid=
export COMPOSE_PROJECT_NAME=resume-scoring-check
export KAFKA_HOST_PORT=${KAFKA_HOST_PORT:-29392}
export OPS_HOST_PORT=${OPS_HOST_PORT:-29380-29389}

# Of what the readers of .env differ about: the worker's start, Redis and its health check all have to get the same.
redis_password='se#cr $et "of" redis'

say() { echo "containers: $*"; }
skip() {
  say "skipped, Docker cannot run here: $*"
  exit 0
}

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}
in_compose() { (cd "$work/app" && compose -f docker-compose.yml -f test/container/docker-compose.stub.yml "$@"); }
in_test_compose() { (cd "$work/app" && compose --env-file .test.env -f docker-compose.test.yml "$@"); }

clean_up() {
  local code=$?
  if [ -d "$work/app" ]; then
    [ $code = 0 ] || in_compose logs --no-color --tail 40 worker || true
    in_compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    in_test_compose down --volumes --timeout 5 >/dev/null 2>&1 || true
  fi
  if [ -n "$dockerd_pid" ]; then
    kill "$dockerd_pid" 2>/dev/null && wait "$dockerd_pid" || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT

start_docker() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip 'no daemon runs, and this is not root on Debian'
  local missing=()
  for package in docker.io docker-compose iptables mmdebstrap; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 ||
      skip "apt-get could not install ${missing[*]}"
  fi
  # A daemon of our own beside any other: own socket, own data, kept for the next run.
  export DOCKER_HOST=unix://$work/docker.sock
  # Ports are published here, even if this machine looks like a container itself.
  export TESTCONTAINERS_HOST_OVERRIDE=localhost
  mkdir -p "$cache"
  dockerd --host "$DOCKER_HOST" --data-root "$cache/docker" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
    >"$work/dockerd.log" 2>&1 &
  dockerd_pid=$!
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$dockerd_pid" 2>/dev/null || break
    sleep 1
  done
  skip "$(grep -m1 -iE 'failed|error' "$work/dockerd.log" || echo 'dockerd did not start within 60 s')"
}

# The files as they stand here, with settings of their own: a developer's .env must not be touched, nor reach the containers.
copy_project() {
  mkdir "$work/app"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/app"
  cp .test.env.example "$work/app/.test.env"
  sed -e 's/^OPENAI_KEY_FILE=.*/OPENAI_KEY_FILE=secrets\/openai-key/' -e "s/^REDIS_PASSWORD=.*/REDIS_PASSWORD='$redis_password'/" \
    -e 's/^\([A-Z]*_IMAGE=[^@]*\)@.*/\1/' -e "s/^KAFKA_HOST_PORT=.*/KAFKA_HOST_PORT=$KAFKA_HOST_PORT/" .env.example >"$work/app/.env"
  echo sk-test >"$work/app/secrets/openai-key"
  chmod 755 "$work/app/secrets"
  chmod 644 "$work/app/secrets/openai-key"
}

until_healthy() {
  local id
  id=$(in_compose ps -q "$1")
  for _ in $(seq 90); do
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$id")" = healthy ] && return
    sleep 1
  done
  say "$1 did not become healthy within 90 s" && return 1
}

check() {
  say "checking that $1"
  shift
  "$@" || { say "FAILED: $*" && return 1; }
}

as_not_root() { [ "$(in_compose exec -T worker id -u)" != 0 ]; }
root_is_read_only() { ! in_compose exec -T worker sh -c 'echo x >/app/x' 2>/dev/null; }
# From outside, through the published port.
is_ready() {
  local address
  address=$(in_compose port worker 8080)
  for _ in $(seq 60); do
    npx --no -- node -e 'fetch(process.argv[1]).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))' \
      "http://$address/readyz" && return
    sleep 0.5
  done
  return 1
}
scores_a_request() {
  echo 'Пять лет пишу на TypeScript. Работал с Kafka и Redis.' >"$work/resume.txt"
  echo 'TypeScript; Kafka; Redis' >"$work/requirements.txt"
  (
    # From outside, through the published port; in a directory without .env.
    export KAFKA_BOOTSTRAP_SERVERS=localhost:$KAFKA_HOST_PORT OPENAI_KEY=sk-unused
    timeout 60 npm run --silent send -- --resume "$work/resume.txt" --requirements "$work/requirements.txt"
  ) | tee "$work/sent.txt"
  grep -q 'Подходит' "$work/sent.txt"
}
# Through a file: `grep -q` leaves at the first match, and a `cat` that still writes into the pipe would fail the check.
tells_what_it_is_made_of() {
  in_compose exec -T worker cat /app/sbom.cdx.json >"$work/sbom.json" && grep -q '"name": "ioredis"' "$work/sbom.json"
}
refuses_what_compose_reads_otherwise() {
  local command='cd /tmp && echo LOG_DIR=a#b >.env && resume-scoring-worker status 2>&1 || echo "code $?"'
  in_compose run --rm -T worker sh -c "$command" | tee "$work/differs.txt"
  grep -q 'LOG_DIR in .env is not read the same' "$work/differs.txt" && grep -q 'code 78' "$work/differs.txt"
}
tells_its_status() { in_compose exec -T worker resume-scoring-worker status; }
# As ops/README.md has it, with the worker stopped: its group's offsets become those of another, and the way back.
adopts_offsets() {
  in_compose run --rm -T -e KAFKA_GROUP_ID=old_group worker resume-scoring-worker adopt-offsets --from ai_handler |
    tee "$work/there.txt"
  in_compose run --rm -T worker resume-scoring-worker adopt-offsets --from old_group --dry-run | tee "$work/back.txt"
  grep -q 'copied to old_group' "$work/there.txt" && grep -q 'would be copied to ai_handler' "$work/back.txt"
}
starts_again() { in_compose up -d >/dev/null 2>&1 && is_ready; }
stops_cleanly() {
  local id
  id=$(in_compose ps -q worker)
  in_compose stop worker >/dev/null 2>&1
  [ "$(docker inspect -f '{{.State.ExitCode}}' "$id")" = 0 ]
}

docker info >/dev/null 2>&1 || start_docker
if [ -n "$dockerd_pid" ]; then bash scripts/container-images.sh; fi
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
copy_project

say 'end-to-end tests on testcontainers'
# Not all of them: most of the others start a Kafka or a Redis of their own, which are local processes.
TEST_SERVICES=containers TESTCONTAINERS_RYUK_DISABLED=true npx --no vitest run test/e2e/worker.test.ts test/e2e/cli-operate.test.ts test/e2e/cli-send.test.ts "$@"

say 'building the image'
in_compose build >"$work/build.log" 2>&1 || { tail -30 "$work/build.log" && exit 1; }
docker image ls resume-scoring-worker
say 'docker-compose.yml'
in_compose up -d >/dev/null 2>&1
until_healthy worker
check 'the worker is not root' as_not_root
check 'its root file system is read-only' root_is_read_only
check 'it is ready' is_ready
check 'it scores a request' scores_a_request
check 'its commands run in the image' tells_its_status
check 'it tells what it is made of' tells_what_it_is_made_of
check 'it refuses a line of .env that compose reads otherwise' refuses_what_compose_reads_otherwise
check 'it stops with exit code 0' stops_cleanly
check 'offsets are adopted while it is stopped' adopts_offsets
check 'it starts again' starts_again
in_compose down --volumes --timeout 10 >/dev/null 2>&1

say 'docker-compose.test.yml'
export TEST_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}
in_test_compose build >"$work/build.log" 2>&1 || { tail -30 "$work/build.log" && exit 1; }
# One file for the services that are given, one for those of the test's own.
in_test_compose run --rm app npm test -- test/e2e/worker.test.ts test/kafka/services-local.test.ts
docker image prune -f >/dev/null
say 'all checks passed'
