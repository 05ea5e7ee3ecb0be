#!/usr/bin/env python3
"""Packs a release: the same input gives the same bytes, on any machine.

    pack.py archive FOLDER OUT.tar.gz
    pack.py image --version X.Y.Z --commit SHA OUT PLATFORM=BINARY...

`archive` packs FOLDER under its own name. `image` writes an OCI image layout for several platforms into the folder OUT,
each image holding its binary as /stageproof and nothing else, and prints the digest of the index. All times are
SOURCE_DATE_EPOCH. It needs no daemon and no network.

The compressor is the program gzip: the zlib behind Python's differs between systems, and a digest must not.
"""

import argparse
import datetime
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

SOURCE = "https://github.com/stageproof/stageproof"
LARGEST_LAYER = 8 * 1024 * 1024
EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])


def tar(entries):
    """A tar of (name, path) pairs that depends on names, modes and contents alone."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, path in sorted(entries):
            entry = tarfile.TarInfo(name)
            entry.mtime = EPOCH
            executable = path.is_dir() or os.access(path, os.X_OK)
            entry.mode = 0o755 if executable else 0o644
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                entry.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(entry, file)
    return packed.getvalue()


def gzip(data):
    return subprocess.run(["gzip", "-9", "-n", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def archive(folder, out):
    paths = [folder, *folder.rglob("*")]
    entries = [(str(path.relative_to(folder.parent)), path) for path in paths]
    out.write_bytes(gzip(tar(entries)))


class Layout:
    """https://github.com/opencontainers/image-spec/blob/main/image-layout.md"""

    def __init__(self, out):
        self.out = out
        self.blobs = out / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)

    def put(self, media_type, data):
        """Stores a blob and answers with its descriptor."""
        if not isinstance(data, bytes):
            data = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self.blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(data)}

    def close(self, root, version):
        named = {**root, "annotations": {"org.opencontainers.image.ref.name": version}}
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [named]}
        (self.out / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (self.out / "index.json").write_text(json.dumps(index, sort_keys=True))


def image(version, commit, out, binaries):
    created = datetime.datetime.fromtimestamp(EPOCH, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {
        f"org.opencontainers.image.{key}": value
        for key, value in {
            "title": "stageproof",
            "description": "Gates staging deploys and leaves proof.",
            "created": created,
            "documentation": f"{SOURCE}#readme",
            "licenses": "Apache-2.0",
            "revision": commit,
            "source": SOURCE,
            "url": SOURCE,
            "version": version,
        }.items()
    }
    layout = Layout(out)
    manifests = []
    for platform, binary in binaries:
        system, architecture = platform.split("/")
        packed = tar([("stageproof", binary)])
        layer = layout.put("layer.v1.tar+gzip", gzip(packed))
        if layer["size"] > LARGEST_LAYER:
            sys.exit(f"{platform}: the layer has {layer['size']} bytes, of at most {LARGEST_LAYER}")
        # No "User": the image runs as root. GitHub's runner mounts the workspace and the files for outputs and
        # summaries, which belong to whatever user the runner is; another user than root could not write there.
        config = {
            "architecture": architecture,
            "os": system,
            "created": created,
            "config": {"Entrypoint": ["/stageproof"], "Labels": about},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(packed).hexdigest()}"]},
            "history": [{"created": created, "created_by": "COPY stageproof /stageproof"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": layout.put("config.v1+json", config),
            "layers": [layer],
            "annotations": about,
        }
        described = layout.put("manifest.v1+json", manifest)
        manifests.append({**described, "platform": {"os": system, "architecture": architecture}})
        print(f"{platform}: {described['digest']}, layer of {layer['size']} bytes", file=sys.stderr)
    root = layout.put(
        "index.v1+json",
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
            "annotations": about,
        },
    )
    layout.close(root, version)
    print(root["digest"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("archive")
    one.add_argument("folder", type=pathlib.Path)
    one.add_argument("out", type=pathlib.Path)
    one = commands.add_parser("image")
    one.add_argument("--version", required=True)
    one.add_argument("--commit", required=True)
    one.add_argument("out", type=pathlib.Path)
    one.add_argument("binaries", nargs="+", metavar="PLATFORM=BINARY")
    given = parser.parse_args()
    if given.command == "archive":
        archive(given.folder, given.out)
    else:
        pairs = [pair.split("=", 1) for pair in given.binaries]
        image(given.version, given.commit, given.out, [(platform, pathlib.Path(path)) for platform, path in pairs])


main()
