#!/bin/bash
# Pins the base images by digest: asks the registry for the digest of each image that the compose files and Dockerfiles name, and
# writes it behind the tag, everywhere that the image is named. Needs docker and a registry; commit what it changes.
#   usage: pin-images.sh           pins, or moves to the digests of today
#          pin-images.sh --check   says which images are not pinned, and succeeds
set -euo pipefail
cd "${PIN_ROOT:-$(dirname "$0")/..}"

files=(Dockerfile test/Dockerfile docker-compose.yml docker-compose.test.yml .env.example .test.env.example)
images() { grep -ohE '(apache/kafka|redis|node):[0-9][A-Za-z0-9._-]*(@sha256:[0-9a-f]{64})?' "${files[@]}" | sort -u; }

if [ "${1:-}" = --check ]; then
  for image in $(images | grep -v @ || true); do
    echo "images: $image is NOT PINNED by digest; run scripts/pin-images.sh where a registry can be reached"
  done
  exit 0
fi

digest_of() {
  docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}' 2>/dev/null && return
  docker pull --quiet "$1" >/dev/null && docker image inspect --format '{{index .RepoDigests 0}}' "$1" | sed 's/.*@//'
}

for image in $(images | sed 's/@.*//' | sort -u); do
  digest=$(digest_of "$image") || { echo "images: no registry tells the digest of $image; nothing was changed for it" >&2 && exit 1; }
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "images: the registry's digest of $image is none: $digest" >&2 && exit 1; }
  sed -i -E "s#${image//./\\.}(@sha256:[0-9a-f]{64})?([^A-Za-z0-9._-]|\$)#$image@$digest\2#g" "${files[@]}"
  echo "images: $image@$digest"
done
