//! `kafsim view --serve`: an index of the runs in a folder, and their pages, on this computer only.
//!
//! Plain HTTP on the loopback address. Only GET is answered, only names that the folder lists are
//! read, and only to a browser that asked for this very address: a page of the web that points a
//! name of its own at it is refused.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::output::{complain, stdout};
use crate::cli::run_file;
use crate::cli::view::page_of;

/// A request is a line and some headers.
const REQUEST_MAX: usize = 16 * 1024;
/// Whoever says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(10);
const STYLE: &str = "\
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}\
body{max-width:1100px;margin:32px auto;padding:0 20px}\
h1{font-size:20px}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:7px 14px 7px 0;border-bottom:1px solid #8884;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.bad{color:#d33;font-weight:600}.good{color:#1a8f5f}.dim{opacity:.7}";
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What is sent back.
struct Answer {
    status: &'static str,
    kind: &'static str,
    /// The policy for pages that bring none of their own.
    policy: Option<&'static str>,
    body: Vec<u8>,
}

impl Answer {
    fn refused(status: &'static str, text: &str) -> Self {
        let body = format!("{text}\n").into_bytes();
        Self { status, kind: "text/plain; charset=utf-8", policy: Some(POLICY), body }
    }
}

/// Serves the runs of `folder` until the program is ended.
pub(crate) fn serve(folder: &Path, port: u16) -> anyhow::Result<()> {
    runs(folder)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
        format!("listen on 127.0.0.1:{port}; --port 0 takes any port that is free")
    })?;
    let port = listener.local_addr().context("ask for the port")?.port();
    let mut out = stdout();
    writeln!(out, "http://127.0.0.1:{port}/")?;
    out.flush()?;
    drop(out);
    let folder = Arc::new(folder.to_owned());
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let folder = Arc::clone(&folder);
        #[expect(
            clippy::disallowed_methods,
            reason = "nothing is simulated here, and browsers open connections on which they say \
                      nothing for a while"
        )]
        std::thread::spawn(move || {
            // One that went away before its answer is nobody's trouble.
            let _ = handle(stream, &folder, port);
        });
    }
    Ok(())
}

/// The run files of `folder`, by name.
fn runs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("list `{}`", folder.display()))?;
    let is_run = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "run");
    let mut found: Vec<_> = entries.into_iter().filter(is_run).collect();
    found.sort();
    Ok(found)
}

fn handle(mut stream: TcpStream, folder: &Path, port: u16) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        if read == 0 || request.len() + read > REQUEST_MAX {
            return Ok(());
        }
        request.extend_from_slice(&piece[..read]);
    }
    let answer = answer(&String::from_utf8_lossy(&request), folder, port);
    let mut head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Referrer-Policy: no-referrer\r\n",
        answer.status,
        answer.kind,
        answer.body.len()
    );
    if let Some(policy) = answer.policy {
        let _ = write!(head, "Content-Security-Policy: {policy}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(&answer.body)
}

fn answer(request: &str, folder: &Path, port: u16) -> Answer {
    let mut lines = request.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    if !host.is_some_and(|host| own.iter().any(|own| own == host)) {
        return Answer::refused("403 Forbidden", "ask for http://127.0.0.1 and the port");
    }
    if method != "GET" {
        return Answer::refused("405 Method Not Allowed", "only GET is answered");
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    match path {
        "/" => index(folder),
        "/style.css" => Answer {
            status: "200 OK",
            kind: "text/css; charset=utf-8",
            policy: None,
            body: STYLE.as_bytes().to_vec(),
        },
        _ => {
            let wanted = path.strip_prefix("/run/").map(percent_decoded);
            let listed = runs(folder).unwrap_or_default();
            let is_wanted = |path: &&PathBuf| path.file_name().map(name_of) == wanted;
            match wanted.as_ref().and_then(|_| listed.iter().find(is_wanted)) {
                Some(path) => run_page(path),
                None => Answer::refused("404 Not Found", "there is no such run here"),
            }
        }
    }
}

fn name_of(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn run_page(path: &Path) -> Answer {
    match page_of(path, false, usize::MAX) {
        Ok(page) => Answer {
            status: "200 OK",
            kind: "text/html; charset=utf-8",
            policy: None,
            body: page.into_bytes(),
        },
        Err(error) => {
            complain(&format!("{error:#}"));
            Answer::refused("500 Internal Server Error", &format!("{error:#}"))
        }
    }
}

fn index(folder: &Path) -> Answer {
    let listed = match runs(folder) {
        Ok(listed) => listed,
        Err(error) => return Answer::refused("500 Internal Server Error", &format!("{error:#}")),
    };
    let mut rows = String::new();
    for path in &listed {
        let name = path.file_name().map(name_of).unwrap_or_default();
        let link = format!("/run/{}", percent_encoded(&name));
        let (title, seed, events, verdict) = match run_file::read(path) {
            Err(error) => {
                let why = format!("<span class=\"bad\">{}</span>", escaped(&format!("{error:#}")));
                (why, String::new(), String::new(), String::new())
            }
            Ok(file) => {
                let header = &file.header;
                let title = format!("<a href=\"{link}\">{}</a>", escaped(&header.title));
                let events = header.fingerprint.events.to_string();
                (title, header.seed.to_string(), events, outcome(&header.verdicts))
            }
        };
        let _ = writeln!(
            rows,
            "<tr><td>{title}<br><span class=\"dim\">{}</span></td><td class=\"n\">{seed}</td>\
             <td class=\"n\">{events}</td><td>{verdict}</td></tr>",
            escaped(&name)
        );
    }
    if rows.is_empty() {
        rows += "<tr><td colspan=\"4\">No run files here yet: <code>kafsim run SCENARIO</code> \
                 writes one.</td></tr>";
    }
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>runs of kafsim</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body>\
         <main><h1>Runs in {}</h1>\n<table><thead><tr><th scope=\"col\">run</th>\
         <th scope=\"col\">seed</th><th scope=\"col\">events</th><th scope=\"col\">properties</th>\
         </tr></thead><tbody>\n{rows}</tbody></table></main></body></html>\n",
        escaped(&folder.display().to_string())
    );
    Answer {
        status: "200 OK",
        kind: "text/html; charset=utf-8",
        policy: Some(POLICY),
        body: body.into_bytes(),
    }
}

/// How the run came out, in a cell.
fn outcome(verdicts: &serde_json::Value) -> String {
    let all = verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_violated =
        |one: &&serde_json::Value| one["verdict"]["violations"].as_u64().is_some_and(|n| n > 0);
    let violated: Vec<_> = all.iter().filter(is_violated).collect();
    let names = violated.iter().filter_map(|one| one["property"].as_str());
    match violated.len() {
        0 => "<span class=\"good\">hold</span>".to_owned(),
        1..=3 => {
            let names = names.collect::<Vec<_>>().join(", ");
            format!("<span class=\"bad\">violated: {}</span>", escaped(&names))
        }
        count => format!("<span class=\"bad\">{count} violated</span>"),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            _ => out.push(letter),
        }
    }
    out
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(target: &str, folder: &Path) -> Answer {
        answer(&format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:7\r\n\r\n"), folder, 7)
    }

    #[test]
    fn only_what_the_folder_lists_is_read() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder in it");
        std::fs::write(folder.path().join("secret.run"), "no run").expect("a file");
        std::fs::write(inner.join("a&<b>.run"), "no run either").expect("a file");
        let page = ask("/", &inner);
        let text = String::from_utf8_lossy(&page.body).into_owned();
        assert_eq!(page.status, "200 OK");
        assert!(text.contains("a&amp;&lt;b&gt;.run") && !text.contains("<b>"), "{text}");
        for path in ["/run/../secret.run", "/run/%2e%2e%2Fsecret.run", "/run/", "/secret.run"] {
            assert_eq!(ask(path, &inner).status, "404 Not Found", "{path}");
        }
        // It is listed, read, and no run file.
        let answer = ask("/run/a%26%3Cb%3E.run", &inner);
        assert_eq!(answer.status, "500 Internal Server Error");
    }

    #[test]
    fn other_methods_and_other_hosts_are_refused() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let post = "POST / HTTP/1.1\r\nHost: localhost:7\r\n\r\n";
        assert_eq!(answer(post, folder.path(), 7).status, "405 Method Not Allowed");
        for host in ["evil.example", "127.0.0.1:8", "127.0.0.1"] {
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(answer(&request, folder.path(), 7).status, "403 Forbidden", "{host}");
        }
        assert_eq!(answer("GET / HTTP/1.1\r\n\r\n", folder.path(), 7).status, "403 Forbidden");
    }

    #[test]
    fn names_survive_their_way_through_an_address() {
        for name in ["leader_crash-0.run", "a b%20c.run", "\u{e4}<>&'\".run"] {
            assert_eq!(percent_decoded(&percent_encoded(name)), name);
        }
    }
}
