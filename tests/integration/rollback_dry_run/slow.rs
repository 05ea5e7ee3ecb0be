//! Every platform that is asked over the network, with a server that never answers. They wait for the same time, so all of
//! them wait at once.

use std::fs;
use std::thread;

use crate::registry::PASSWORD;
use crate::repo::Repo;
use crate::servers::{hang, serve};

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", PASSWORD),
    ("AWS_REGION", "eu-west-1"),
];

#[test]
fn a_server_that_never_answers_is_given_up_and_nothing_is_proved() {
    let address = serve(hang);
    let host = address.strip_prefix("http://").unwrap();
    let image = format!("--image={host}/shop:v1");
    let of_token = |token: &'static str, address_env: &'static str| vec![(token, PASSWORD), (address_env, &*address)];
    let mut of_aws = KEYS.to_vec();
    of_aws.push(("AWS_ENDPOINT_URL", &address));
    let mut of_cloudflare = of_token("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_BASE_URL");
    of_cloudflare.push(("CLOUDFLARE_ACCOUNT_ID", "0123456789abcdef0123456789abcdef"));
    let mut of_fly = of_token("FLY_API_TOKEN", "FLY_API_BASE_URL");
    of_fly.push(("FLY_FLAPS_BASE_URL", &address));
    type Case<'a> = (&'a [&'a str], Vec<(&'a str, &'a str)>);
    let cases: [Case<'_>; 9] = [
        (&["--app=shop"], of_fly),
        (
            &["--platform=heroku", "--app=shop"],
            of_token("HEROKU_API_KEY", "HEROKU_HOST"),
        ),
        (
            &["--platform=vercel", "--project=shop"],
            of_token("VERCEL_TOKEN", "VERCEL_API_BASE_URL"),
        ),
        (&["--worker=shop"], of_cloudflare),
        (&["--cluster=staging", "--service=shop"], of_aws),
        (
            &[
                "--platform=cloud-run",
                "--project=acme-staging",
                "--region=europe-west1",
                "--service=shop",
            ],
            of_token("CLOUDSDK_AUTH_ACCESS_TOKEN", "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN"),
        ),
        (&["--workload=deployment/shop"], Vec::new()),
        (&["--helm-release=shop"], Vec::new()),
        (&[&image], Vec::new()),
    ];
    thread::scope(|scope| {
        for (args, env) in &cases {
            let address = &address;
            scope.spawn(move || {
                let repo = Repo::none();
                let config = repo.outside("config");
                let text = format!(
                    "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
                     clusters: [{{name: c, cluster: {{server: '{address}'}}}}]\nusers: [{{name: u, user: {{token: {PASSWORD}}}}}]\n"
                );
                fs::write(&config, text).unwrap();
                let kubeconfig = [("KUBECONFIG", config.to_str().unwrap())];
                let env = [&env[..], &kubeconfig].concat();
                let told = repo.dry_run_with(repo.root(), args, &env);
                told.is(4, &["timeout"]);
                assert!(!told.text.contains(PASSWORD), "{args:?}: {}", told.text);
            });
        }
    });
}
