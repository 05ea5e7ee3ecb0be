//! argv and environment in, one error printed, one exit code out.
#![expect(
    clippy::disallowed_methods,
    reason = "here the environment comes in and the last words go out"
)]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use stageproof::cli::{self, Format, Invocation, Stop};
use stageproof::model::exit;
use stageproof::world::output::Stream;
use stageproof::world::secrets::Redactor;
use stageproof::world::{Clock, Env, Interrupt, Progress, Runner, World, panics, supervisor, workspace, wrap};
use stageproof::{app, render};

fn main() -> ExitCode {
    // A panic is caught near where it happens and becomes part of the report.
    panics::keep_places();
    let env = Env::new(std::env::vars_os());
    let on_runner = env.get("GITHUB_ACTIONS") == Some("true");
    // What is known of secrets without the plan, which names others.
    let unnamed = Redactor::new(&env, []);
    let ended = std::panic::catch_unwind(|| start(env)).unwrap_or_else(|panic| {
        let what = panics::internal_error(&*panic);
        Err(anyhow::anyhow!("{what}; report it with the command that you ran"))
    });
    ExitCode::from(ended.unwrap_or_else(|error| {
        let message = unnamed.redact(&format!("{error:#}"));
        complain(on_runner, &message, None, exit::FAIL, &Interrupt::never())
    }))
}

fn start(env: Env) -> anyhow::Result<u8> {
    // Its one worker minds time and signals; checks have workers of their own (engine.rs).
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let code = runtime.block_on(stageproof(env));
    // A check that never yields must not keep the process.
    runtime.shutdown_background();
    code
}

async fn stageproof(env: Env) -> anyhow::Result<u8> {
    let runner = Runner::from_env(&env);
    let folder = std::env::current_dir()?;
    let argv: Vec<_> = std::env::args_os().collect();
    let world = World {
        progress: Progress::to_console(runner.active, &env),
        runner: Arc::new(runner),
        workspace: workspace::find(&env, &folder, cli::CONFIG),
        folder,
        host: Arc::new(cli::host(&argv, &env)),
        env: Arc::new(env),
        clock: Clock::default(),
        interrupt: Interrupt::listen()?,
        secrets: Arc::default(),
    };
    match cli::parse(argv.clone(), &world) {
        Ok(Invocation::Print(text)) | Err(Stop::Help(text)) => {
            Stream::Out.say(text.as_bytes());
            Stream::Out
                .flush(&world.interrupt)
                .context("standard output cannot be written")?;
            Ok(exit::OK)
        }
        Ok(Invocation::Supervise(options)) => {
            supervisor::supervise(&options.command, options.grace.0, &world.interrupt).await?;
            Ok(exit::OK)
        }
        Ok(Invocation::OnTerminal(words)) => {
            let error = wrap::pty::on_terminal(&words);
            let message = format!("the command cannot be started on a terminal of its own: {error}");
            Ok(complain(false, &message, None, exit::NOT_EXECUTABLE, &world.interrupt))
        }
        Ok(Invocation::Run(run)) => {
            let names = run.secret_names.iter().map(String::as_str);
            let secrets = Arc::new(Redactor::new(&run.env, names));
            let world = World {
                env: Arc::clone(&run.env),
                progress: world
                    .progress
                    .careful(Arc::clone(&secrets), run.format == Format::Json, run.verbosity),
                secrets: Arc::clone(&secrets),
                ..world
            };
            let ended = app::run(*run, &world).await;
            Ok(ended.unwrap_or_else(|failed| {
                let message = secrets.redact(&format!("{:#}", failed.error));
                complain(world.runner.active, &message, None, failed.exit, &world.interrupt)
            }))
        }
        Err(Stop::Usage(error)) => {
            let unnamed = Redactor::new(&world.env, []);
            let error = error.redacted(&unnamed);
            let say = |message: &str, help: Option<&str>| {
                complain(world.runner.active, message, help, exit::USAGE, &world.interrupt)
            };
            let code = say(&error.message, error.help.as_deref());
            if let Some(path) = cli::status_file_of_unread(&argv, &world)
                && let Err(error) = app::revoke_status(&path, &world)
            {
                say(&unnamed.redact(&format!("{error:#}")), None);
            }
            Ok(code)
        }
    }
}

/// The one error that is printed when there is no report to hold it.
fn complain(on_runner: bool, message: &str, help: Option<&str>, code: u8, interrupt: &Interrupt) -> u8 {
    let stream = if on_runner {
        Stream::Out.say(render::annotations::error(message, help).as_bytes());
        Stream::Out
    } else {
        let mut text = format!("error: {}\n", stageproof::model::text::printable(message));
        if let Some(help) = help {
            text.push_str(&format!("next: {}\n", stageproof::model::text::printable(help)));
        }
        Stream::Err.say(text.as_bytes());
        Stream::Err
    };
    // Not being able to say it must not become another exit code.
    let _ = stream.flush(interrupt);
    code
}
