# The demo Kamailio, and sipp for its traffic, from Debian's packages.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends kamailio kamailio-tls-modules openssl sip-tester \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system demo \
    && install --directory --owner=demo /run/demo
WORKDIR /srv
COPY demo demo
COPY deploy/compose/traffic.sh deploy/compose/traffic.sh
USER demo
