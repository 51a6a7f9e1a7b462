# The exporter, built from this repository.
FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package kamailio_exporter

FROM debian:bookworm-slim
COPY --from=build /src/target/release/kamailio_exporter /usr/bin/
USER 65534:65534
EXPOSE 9494
ENTRYPOINT ["/usr/bin/kamailio_exporter"]
