# A static Veilgate in an empty image: the binary, the CA certificates, a data folder of its own user.
#   docker build -t veilgate .
#   docker run -p 8080:8080 -v veilgate-data:/data veilgate
FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base ca-certificates
WORKDIR /src
COPY . .
# Alpine's Rust links musl statically; --locked takes exactly the versions that were tested.
RUN cargo build --release --locked && mkdir /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/target/release/veilgate /veilgate
# The data folder holds the project key: it belongs to the only user and to no one else.
COPY --from=build --chown=65532:65532 --chmod=700 /empty /data
USER 65532:65532
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/veilgate"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--data", "/data"]
