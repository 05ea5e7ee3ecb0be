#!/usr/bin/env bash
# Compares whole processes side by side with the tools one would use otherwise, and prints ratios. It judges nothing:
# a time is a fact about a machine. Usage: benches/compare.sh [--quick] [BINARY]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=false
if [ "${1:-}" = --quick ]; then
    quick=true
    shift
fi
binary=${1:-}
if [ -z "$binary" ]; then
    host=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target "$host"
    binary="target/$host/release/stageproof"
fi
binary=$(realpath "$binary")
if $quick; then
    large=$((64 << 20)) scanned=$((16 << 20)) files=1000 bundled=$((256 << 20)) runs=3
else
    large=$((1 << 30)) scanned=$((128 << 20)) files=20000 bundled=$((4 << 30)) runs=10
fi

scratch=$(mktemp -d)
server=''
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
rules=$PWD/src/model/scan/builtin.toml
logs=$PWD/tests/fixtures/diagnose/logs
cd "$scratch"
# What actions/upload-artifact packs with. npm needs the variables that name its registry, and without one it waits long.
archiver=$scratch/archiver
timeout 120 npm install --silent --no-audit --no-fund --prefix "$archiver" archiver@7 >"$scratch/said" 2>&1 || archiver=''
# What is measured does not depend on the surroundings: nothing is written to a runner's files, and no variable that looks
# like a secret is searched for in the logs.
for name in $(compgen -e | grep -vxE 'PATH|HOME|TMPDIR|LANG' || true); do
    unset "$name"
done

machine() {
    local model
    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    local memory
    memory=$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
    echo "machine: ${model:-$(uname -m)}, $(nproc) cores, $memory, Linux $(uname -r)"
    if grep -qw sha_ni /proc/cpuinfo; then
        echo 'SHA-256 in hardware: yes'
    else
        echo 'SHA-256 in hardware: no'
    fi
    echo "stageproof: $("$binary" --version), $(stat -c %s "$binary") bytes, $(file -b "$binary" | cut -d, -f 4 | xargs)"
    echo "curl: $(curl --version | head -n 1 | cut -d' ' -f 1-2); openssl: $(openssl version | cut -d' ' -f 1-2)"
}

# ratio NAME TARGET OURS THEIRS [SHELL]: runs both and prints how their means compare. Both must succeed. Without a
# shell in between, its start does not hide the difference of two short commands.
ratio() {
    local name=$1 target=$2 ours=$3 theirs=$4 shell=${5:-none}
    if ! sh -c "$ours" >"$scratch/said" 2>&1; then
        echo "$name: NOT MEASURED, this fails: $ours"
        tail -n 5 "$scratch/said" | sed 's/^/    /'
        return
    fi
    # Its warnings are about noise, which the deviation shows.
    hyperfine --style none --shell "$shell" --warmup 3 --runs "$runs" --export-json "$scratch/times.json" \
        "$ours" "$theirs" >/dev/null 2>"$scratch/said" || cat "$scratch/said"
    python3 - "$name" "$target" "$scratch/times.json" <<'PYTHON'
import json, sys
name, target, path = sys.argv[1:]
ours, theirs = json.load(open(path))["results"]
show = lambda r: f'{r["mean"] * 1000:.1f} ms ± {(r["stddev"] or 0) * 1000:.1f}'
print(f'{name}: {ours["mean"] / theirs["mean"]:.2f} of the other ({show(ours)} against {show(theirs)}; aim: {target})')
PYTHON
}

probe() {
    cat >server.py <<'PYTHON'
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
    python3 server.py >port &
    server=$!
    until [ -s port ]; do sleep 0.05; done
    local url
    url="http://127.0.0.1:$(cat port)/"
    # A probe is short; more runs cost nothing.
    runs=$((runs * 10)) ratio 'one probe, whole process, against curl' '<= 0.8' \
        "'$binary' smoke $url --evidence-dir '$scratch/probe'" "curl -s -o /dev/null $url"
    kill "$server"
    server=''
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Many probes in one run. stageproof connects anew for each, as the next user will; so does the server's other client here.
probes() {
    if ! command -v nginx >/dev/null; then
        echo '200 probes: NOT MEASURED, nginx is not installed'
        return
    fi
    local port
    port=$(free_port)
    local keeping
    keeping=$(free_port)
    mkdir nginx
    cat >nginx/nginx.conf <<CONF
daemon off; pid $scratch/nginx/pid; error_log $scratch/nginx/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path nginx/1; proxy_temp_path nginx/2; fastcgi_temp_path nginx/3;
    uwsgi_temp_path nginx/4; scgi_temp_path nginx/5;
    server { listen 127.0.0.1:$port; keepalive_timeout 0; location / { return 200 ok; } }
    server { listen 127.0.0.1:$keeping; location / { return 200 ok; } }
}
CONF
    nginx -p "$scratch" -c nginx/nginx.conf 2>said &
    server=$!
    until curl -s -o /dev/null "http://127.0.0.1:$port/"; do sleep 0.05; done
    {
        printf 'version: 1\nsmoke:\n  url: http://127.0.0.1:%s\n  path:\n' "$port"
        seq -f '    - /%g' 200
    } >probes.yml
    seq 200 | sed "s|.*|url = http://127.0.0.1:$port/&\noutput = /dev/null|" >urls
    ratio '200 probes at concurrency 16, against curl --parallel' '<= 0.6' \
        "'$binary' smoke --config '$scratch/probes.yml' --evidence-dir '$scratch/probes'" \
        "curl -s --parallel --parallel-max 16 -K '$scratch/urls'"
    # A kept connection hides what the next user meets, so this one is lost on purpose.
    sed -i "s/127.0.0.1:$port/127.0.0.1:$keeping/" probes.yml urls
    ratio '200 probes at concurrency 16, against curl --parallel that keeps its connections' 'none' \
        "'$binary' smoke --config '$scratch/probes.yml' --evidence-dir '$scratch/probes'" \
        "curl -s --parallel --parallel-max 16 -K '$scratch/urls'"
    # As many samples as 15 minutes at one a second have.
    local span=6s interval=10ms
    $quick || { span=60s interval=65ms; }
    command time -f '%M %U %S' -o used "$binary" smoke "http://127.0.0.1:$port/" --watch "$span" --interval "$interval" \
        --evidence-dir "$scratch/watch" >said 2>&1 || tail -n 3 said
    awk -v span="$span" '{ printf "watching for %s: %.0f MiB, %.2f s of CPU (aim for 900 samples: < 32 MiB, < 2 s)\n", span, $1 / 1024, $2 + $3 }' used
    kill "$server"
    server=''
}

hash_large() {
    mkdir large
    head -c "$large" /dev/urandom >large/data
    "$binary" evidence-bundle --evidence-dir large --output "$scratch/large.zip" >said 2>&1 || tail -n 3 said
    ratio "hashing one file of $((large >> 20)) MiB, against openssl" '<= 1.0' \
        "'$binary' verify '$scratch/large'" "openssl dgst -sha256 '$scratch/large/data'"
    rm -rf large large.zip large.*.json
}

hash_many() {
    mkdir many
    python3 - "$files" <<'PYTHON'
import os, sys
for i in range(int(sys.argv[1])):
    folder = f"many/{i % 100}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{i}", "wb") as file:
        file.write(os.urandom(1024))
PYTHON
    "$binary" evidence-bundle --evidence-dir many --output "$scratch/many.zip" >said 2>&1 || tail -n 3 said
    ratio "hashing $files files of 1 KiB, against find and sha256sum" '<= 0.5' \
        "'$binary' verify '$scratch/many'" "find '$scratch/many' -type f -print0 | xargs -0 sha256sum" sh
    rm -rf many many.zip many.*.json
}

# A log of so many bytes, which holds no secret but words that begin like one.
log() {
    python3 - "$1" <<'PYTHON'
import random, sys
random.seed(1)
words = "npm install token cache key restored from layer sha256 resolved https://registry.example/pkg error: warning".split()
lines = []
for _ in range(20000):
    text = " ".join(random.choices(words, k=9))
    lines.append(f"2026-11-30T12:00:{random.randrange(60):02}.{random.randrange(10**7):07}Z {text} {random.getrandbits(96):x}")
block = "\n".join(lines) + "\n"
size = int(sys.argv[1])
for _ in range(size // len(block) + 1):
    sys.stdout.write(block)
PYTHON
}

# Copied, searched for secrets, hashed and packed; zip only packs. Each run seals a folder of its own, as removing the last
# one takes time, too. The same tree is then searched alone.
seal_many() {
    python3 - "$files" <<'PYTHON'
import os, random, sys
random.seed(1)
words = "npm install token cache key restored from layer sha256 resolved https://registry.example/pkg error: warning".split()
for i in range(int(sys.argv[1])):
    folder = f"logs/{i // 200}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{i}.log", "w") as file:
        for _ in range(30):
            text = " ".join(random.choices(words, k=9))
            file.write(f"2026-11-30T12:00:{random.randrange(60):02}Z {text} {random.getrandbits(96):x}\n")
PYTHON
    # shellcheck disable=SC2016
    local ours="'$binary' evidence-bundle logs --evidence-dir sealed-\$\$ --output sealed-\$\$.zip"
    if command -v zip >/dev/null; then
        # shellcheck disable=SC2016
        ratio "sealing $files logs of 3 KiB, against zip -r -6" '<= 0.6' "$ours" 'zip -q -r -6 packed-$$.zip logs' sh
    else
        echo 'sealing many files, against zip: NOT MEASURED, zip is missing'
    fi
    rm -rf sealed-* packed-*
    if [ -n "$archiver" ]; then
        cat >"$archiver/pack.js" <<'JAVASCRIPT'
const zip = require("archiver")("zip", { zlib: { level: 6 } });
zip.pipe(require("fs").createWriteStream(`packed-${process.pid}.zip`));
zip.directory("logs", "logs").finalize();
JAVASCRIPT
        runs=3 ratio "sealing $files logs of 3 KiB, against archiver of npm" '<= 0.12' "$ours" "node '$archiver/pack.js'" sh
    else
        echo 'sealing many files, against archiver: NOT MEASURED, npm cannot install it'
    fi
    rm -rf sealed-* packed-*
    if command -v gitleaks >/dev/null; then
        runs=3 ratio "scanning $files logs of 3 KiB, against gitleaks with the same rules" '<= 0.25' "'$binary' scan logs" \
            "gitleaks dir --no-banner --log-level error --config '$rules' logs"
    fi
    rm -rf logs
}

seal_large() {
    mkdir one
    log "$scanned" >one/build.log
    # shellcheck disable=SC2016
    ratio "sealing a log of $((scanned >> 20)) MiB, against gzip -6" '<= 0.7' \
        "'$binary' evidence-bundle one --evidence-dir sealed-\$\$ --output sealed-\$\$.zip" \
        'gzip -6 -c one/build.log >packed-$$.gz' sh
    rm -rf one sealed-* packed-*
}

wrap() {
    # A command that does nothing shows what wrapping costs; each run writes its report and its logs.
    runs=$((runs * 10)) ratio 'wrapping a command that does nothing, whole process, against timeout' '<= 3.0' \
        "'$binary' heartbeat --evidence-dir '$scratch/wrapped' -- true" "timeout 10 true"
    base64 -w 100 /dev/urandom 2>/dev/null | head -c "$large" >text || true
    local what to
    local -A from=([zeros]="head -c $large /dev/zero" [text]="cat '$scratch/text'")
    local -A into=([a pipe]='| cat >/dev/null' [a file]=">'$scratch/out'")
    for what in zeros text; do
        for to in 'a pipe' 'a file'; do
            ratio "copying $((large >> 20)) MiB of $what to $to, against tee" '<= 1.0' \
                "'$binary' heartbeat --evidence-dir '$scratch/wrapped' -- ${from[$what]} ${into[$to]}" \
                "${from[$what]} | tee '$scratch/copy' ${into[$to]}" sh
        done
    done
    rm -rf copy wrapped text out
}

# One step that wrote a lot, a job of steps that did and of which the last failed, and logs of failed jobs over and over.
diagnose() {
    if ! command -v rg >/dev/null; then
        echo 'diagnosing a log: NOT MEASURED, ripgrep is missing'
        return
    fi
    log "$scanned" >flood.log
    awk -v at=2026-11-30T12:00:00.0000000Z 'NR % 40000 == 1 {
        printf "%s ##[group]Run ./step %d\n%s shell: /usr/bin/bash -e {0}\n%s ##[endgroup]\n", at, NR, at, at
    } 1' flood.log | cat - "$logs/pytest-assertion.log" >job.log
    while [ "$(stat -c %s jobs.log 2>/dev/null || echo 0)" -lt "$scanned" ]; do cat "$logs"/*.log >>jobs.log; done
    local what
    for what in flood job jobs; do
        # What is found is a failure, or nothing that can be judged.
        printf '#!/bin/sh\n"%s" diagnose --log %s.log --evidence-dir diagnosed\n[ $? != 2 ]\n' "$binary" "$what" >ours
        chmod +x ours
        ratio "diagnosing $((scanned >> 20)) MiB ($what), against rg -c error" '<= 2.0' ./ours "rg -c error $what.log"
        sh -c "command time -f %M -o peak ./ours" >said 2>&1
        echo "peak memory of that: $(($(tail -n 1 peak) / 1024)) MiB (aim: < 64 MiB)"
    done
    rm -rf flood.log job.log jobs.log diagnosed ours
}

# The same rules on the same log.
scan() {
    if ! command -v gitleaks >/dev/null; then
        echo 'scanning a log: NOT MEASURED, gitleaks is missing'
        return
    fi
    log "$scanned" >build.log
    runs=3 ratio "scanning a log of $((scanned >> 20)) MiB, against gitleaks with the same rules" '<= 0.25' \
        "'$binary' scan build.log" "gitleaks dir --no-banner --log-level error --config '$rules' build.log"
    rm build.log
}

# The dry run of a rollback in a real Kubernetes, whose image is never pulled: kubectl asks no registry either.
rollback() {
    local programs="${XDG_CACHE_HOME:-$HOME/.cache}/stageproof-ci/kubernetes"
    if ! command -v etcd >/dev/null || [ ! -x "$programs/kubectl" ]; then
        echo 'rollback in Kubernetes: NOT MEASURED, etcd or what .ci/kubernetes builds is missing'
        return
    fi
    local store peers api peak
    store=$(free_port) peers=$(free_port) api=$(free_port)
    mkdir cluster
    cat >cluster/config <<YAML
{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: bench-token}}],
 clusters: [{name: c, cluster: {server: 'https://127.0.0.1:$api', certificate-authority: certs/apiserver.crt}}]}
YAML
    echo 'bench-token,admin,1,"system:masters"' >cluster/tokens
    openssl ecparam -name prime256v1 -genkey -noout -out cluster/key
    export KUBECONFIG="$scratch/cluster/config"
    (
        cd cluster
        etcd --data-dir etcd --listen-client-urls "http://127.0.0.1:$store" --advertise-client-urls "http://127.0.0.1:$store" \
            --listen-peer-urls "http://127.0.0.1:$peers" --initial-advertise-peer-urls "http://127.0.0.1:$peers" \
            --initial-cluster "default=http://127.0.0.1:$peers" &
        "$programs/kube-apiserver" --etcd-servers "http://127.0.0.1:$store" --bind-address 127.0.0.1 --secure-port "$api" \
            --advertise-address 127.0.0.1 --cert-dir certs --token-auth-file tokens --authorization-mode RBAC \
            --service-account-issuer https://kubernetes.default.svc --service-account-signing-key-file key \
            --service-account-key-file key --service-cluster-ip-range 10.0.0.0/24 \
            --disable-admission-plugins ServiceAccount &
        until "$programs/kubectl" get --raw /readyz; do sleep 0.2; done
        "$programs/kube-controller-manager" --kubeconfig config --leader-elect=false --secure-port 0 \
            --controllers deployment-controller,replicaset-controller &
        trap 'kill -9 $(jobs -p)' TERM
        wait
    ) >cluster/log 2>&1 &
    server=$!
    local patch='{"spec": {"template": {"spec": {"containers": [{"name": "shop", "imagePullPolicy": "Never"}]}}}}' image
    until "$programs/kubectl" create deployment shop --image=shop:1 --replicas=0 >said 2>&1 || ((SECONDS > 600)); do sleep 0.5; done
    for image in shop:1 shop:2; do
        "$programs/kubectl" set image deployment/shop "shop=$image" >/dev/null
        "$programs/kubectl" patch deployment shop --patch "$patch" >/dev/null
        "$programs/kubectl" rollout status deployment/shop >/dev/null
    done
    # Inconclusive, as no registry is asked; all else is proved.
    local ours="'$scratch/cluster/ours'"
    cat >cluster/ours <<SHELL
#!/bin/sh
'$binary' rollback-dry-run --workload deployment/shop --evidence-dir '$scratch/cluster/proof'
[ \$? = 4 ]
SHELL
    chmod +x cluster/ours
    ratio 'a rollback in Kubernetes, against kubectl rollout undo --dry-run=server' '<= 1.0' "$ours" \
        "'$programs/kubectl' rollout undo deployment/shop --dry-run=server"
    sh -c "command time -f %M -o peak $ours" >said 2>&1
    peak=$(tail -n 1 peak)
    echo "peak memory of that dry run: $((peak / 1024)) MiB (aim: < 32 MiB)"
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=''
    unset KUBECONFIG
    rm -rf cluster
}

memory() {
    mkdir big
    # Half of it packs, half does not, as logs and archives do.
    head -c $((bundled / 2)) /dev/urandom >big/archive
    head -c $((bundled / 2)) /dev/zero >big/log
    local peak
    if ! command time -f %M -o peak "$binary" evidence-bundle --evidence-dir big --output "$scratch/big.zip" >said 2>&1; then
        echo 'bundling: NOT MEASURED, it fails:'
        tail -n 5 said | sed 's/^/    /'
    else
        peak=$(tail -n 1 peak)
        echo "peak memory while bundling $((bundled >> 20)) MiB: $((peak / 1024)) MiB (aim: < 64 MiB)"
    fi
    rm -rf big big.zip big.*.json
}

machine
probe
probes
hash_large
hash_many
seal_many
seal_large
wrap
scan
diagnose
rollback
memory
