//! The rules, and the search in parts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

struct NoFiles;

impl Source for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("{path} is not there"))
    }
}

fn rules(text: &str) -> RuleSet {
    RuleSet::parse(text, &NoFiles).unwrap()
}

/// Rule, secret, line and column of all that is found in a file that is seen in parts of this size.
fn found_in_parts(rules: &RuleSet, path: &str, text: &[u8], size: usize) -> Vec<(String, String, u64, u64)> {
    let mut scan = Scan::new(rules, path);
    let mut all = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let end = (from + size).min(text.len());
        let (start, stop) = (from.saturating_sub(OVERLAP), (end + OVERLAP).min(text.len()));
        for found in scan.look(&text[start..stop], start as u64, from - start..end - start) {
            let secret = usize::try_from(found.secret.start).unwrap()..usize::try_from(found.secret.end).unwrap();
            let secret = String::from_utf8_lossy(&text[secret]).into_owned();
            all.push((found.rule.id.clone(), secret, found.line, found.column));
        }
        from = end;
    }
    all
}

fn found(rules: &RuleSet, text: &str) -> Vec<(String, String)> {
    let found = found_in_parts(rules, "build.log", text.as_bytes(), usize::MAX / 2);
    found.into_iter().map(|(id, secret, ..)| (id, secret)).collect()
}

/// Letters and digits in no order, as tokens have them: made here, so that no file of the repository holds what looks
/// like a secret.
pub(super) fn random(alphabet: &str, length: usize) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ length as u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        alphabet[usize::try_from(state % alphabet.len() as u64).unwrap()]
    };
    (0..length).map(next).collect()
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// For each built-in rule, what comes before a secret of its kind, the secret, and what comes after.
pub fn samples() -> Vec<(&'static str, String, String, String)> {
    let alnum = |length| random(ALNUM, length);
    let hex = |length| random(HEX, length);
    let plain = |id, secret: String| (id, " ".to_owned(), secret, " ".to_owned());
    let after = |id, before: &str, secret: String| (id, before.to_owned(), secret, "\n".to_owned());
    let uuid = format!("{}-{}-{}-{}-{}", hex(8), hex(4), hex(4), hex(4), hex(12));
    let key = format!("-----BEGIN RSA PRIVATE {}-----", "KEY");
    let end = format!("-----END RSA PRIVATE {}-----", "KEY");
    vec![
        plain("private-key", format!("{key}\n{}\n{end}", alnum(400))),
        plain("private-key", format!("{key}\\n{}\\n{end}", alnum(400))),
        plain("aws-access-key-id", format!("AKIA{}", random(BASE32, 16))),
        after("aws-secret-access-key", "AWS_SECRET_ACCESS_KEY=", alnum(40)),
        after("aws-session-token", "AWS_SESSION_TOKEN=", alnum(300)),
        plain("gcp-api-key", format!("AIza{}", alnum(35))),
        plain("gcp-oauth-token", format!("ya29.{}", alnum(180))),
        plain("gcp-oauth-client-secret", format!("GOCSPX-{}", alnum(28))),
        plain("azure-client-secret", format!("{}8Q~{}", alnum(3), alnum(34))),
        after(
            "azure-storage-key",
            "AccountName=x;AccountKey=",
            format!("{}==", alnum(86)),
        ),
        after(
            "azure-sas-signature",
            "https://x.blob.example/?sv=1&sig=",
            format!("{}%3D", alnum(43)),
        ),
        plain("digitalocean-token", format!("dop_v1_{}", hex(64))),
        plain("github-token", format!("ghp_{}", alnum(36))),
        plain(
            "github-app-token",
            format!("ghs_{}.{}.{}", alnum(10), alnum(60), alnum(80)),
        ),
        plain("github-fine-grained-token", format!("github_pat_{}", alnum(82))),
        plain("gitlab-token", format!("glpat-{}", alnum(20))),
        plain(
            "slack-token",
            format!("xoxb-{}-{}", random("0123456789", 12), alnum(24)),
        ),
        plain(
            "slack-app-token",
            format!("xapp-1-A{}-{}-{}", random(BASE32, 9), random("0123456789", 13), hex(64)),
        ),
        after(
            "slack-webhook",
            "https://hooks.slack.com/services/",
            format!("T0{}/B0{}/{}", alnum(8), alnum(8), alnum(24)),
        ),
        after(
            "discord-webhook",
            "https://discord.com/api/webhooks/123456789012345678/",
            alnum(68),
        ),
        after(
            "teams-webhook",
            "https://acme.webhook.office.com/webhookb2/",
            format!("{uuid}@{uuid}/IncomingWebhook/{}", hex(32)),
        ),
        plain("telegram-bot-token", format!("123456789:AA{}", alnum(33))),
        plain("stripe-key", format!("sk_live_{}", alnum(24))),
        plain("stripe-webhook-secret", format!("whsec_{}", alnum(32))),
        plain("npm-token", format!("npm_{}", alnum(36))),
        after("npmrc-auth", "//registry.npmjs.org/:_authToken=", alnum(30)),
        plain("pypi-token", format!("pypi-AgE{}", alnum(150))),
        plain("rubygems-token", format!("rubygems_{}", hex(48))),
        plain("cargo-token", format!("cio{}", alnum(32))),
        plain("docker-hub-token", format!("dckr_pat_{}", alnum(27))),
        (
            "docker-config-auth",
            "\"auth\": \"".to_owned(),
            format!("{}==", alnum(30)),
            "\"".to_owned(),
        ),
        plain("fly-token", format!("fm2_{}", alnum(200))),
        plain("heroku-token", format!("HRKU-AA{}", alnum(58))),
        after("heroku-api-key", "HEROKU_API_KEY: ", uuid.clone()),
        plain("vercel-token", format!("vcp_{}", alnum(56))),
        after("vercel-token-variable", "VERCEL_TOKEN=", alnum(24)),
        plain("netlify-token", format!("nfp_{}", alnum(36))),
        after("cloudflare-token", "CLOUDFLARE_API_TOKEN=", alnum(40)),
        plain("cloudflare-origin-key", format!("v1.0-{}-{}", hex(24), hex(146))),
        plain("hashicorp-vault-token", format!("hvs.{}", alnum(90))),
        plain("terraform-token", format!("{}.atlasv1.{}", alnum(14), alnum(67))),
        plain("openai-key", format!("sk-proj-{}T3BlbkFJ{}", alnum(58), alnum(58))),
        plain("anthropic-key", format!("sk-ant-api03-{}", alnum(95))),
        plain("sendgrid-key", format!("SG.{}.{}", alnum(22), alnum(43))),
        after("mailgun-key", "mailgun: ", format!("key-{}", hex(32))),
        plain("twilio-key", format!("SK{}", hex(32))),
        after("datadog-key", "DD_API_KEY=", hex(32)),
        plain("new-relic-key", format!("NRAK-{}", random(BASE32, 27))),
        plain("sentry-token", format!("sntryu_{}", hex(64))),
        plain("grafana-token", format!("glsa_{}_{}", alnum(32), hex(8))),
        plain("pulumi-token", format!("pul-{}", hex(40))),
        plain("planetscale-token", format!("pscale_pw_{}", alnum(43))),
        plain("supabase-token", format!("sbp_{}", hex(40))),
        plain("linear-token", format!("lin_api_{}", alnum(40))),
        plain("atlassian-token", format!("ATATT3{}", alnum(186))),
        plain(
            "age-secret-key",
            format!("AGE-SECRET-KEY-1{}", random("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
        ),
        plain("jwt", format!("eyJ{}.eyJ{}.{}", alnum(30), alnum(90), alnum(43))),
        after("authorization-header", "> Authorization: Bearer ", alnum(30)),
        after("api-key-header", "X-Api-Key: ", alnum(30)),
        after("cookie-header", "Set-Cookie: theme=dark; sessionid=", alnum(32)),
        (
            "url-password",
            "postgres://shop:".to_owned(),
            alnum(14),
            "@db.internal/shop ".to_owned(),
        ),
        after(
            "connection-string-password",
            "Server=db;Database=shop;User Id=sa;Password=",
            alnum(14),
        ),
        after("curl-user", "+ curl -sS -u deploy:", alnum(16)),
        after("generic-secret-variable", "SHOP_CLIENT_SECRET=", alnum(32)),
    ]
}

#[test]
fn every_built_in_rule_finds_what_it_is_for() {
    let rules = RuleSet::builtin().unwrap();
    let mut seen = BTreeSet::new();
    let mut missed = Vec::new();
    for (id, before, secret, after) in samples() {
        seen.insert(id);
        for text in [
            format!("one\n{before}{secret}{after}two"),
            format!("one\r\n{before}{secret}{}", after.trim_end()),
        ] {
            let found = found(&rules, &text);
            let is_it = |(rule, span): &(String, String)| rule == id && secret.trim() == span.trim();
            if !found.iter().any(is_it) {
                missed.push(format!("{id}: {text}\n{found:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
    let ids: BTreeSet<&str> = rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(seen, ids, "each built-in rule has a sample");
    for rule in rules.rules() {
        assert!(rule.pattern.as_ref().unwrap().check().is_ok(), "{}", rule.id);
        assert!(
            !rule.keywords.is_empty(),
            "{}: without keywords it is looked for everywhere",
            rule.id
        );
    }
}

#[test]
fn what_stands_for_a_secret_is_none() {
    let rules = RuleSet::builtin().unwrap();
    for text in [
        "Authorization: Bearer ***",
        "Authorization: Bearer $GITHUB_TOKEN_OF_JOB",
        "Authorization: Bearer <your-token-here>",
        "https://user:***@host/x https://user:password@host/x https://${USER}:${PASSWORD}@host/",
        "postgres://postgres:postgres@localhost:5432/shop postgresql://app:app@db/shop amqp://guest:guest@mq",
        "(redis://redis:redis@127.0.0.1), mysql://root:root@[::1]:3306 `amqp://guest:guest@mq`",
        "https://x-access-token:[secure]@github.com/acme/shop",
        "AKIAIOSFODNN7EXAMPLE",
        "API_KEY=/run/secrets/api-key-of-the-shop",
        "secretName: shop-staging-credentials-tls",
        "\"integrity\": \"sha512-abc\", token: ghp_short",
        "cache_key=linux-x64-node-modules-4f2e1a9b8c7d6e5f4a3b2c1d",
        "curl -u $USER:$PASSWORD https://x",
        "eyJ.eyJ.x key-1 sk-learn",
        "DB_PASSWORD=${DB_PASSWORD_1} password=$DB_PASSWORD9x token=$(cat /tmp/token9) PASSWORD=%DB_PASS1%",
        "DB_PASSWORD: ${{ secrets.DB_PASSWORD1 }} password: {{ vault_password1 }} token=DB_PASSWORD_V2",
        "password=changeme123 API_KEY=your-api-key-123X token: <token9-abcdef> PASSWORD=xxxxxxxx1 TOKEN=***",
        "password = get_password1() password=getpass(p12345678) secret: process.env.SECRET1 token: Option<String1>",
        "POSTGRES_PASSWORD=postgres12 token=true password: required! max_tokens=4096000 id-token: write",
        "secret: shop-tls-2 secret: /run/secrets/db1 password=sm:/prod/db1 token: 2026-11-30T20:16:18Z",
        "next_token=eyJhbc123def456 Unexpected token: foo1 const A_TOKEN: _bindgen_ty_5",
    ] {
        assert_eq!(found(&rules, text), [], "{text}");
    }
}

#[test]
fn a_password_under_a_name_that_says_so_is_found_whole() {
    let rules = RuleSet::builtin().unwrap();
    for (before, secret, after) in [
        ("DB_PASSWORD=", "s3cr3t-db-Passw0rd!", "\n"),
        ("db_password: ", "s3cr3tdbPassw0rd9", "\n"),
        ("DB_PASSWORD_STAGING='", "Pa$$w0rd#99x", "'"),
        ("\"password\": \"", "Gz7pq!xL2", "\","),
        ("\\\"passphrase\\\":\\\"", "Gz7pq!xL2", "\\\","),
        ("deploy --password=", "Gz7pq!xL2", " --force"),
        ("DB_PASSWORD=", "prod-8f3a92bc77e1d04f", "\n"),
        ("DEPLOY_TOKEN=", &random(HEX, 32), "\n"),
        ("SECRET_KEY_BASE=", &random(HEX, 128), "\n"),
        ("DEPLOY_TOKEN=", &random(ALNUM, 2000), "\n"),
        ("API_TOKEN=", "Gz7pq!x://L2k9", "\n"),
        ("next_token=eyJhbc123def456 DB_PASSWORD=", "Gz7pq!xL2", ""),
    ] {
        let text = format!("{before}{secret}{after}");
        let secrets: Vec<String> = found(&rules, &text).into_iter().map(|(_, secret)| secret).collect();
        assert_eq!(secrets, [secret], "{text}");
    }
}

#[test]
fn a_secret_that_is_dressed_as_a_placeholder_is_found() {
    let rules = RuleSet::builtin().unwrap();
    for (password, expected) in [
        ("[REDACTED:jwt:00000000]", 0),
        ("[REDACTED]", 0),
        ("[REDACTED_PASSWORD]", 0),
        ("[REDACTED:pii-email:00000000]", 0),
        ("[REDACTED:S3cr3tXk29fjQ:00000000]", 1),
        ("[REDACTED:jwt:00000000]&S3cr3tXk29fjQ", 1),
    ] {
        let text = format!("https://u:{password}@h.example.net/");
        assert_eq!(found(&rules, &text).len(), expected, "{text}");
    }
    for text in [
        "postgres://postgres:postgres1@db",
        "postgres://app:apples@db",
        "https://app:root@h",
        "https://u:[secure]x@h",
        "https://admin:admin@h.example.net/health",
        "https://root:root@db,h.example.net:1",
        "https://root:root@localhost.example.net",
        "redis://redis:redis@h1:1,redis://redis:pumpkins@h2",
    ] {
        assert_eq!(found(&rules, text).len(), 1, "{text}");
    }
}

#[test]
fn a_rule_file_means_what_it_means_for_gitleaks() {
    let text = r#"
        [[rules]]
        ID = "shop"
        regex = '''shop_(?P<first>[a-z]*)-([a-z0-9]{4})'''
        Keywords = ["SHOP_"]
        [[rules.allowlists]]
        regexes = ["^allo"]
        stopwords = ["Demo"]
        [[rules]]
        id = "both"
        regex = "both-[0-9]+"
        [[rules.allowlists]]
        condition = "AND"
        paths = ["^docs/"]
        regexTarget = "line"
        regexes = ["harmless"]
        [[rules]]
        id = "random"
        regex = "r-([a-z]{4})"
        entropy = 1.0
    "#;
    let rules = rules(text);
    let is = |text: &str, expected: &[&str]| {
        let secrets: Vec<String> = found(&rules, text).into_iter().map(|(_, secret)| secret).collect();
        assert_eq!(secrets, expected, "{text}");
    };
    // The first group that is not empty; a keyword in any case.
    is("Shop_ shop_abc-1234", &["abc"]);
    is("shop_-1234", &["1234"]);
    // An allowlist is about the secret.
    is("shop_allow-1234 shop_ademo-1234 shop_xallo-1234", &["xallo"]);
    // Entropy must be greater than the limit.
    is("r-aabb r-abab r-aabc", &["aabc"]);
    let both = |path, text: &[u8]| found_in_parts(&rules, path, text, 1 << 20).len();
    assert_eq!(both("docs/a", b"both-1 harmless"), 0);
    assert_eq!(both("docs/a", b"both-1\nharmless"), 1);
    assert_eq!(both("src/a", b"both-1 harmless"), 1);
}

#[test]
fn filters_of_betterleaks_skip_what_they_say() {
    let rules = rules(
        r#"
        betterleaksMinVersion = "v1.6.0"
        prefilter = '''matchesAny(get(attributes, "path", ""), [`\.lock$`])'''
        filter = '''(containsAny(finding["secret"], ["dummy"]))'''
        [[rules]]
        id = "shop"
        regex = "shop-([A-Za-z]{4,})"
        validate = '''http.get("https://shop.example")'''
        filter = '''filter.entropy(finding["secret"]) < 1.0 || matchesAny(finding["secret"], [`^zz`])'''
    "#,
    );
    let secrets: Vec<String> = found(
        &rules,
        "shop-aaaa shop-aabb shop-zzab shop-dummyx shop-DUMMYx shop-abcd",
    )
    .into_iter()
    .map(|(_, secret)| secret)
    .collect();
    assert_eq!(secrets, ["aabb", "abcd"]);
    assert!(found_in_parts(&rules, "yarn.lock", b"shop-abcd", 1 << 20).is_empty());
}

#[test]
fn a_rule_that_requires_another_needs_it_nearby() {
    let rules = rules(
        r#"
        [[rules]]
        id = "pair"
        regex = "secret-[0-9]+"
        [[rules.required]]
        id = "name"
        withinLines = 1
        [[rules]]
        id = "name"
        regex = "name-[a-z]+"
        skipReport = true
    "#,
    );
    assert_eq!(found(&rules, "name-a\nsecret-1").len(), 1);
    assert_eq!(found(&rules, "name-a\n\nsecret-1").len(), 0);
    assert_eq!(found(&rules, "secret-1 secret-2\nname-b").len(), 2);
}

#[test]
fn a_file_may_extend_the_built_in_rules() {
    let extended = rules(
        r#"
        [extend]
        useDefault = true
        disabledRules = ["jwt"]
        [[rules]]
        id = "npm-token"
        description = "Ours"
        keywords = ["other"]
        [[allowlists]]
        targetRules = ["github-token"]
        stopwords = ["abc"]
    "#,
    );
    assert!(extended.rules().iter().all(|rule| rule.id != "jwt"));
    let npm = extended.rules().iter().find(|rule| rule.id == "npm-token").unwrap();
    assert_eq!(npm.description, "Ours");
    assert_eq!(npm.keywords, ["npm_", "other"]);
    assert!(npm.pattern.is_some());
}

#[test]
fn what_cannot_be_used_is_named() {
    for (text, place, what) in [
        (
            "[[allowlists]]\nstopwords = [\"\"]",
            "[[allowlists]]: allowlist: ",
            "empty",
        ),
        ("[[rules]]\nid = ", "line 2: ", ""),
        ("[[rules]]\nregex = \"a\"", "rule 1: ", "`id`"),
        ("[[rules]]\nid = \"a\"", "rule `a`: ", "neither `regex` nor `path`"),
        (
            "[[rules]]\nid = \"a\"\nregex = \"(\"",
            "rule `a`: regex: ",
            "unclosed group",
        ),
        (
            "[[rules]]\nid = \"a\"\nregex = \"a\"\nsecretGroup = 1",
            "rule `a`: ",
            "has 0 groups",
        ),
        (
            "[[rules]]\nid = \"a\"\nregex = \"a\"\nentropie = 1",
            "rule `a`: ",
            "entropie",
        ),
        (
            "[[rules]]\nid = \"a\"\nregex = \"a\"\nfilter = \"tokenRatio(x) > 2\"",
            "rule `a`: ",
            "`filter`: `tokenRatio` cannot be evaluated",
        ),
        (
            "filter = '''entropy(finding[\"secret\"]) < 3'''",
            "",
            "`filter`: an entropy belongs to a rule",
        ),
        (
            "[[rules]]\nid = \"a\"\nregex = \"a\"\n[[rules]]\nid = \"a\"\nregex = \"b\"",
            "rule `a`: ",
            "two rules",
        ),
        (
            "[[rules]]\nid = \"a\"\nregex = \"a\"\n[[rules.required]]\nid = \"b\"",
            "rule `a`: ",
            "`b`",
        ),
        (
            "[[allowlists]]\ndescription = \"x\"",
            "[[allowlists]]: allowlist: ",
            "it has no",
        ),
        (
            "[[allowlists]]\nstopwords = [\"x\"]\ntargetRules = [\"y\"]",
            "[[allowlists]] targetRules: ",
            "`y`",
        ),
        (
            "[allowlist]\nstopwords = [\"x\"]\n[[allowlists]]\nstopwords = [\"x\"]",
            "",
            "exclude each other",
        ),
        (
            "[[allowlists]]\nregexes = [\"x\"]\nregexTarget = \"file\"",
            "[[allowlists]]: allowlist: ",
            "`file`",
        ),
        (
            "[extend]\nuseDefault = true\npath = \"x\"",
            "[extend]: ",
            "exclude each other",
        ),
        ("Title = \"a\"\ntitle = \"b\"", "", "`title`"),
        ("[extend]\nurl = \"x\"", "", "url"),
        (
            "[extend]\npath = \"x.toml\"",
            "[extend] path `x.toml`: ",
            "is not there",
        ),
        (
            "[extend]\nuseDefault = true\ndisabledRules = [\"x\"]",
            "[extend] disabledRules: ",
            "`x`",
        ),
    ] {
        let error = RuleSet::parse(text, &NoFiles).unwrap_err();
        assert_eq!(error.place, place, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {error}");
    }
}

#[test]
fn places_are_those_of_the_file() {
    let rules = rules("[[rules]]\nid = \"a\"\nregex = \"x-[0-9]+\"");
    let found = found_in_parts(&rules, "f", "é x-1\n\nx-2 x-3\n".as_bytes(), 5);
    let places: Vec<(&str, u64, u64)> = found
        .iter()
        .map(|(_, text, line, column)| (text.as_str(), *line, *column))
        .collect();
    assert_eq!(places, [("x-1", 1, 3), ("x-2", 3, 1), ("x-3", 3, 5)]);
}

/// A file of one line, and what is found twice in it: neither may take time that grows with the square of its size.
#[test]
fn thousands_of_matches_on_one_line_are_found_in_time() {
    let rules = rules(
        r#"
        [[rules]]
        id = "Generic"
        regex = "key-[0-9]+"
        [[rules]]
        id = "shop"
        regex = "shop-(key-[0-9]+)"
        [[rules]]
        id = "pair"
        regex = "pair-[0-9]+"
        [[rules.required]]
        id = "shop"
        withinColumns = 3
    "#,
    );
    let text: String = (0..10_000)
        .map(|n| format!("é shop-key-{n} key-9{n} pair-{n} "))
        .collect();
    let started = std::time::Instant::now();
    let found = found_in_parts(&rules, "f", text.as_bytes(), 1 << 20);
    let count = |id: &str| found.iter().filter(|(rule, ..)| rule == id).count();
    assert_eq!(count("shop"), 10_000);
    assert!(count("Generic") > 5_000, "{}", count("Generic"));
    assert_eq!(count("pair"), 0);
    let (_, _, line, column) = found.iter().rfind(|(rule, ..)| rule == "shop").unwrap();
    let last = text.chars().count() - "shop-key-9999 key-99999 pair-9999 ".len() + 1;
    assert_eq!((*line, *column), (1, last as u64));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn line_feeds_before_a_match_at_the_edge_of_a_part_are_counted_once() {
    let rules = rules("[[rules]]\nid = \"a\"\nregex = \"\\n*x-[0-9]\"");
    let text = format!("{}\n\n\nx-1\nx-2", ".".repeat(98));
    let lines: Vec<u64> = found_in_parts(&rules, "f", text.as_bytes(), 100)
        .iter()
        .map(|(_, _, line, _)| *line)
        .collect();
    assert_eq!(lines, [4, 5]);
}

#[test]
fn a_generic_rule_yields_only_to_what_is_reported() {
    let rules = rules(
        r#"
        [[rules]]
        id = "my-Generic"
        regex = "key-[0-9]+"
        [[rules]]
        id = "pair"
        regex = "key-[0-9]+"
        [[rules.required]]
        id = "name"
        [[rules]]
        id = "name"
        regex = "name-[a-z]+"
        keywords = ["elsewhere"]
        skipReport = true
    "#,
    );
    let ids = |text: &str| -> Vec<String> { found(&rules, text).into_iter().map(|(id, _)| id).collect() };
    assert_eq!(ids("key-1"), ["my-Generic"]);
    // What a rule requires is looked for without its own keywords.
    assert_eq!(ids("key-1 name-a"), ["pair"]);
}

#[test]
fn a_number_of_a_card_is_found_beside_another() {
    let rules = RuleSet::parse("", &NoFiles).unwrap();
    let rules = rules.with(Personal::Card.rules().unwrap()).unwrap();
    let secrets = found(&rules, "2026 4111 1111 1111 1111 4012888888881881");
    let secrets: Vec<&str> = secrets.iter().map(|(_, secret)| secret.as_str()).collect();
    assert_eq!(secrets, ["4111 1111 1111 1111", "4012888888881881"]);
}

#[test]
fn base64_is_read_in_all_places_and_of_any_length() {
    use ::base64::Engine as _;
    let rules = RuleSet::builtin().unwrap();
    let token = format!("ghp_{}", random(ALNUM, 36));
    let encoded = |text: &str| ::base64::engine::general_purpose::STANDARD.encode(text);
    let in_lines = |text: &str, width: usize, end: &str| {
        let lines: Vec<String> = encoded(text)
            .as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        lines.join(end)
    };
    let digits = encoded(&format!("token: {token}"));
    let mut all = vec![
        format!("{{\"content\": \"{digits}\"}}"),
        format!("https://h.example/raw/{digits}"),
        format!("run --config-{digits}"),
        format!("the_name_{digits}"),
        encoded(&format!("{{\"é\":1, \"token\":\"{token}")),
        encoded(&format!("# clé du dépôt\ntoken: {token}")),
        encoded(&format!("\u{feff}token: {token}")),
    ];
    for width in [60, 76] {
        for end in ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n"] {
            let text = format!("{}{token} after", "a: b\n".repeat(13));
            all.push(format!("{{\"content\":\"{}{end}\"}}", in_lines(&text, width, end)));
        }
    }
    for text in all {
        assert_eq!(found(&rules, &text).len(), 1, "{text}");
    }
    // The window ends in a character, in a line, and at the end of one.
    let long = format!("{}{token} after", "ä".repeat(60_000));
    for (width, end) in [(usize::MAX, ""), (76, "\n"), (60, "\\n")] {
        for blanks in 0..80 {
            let text = format!("{} {}", " ".repeat(blanks), in_lines(&long, width, end));
            let found = found_in_parts(&rules, "a", text.as_bytes(), 40 << 10);
            assert_eq!(found.len(), 1, "{width} {blanks}");
        }
    }
}

#[test]
fn a_keyword_switches_a_rule_on_beyond_the_edge_of_a_part() {
    let rules = rules("[[rules]]\nid = \"a\"\nregex = \"x-[0-9]\"\nkeywords = [\"shop\"]");
    let text = format!("{}shop {}x-1", ".".repeat(90), ".".repeat(10));
    assert_eq!(found_in_parts(&rules, "f", text.as_bytes(), 100).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However a file is cut, the same is found: also across the edges of parts and of fragments.
    #[test]
    fn parts_change_nothing(
        size in 40_000_usize..200_000,
        places in proptest::collection::vec(0_usize..300_000, 1..12),
        filler in "[a-z \n]{1,40}",
    ) {
        let rules = RuleSet::builtin().unwrap();
        let mut text = filler.repeat(320_000 / filler.len() + 1).into_bytes();
        let samples = samples();
        for (index, place) in places.iter().enumerate() {
            let (_, before, secret, after) = &samples[(place + index) % samples.len()];
            let sample = format!("\n{before}{secret}{after}\n");
            text[*place..*place + sample.len()].copy_from_slice(sample.as_bytes());
        }
        let whole = found_in_parts(&rules, "f", &text, usize::MAX / 2);
        let parts = found_in_parts(&rules, "f", &text, size);
        prop_assert_eq!(whole, parts);
    }
}
