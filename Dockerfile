# One static binary and nothing else: no shell, no package, nothing to patch. It is what `uses:` of a commit of main builds;
# a release names its published image instead, and builds nothing.
#
# The runner builds this file with nothing but its folder. Somebody who has the binary already, or no network, names an
# image that holds it as /stageproof, and BuildKit then builds that stage only:
#
#   tar -c stageproof | docker import - stageproof-binary
#   DOCKER_BUILDKIT=1 docker build --build-arg SOURCE=stageproof-binary .
ARG SOURCE=build

# Pinned by tag and not by digest: no registry could be asked for the digest where this was written. A rebuilt tag changes
# the compiler's surroundings, not the dependencies, which Cargo.lock holds by checksum. To pin it, append the `@sha256:…` that
# `docker buildx imagetools inspect rust:1.95-slim-bookworm` prints.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# The C library goes into the binary. Cargo applies that to the binary, and not to procedural macros, which cannot be
# static, only if a target is named.
ENV RUSTFLAGS="-C target-feature=+crt-static"
# The dependencies are a layer of their own, which a change of the sources leaves alone.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' | tee build.rs > src/main.rs && touch src/lib.rs \
    && cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')"
COPY src src
COPY schemas schemas
COPY build.rs ./
# Cargo compares times, and those of the sources may be older than the layer above.
RUN touch build.rs src/main.rs src/lib.rs \
    && cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')" \
    && mv target/*/release/stageproof /stageproof

FROM ${SOURCE} AS binary

FROM scratch
COPY --from=binary /stageproof /stageproof
ENTRYPOINT ["/stageproof"]
