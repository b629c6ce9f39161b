# A static Veilgate in an empty image: the binary, the CA certificates, a data folder of its own user.
#   docker build -t veilgate .
#   docker run -p 8080:8080 -v veilgate-data:/data --read-only --cap-drop ALL veilgate
# It writes below /data and nowhere else. All crates are those of Cargo.lock. The build image is named by its exact
# version; whoever wants the same bytes for ever names the digest they trust:
#   docker build --build-arg RUST=rust:1.95.0-alpine@sha256:… -t veilgate .
ARG RUST=rust:1.95.0-alpine
FROM ${RUST} AS build
# Alpine keeps no older versions of its packages, so a version named here would soon be gone.
# hadolint ignore=DL3018
RUN apk add --no-cache build-base ca-certificates
WORKDIR /src
COPY . .
# Alpine's Rust links musl statically; --locked takes exactly the versions that were tested.
RUN cargo build --release --locked --bin veilgate && mkdir /empty

FROM scratch
LABEL org.opencontainers.image.title="Veilgate" \
      org.opencontainers.image.description="A DICOMweb gateway that pseudonymizes on the fly after DICOM PS3.15 Annex E" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/target/release/veilgate /veilgate
# The data folder holds the project key: it belongs to the only user and to no one else.
COPY --from=build --chown=65532:65532 --chmod=700 /empty /data
USER 65532:65532
# Settings, not arguments: `health`, `doctor` and all other commands in the container hear to them too.
ENV VEILGATE_LISTEN=0.0.0.0:8080 VEILGATE_DATA=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=6s --start-period=20s --retries=3 CMD ["/veilgate", "health"]
ENTRYPOINT ["/veilgate"]
CMD ["serve"]
