//! What only a released image can show: that of the platform which this machine does not have.

use crate::skipped::not_checked;

use super::servers::{Authority, Tls};
use super::step::{REQUIRED, Step, image_for_arm64};

#[test]
fn the_image_for_arm64_probes_over_tls_seals_and_verifies() {
    let Some(image) = image_for_arm64() else { return };
    let authority = match Authority::new() {
        Ok(authority) => authority,
        Err(error) => return not_checked("TLS", &format!("openssl: {error}"), REQUIRED),
    };
    let server = Tls::start(&authority);
    let url = format!("https://localhost:{}/", server.port);
    let untrusted = Step::new(image, "smoke")
        .emulated()
        .input("url", &url)
        .input("within", "2s");
    untrusted.run().code(1).says("not signed by a known authority");
    let step = Step::new(image, "smoke")
        .emulated()
        .input("url", &url)
        .input("within", "20s")
        .write("workspace/ca.pem", &authority.certificate())
        .env("SSL_CERT_FILE", "/github/workspace/ca.pem");
    if !step.give_to(1001) {
        return not_checked("the runner's folders", "these tests do not run as root", REQUIRED);
    }
    step.run().code(0);
    let step = step.then("evidence-bundle").emulated().input("output", "proof.zip");
    step.run().code(0);
    let step = step.then("verify").emulated().input("bundle", "proof.zip");
    step.run().code(0);
}
