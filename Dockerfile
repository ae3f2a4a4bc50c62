# dotward in an image of its own: the program, the libraries it is linked with, the CA bundle and its configuration.
# No shell, no package manager, no root.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY bootstrap ./
RUN ./bootstrap deps build run
COPY . .
RUN mkdir -p build-aux && autoreconf -fi && mkdir /build && cd /build \
    && /src/configure -q --prefix=/usr --sysconfdir=/etc CFLAGS='-O2 -g' \
    && make -j"$(nproc)" && make install-strip DESTDIR=/install \
    && /src/packaging/image-root /install /image

FROM scratch
COPY --from=build /image /
USER 5353:5353
# Not port 53: that would take a capability, and a file capability keeps a container without any from starting at all.
# Map it outside: -p 53:5353/udp -p 53:5353/tcp. Other settings: DOTWARD_UPSTREAM, DOTWARD_CA_FILE, DOTWARD_LOG_LEVEL, or
# a file of your own in place of /etc/dotward/dotward.conf.
ENV DOTWARD_LISTEN=0.0.0.0@5353
EXPOSE 5353/udp 5353/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["/usr/sbin/dotward", "--ask", "127.0.0.1@5353", "."]
ENTRYPOINT ["/usr/sbin/dotward"]
CMD ["-f"]
