//! A small HTTP server, standing for the artifact you built.
//!
//! `hello-server ADDRESS FOLDER` serves the folder's `index.html` at `/` and a health answer at `/healthz`.
//! `hello-server --check FOLDER` says whether the folder could be served, and changes nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io, thread};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check", folder] => check(Path::new(folder)),
        [address, folder] => serve(address, Path::new(folder)),
        _ => Err(io::Error::other(
            "usage: hello-server ADDRESS FOLDER | hello-server --check FOLDER",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn page(folder: &Path) -> io::Result<String> {
    let path = folder.join("index.html");
    fs::read_to_string(&path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn check(folder: &Path) -> io::Result<()> {
    let page = page(folder)?;
    let release = folder.file_name().unwrap_or_default().to_string_lossy();
    if !page.contains(&format!("release {release}")) {
        return Err(io::Error::other(format!(
            "the page in {} is of another release",
            folder.display()
        )));
    }
    println!("release {release} can be served");
    Ok(())
}

fn serve(address: &str, folder: &Path) -> io::Result<()> {
    let page = page(folder)?;
    let listener = TcpListener::bind(address)?;
    println!("serving {} on http://{address}", folder.display());
    for stream in listener.incoming() {
        let page = page.clone();
        thread::spawn(move || answer(&stream?, &page));
    }
    Ok(())
}

fn answer(mut stream: &TcpStream, page: &str) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The rest of the request is read, so that closing the connection does not reset it.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    println!("{request}");
    let (status, kind, body) = match request.split(' ').nth(1) {
        Some("/") => ("200 OK", "text/html", page),
        Some("/healthz") => ("200 OK", "application/json", r#"{"status":"ok"}"#),
        _ => ("404 Not Found", "text/plain", "not found\n"),
    };
    let body = if request.starts_with("HEAD ") { "" } else { body };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
