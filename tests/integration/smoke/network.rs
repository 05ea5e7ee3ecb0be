//! Faults of the network itself, in a network of the test's own: cut in the middle of a window, loss, delay.

use std::process::Output;

use super::has;
use crate::gate::Gate;
use crate::skipped::not_checked;

/// What a script says when this machine lacks what the fault is made with.
const CANNOT: i32 = 77;

/// A network with nothing but a loopback, a server on port 80 in it, and `fault`; `$smoke` is the command. `None` if that
/// cannot be had here.
fn isolated(gate: &Gate, script: &str) -> Option<Output> {
    if !["unshare", "ip", "iptables", "tc", "python3"].into_iter().all(has) {
        return None;
    }
    let smoke = gate.command(["smoke"]);
    let prelude = format!(
        "PATH=$PATH:/usr/sbin:/sbin
         ip link set lo up || exit {CANNOT}
         mkdir -p html && echo fine > html/index.html
         python3 -m http.server --bind 127.0.0.1 --directory html 80 2>/dev/null & server=$!
         trap 'kill $server' EXIT
         until python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 80))' 2>/dev/null; do :; done
         smoke='{} smoke http://127.0.0.1'\n",
        smoke.get_program().to_string_lossy()
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-Urn", "sh", "-c", &format!("{prelude}{script}")]);
    for (name, value) in smoke.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.current_dir(gate.root()).output().unwrap();
    let unshared = !String::from_utf8_lossy(&output.stderr).contains("unshare failed");
    if output.status.code() == Some(CANNOT) || !unshared {
        let why = "no network namespace of one's own, or no such fault in it";
        not_checked("faults of the network", why, "STAGEPROOF_REQUIRE_NETNS");
        return None;
    }
    Some(output)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_cut_in_the_middle_of_a_window_ends_it_and_says_what_was_cut() {
    let gate = Gate::new();
    let script = format!(
        "iptables -A INPUT -p tcp --dport 99 -j DROP || exit {CANNOT}
         $smoke --verbose --watch=10m --interval=20ms --connect-timeout=100ms --max-transport-errors=3 > out 2>&1 & pid=$!
         until grep -q watched out; do kill -0 $pid || exit 1; done
         iptables -A INPUT -p tcp --dport 80 -j DROP
         wait $pid; code=$?; cat out; exit $code"
    );
    let Some(output) = isolated(&gate, &script) else { return };
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(
        told(&output).contains("3 attempts without a response in a row"),
        "{}",
        told(&output)
    );
    // Established ones are cut off as well: whichever the cut met first.
    let reason = gate.report("smoke")["checks"][0]["findings"][0]["reason"].clone();
    assert_eq!(reason, "connect-timeout", "{}", told(&output));
}

#[test]
fn a_cut_that_heals_is_a_warning_and_the_platforms() {
    let gate = Gate::new();
    let script = format!(
        "iptables -A INPUT -p tcp --dport 99 -j DROP || exit {CANNOT}
         $smoke --verbose --watch=1500ms --interval=20ms --connect-timeout=60ms --max-transport-errors=1000 > out 2>&1 & pid=$!
         until grep -q watched out; do kill -0 $pid || exit 1; done
         sleep 0.2
         iptables -A INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset || exit {CANNOT}
         until grep -q refused out; do kill -0 $pid || exit 1; done
         iptables -F INPUT
         wait $pid; code=$?; cat out; exit $code"
    );
    let Some(output) = isolated(&gate, &script) else { return };
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let finding = gate.report("smoke")["checks"][0]["findings"][0].clone();
    assert_eq!(finding["code"], "not-always", "{}", told(&output));
    assert_eq!(finding["class"], "infra", "{}", told(&output));
    assert_eq!(finding["reason"], "refused", "{}", told(&output));
}

#[test]
fn the_control_tells_a_dead_network_from_a_dead_application() {
    let gate = Gate::new();
    let script = "ip addr add 192.0.2.1/32 dev lo
         python3 -m http.server --bind 192.0.2.1 --directory html 81 2>/dev/null & other=$!
         until python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 81))' 2>/dev/null; do :; done
         common='--within=300ms --interval=100ms --connect-timeout=100ms --control=http://192.0.2.1:81/'
         kill $server; wait $server
         $smoke $common --label=app
         ip link set lo down
         $smoke $common --label=infra
         kill $other; exit 0";
    let Some(output) = isolated(&gate, script) else { return };
    for class in ["app", "infra"] {
        let finding = gate.report(&format!("smoke-{class}"))["checks"][0]["findings"][0].clone();
        assert_eq!(finding["class"], class, "{}", told(&output));
    }
}

#[test]
fn loss_is_survived_by_trying_again() {
    let gate = Gate::new();
    // Every third packet to the server is lost, which TCP itself mends in time or not.
    let script = format!(
        "iptables -A INPUT -p tcp --dport 80 -m statistic --mode nth --every 3 --packet 0 -j DROP || exit {CANNOT}
         $smoke --verbose --within=30s --interval=20ms --timeout=150ms"
    );
    let Some(output) = isolated(&gate, &script) else { return };
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("timeout"), "{}", told(&output));
}

#[test]
fn a_slow_line_is_too_slow_and_not_down() {
    let gate = Gate::new();
    let script = format!(
        "head -c 40000 /dev/urandom > html/index.html
         tc qdisc add dev lo root tbf rate 2mbit burst 4kb latency 10s || exit {CANNOT}
         ip link set lo mtu 1500
         $smoke --within=20s --max-latency=median=60ms"
    );
    let Some(output) = isolated(&gate, &script) else { return };
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(
        gate.report("smoke")["checks"][0]["findings"][0]["reason"],
        "latency",
        "{}",
        told(&output)
    );
}

#[test]
fn a_place_that_no_route_leads_to_is_no_connection() {
    let gate = Gate::new();
    let script = "ip route add unreachable 198.51.100.0/24
         $smoke --resolve=127.0.0.1:80:127.0.0.1 2>/dev/null
         ${smoke%http*}http://198.51.100.1/ --within=300ms --interval=100ms --label=gone; exit 0";
    let Some(output) = isolated(&gate, script) else { return };
    let reason = gate.report("smoke-gone")["checks"][0]["findings"][0]["reason"].clone();
    assert!(
        reason == "connect-timeout" || reason == "refused",
        "{reason} {}",
        told(&output)
    );
}
