#!/bin/sh
# usage: chart.sh build | check
#
# build: renders the manifests of deploy/kubernetes/ from the Helm chart and the values in its ci/.
# check: lints the chart with Helm, verifies that the manifests are fresh, and validates them against the schemas of
#        Kubernetes and of the Prometheus operator, and against the pod security standard "restricted".
set -eu
cd "$(dirname "$0")/.."
. scripts/release/environment.sh

# Helm's own library, and the schemas of Kubernetes.
python_packages='helm-python-sdk==0.2.2 kubernetes-validate==1.37.0'
# The schemas of the Prometheus operator.
npm_package=@kubernetes-models/prometheus-operator@6.0.0
venv=.run/chart

if [ "$(cat $venv/installed 2>/dev/null)" != "$python_packages" ]; then
	echo "chart: installing $python_packages in $venv"
	rm -rf $venv
	python3 -m venv $venv
	# shellcheck disable=SC2086 # a list of words
	$venv/bin/pip install -q --disable-pip-version-check $python_packages
	echo "$python_packages" >$venv/installed
fi
$venv/bin/python scripts/chart/chart.py "$1"
[ "$1" = check ] || exit 0
if ! command -v npm >/dev/null; then
	echo "chart: objects of the Prometheus operator are not validated, because there is no npm for $npm_package"
	exit 0
fi
scripts/npm.sh $npm_package
$venv/bin/python scripts/chart/chart.py json | node scripts/chart/operator.cjs
