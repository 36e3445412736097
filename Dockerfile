# corridor: docker build -t corridor . && docker run --rm -t corridor demo
# Debian 13 for its hiredis, which brings TLS to Redis. `make image-check` carries these steps out without a container engine.
ARG DEBIAN=trixie

FROM debian:${DEBIAN}-slim AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends make
COPY deploy/setup.sh deploy/
RUN deploy/setup.sh build
COPY Makefile ./
COPY pkg pkg
COPY cmd cmd
RUN make -j"$(nproc)" CFLAGS="-O2 -g" && install -D -s build/corridor /out/corridor
# The packages that hold the libraries that the program names, whatever this Debian calls them.
RUN objdump -p /out/corridor | awk '$1 == "NEEDED" {print "*/" $2}' | xargs dpkg -S | cut -d: -f1 | sort -u > /out/packages

FROM debian:${DEBIAN}-slim
COPY --from=build /out/packages /tmp/packages
# redis-server is for `corridor demo` alone; ca-certificates for TLS to Kafka, Redis and webhooks.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata redis-server $(cat /tmp/packages) \
 && rm -rf /var/lib/apt/lists/* /tmp/packages \
 && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin corridor
COPY --from=build /out/corridor /usr/local/bin/corridor
COPY deploy/corridor.yaml /etc/corridor/corridor.yaml
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["/usr/local/bin/corridor", "ping", "--quiet"]
ENTRYPOINT ["/usr/local/bin/corridor"]
CMD ["run", "--config", "/etc/corridor/corridor.yaml"]
