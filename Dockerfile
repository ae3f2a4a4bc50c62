# dotward in an image of its own: the program, the libraries it is linked with, the CA bundle and its configuration.
# No shell, no package manager, no root.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY bootstrap ./
# What it takes to build is the table in ./bootstrap; what it takes to run, image-root finds by looking at the programs.
RUN ./bootstrap deps build run
COPY . .
RUN mkdir -p build-aux && autoreconf -fi && mkdir /build && cd /build \
    && /src/configure -q --prefix=/usr --sysconfdir=/etc --localstatedir=/var --with-dnstap CFLAGS='-O2 -g' \
    && make -j"$(nproc)" && make install-strip DESTDIR=/install \
    && /src/packaging/image-root /install /image

FROM scratch
LABEL org.opencontainers.image.title="dotward" \
      org.opencontainers.image.description="DNS-over-TLS forwarder: plain DNS in, verified TLS out" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image /
USER 5353:5353
EXPOSE 5353/udp 5353/tcp
STOPSIGNAL SIGTERM
# It is healthy when an upstream answers a name that no cache knows, and not when that failed three times in a row, so that
# a minute without upstream is no event. For whether it lives at all, which is what to restart it by: check-health --alive.
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["/usr/sbin/dotward", "check-health"]
ENTRYPOINT ["/usr/sbin/dotward"]
CMD ["-f"]
