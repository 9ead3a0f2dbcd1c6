#!/bin/bash
# Checks ops/grafana-dashboard.json against Grafana's schema: strictly, so that an unknown field of a panel, its options or its
# queries fails. Needs Go. Not part of CI: the first build of Grafana's types takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp scripts/check-dashboard.go "$work/main.go"
dashboard=$PWD/ops/grafana-dashboard.json
cd "$work"
go mod init check-dashboard
go get github.com/grafana/grafana-foundation-sdk/go@v0.0.22
go run . "$dashboard"
