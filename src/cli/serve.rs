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
use crate::cli::view::{page_of, page_of_both};
use crate::report::grouped;

/// A request is a line and some headers.
const REQUEST_MAX: usize = 16 * 1024;
/// Whoever says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(10);
const STYLE: &str = "\
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif;\
--back:light-dark(#eef1f5,#0e1218);\
--pane:light-dark(#fff,#151b23);--line:light-dark(#d4dae2,#2a333f);\
--text:light-dark(#18202a,#e8edf3);\
--dim:light-dark(#4d5a69,#a3b0bf);--accent:light-dark(#0b62c4,#6cb6ff)}\
body{max-width:1100px;margin:32px auto;padding:0 20px;background:var(--back);color:var(--text)}\
h1{font-size:20px}a{color:var(--accent)}td a{font-weight:600;text-decoration:none}\
a:hover{text-decoration:underline}\
.list{background:var(--pane);border:1px solid var(--line);border-radius:10px;padding:4px 18px;\
overflow-x:auto}\
table{border-collapse:collapse;width:100%}tbody tr:last-child td{border:0}\
td.pick{white-space:nowrap;width:1%}td.pick label{padding:4px 8px 4px 0;cursor:pointer}\
button{font:inherit;font-weight:600;padding:7px 16px;margin:16px 12px 0 0;\
border:1px solid var(--accent);\
border-radius:8px;background:var(--pane);color:var(--accent);cursor:pointer}\
th,td{text-align:left;padding:9px 16px 9px 0;border-bottom:1px solid var(--line);\
vertical-align:top}\
th{font-size:13px;color:var(--dim)}th.n,td.n{text-align:right;font-variant-numeric:tabular-nums;\
white-space:nowrap}.bad{color:light-dark(#b8241e,#ff7b72);font-weight:600}\
.good{color:light-dark(#0b6b44,#56d39b);font-weight:600}.dim{color:var(--dim)}";
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; \
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
    let address = target.split('#').next().unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    match path {
        "/" => index(folder),
        "/compare" => compare(folder, query),
        "/style.css" => Answer {
            status: "200 OK",
            kind: "text/css; charset=utf-8",
            policy: None,
            body: STYLE.as_bytes().to_vec(),
        },
        _ => {
            let wanted = path.strip_prefix("/run/").map(percent_decoded);
            match wanted.and_then(|name| listed(folder, &name)) {
                Some(path) => sent(page_of(&path, false, usize::MAX)),
                None => Answer::refused("404 Not Found", "there is no such run here"),
            }
        }
    }
}

/// The run of `folder` that has this name, if it is one that the folder lists.
fn listed(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_wanted = |path: &PathBuf| path.file_name().map(name_of).as_deref() == Some(name);
    runs(folder).unwrap_or_default().into_iter().find(is_wanted)
}

/// The page of the two runs that the index's form names.
fn compare(folder: &Path, query: &str) -> Answer {
    let field = |wanted: &str| {
        let mut fields = query.split('&').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(name, _)| *name == wanted)?;
        // Forms write a space as a plus.
        Some(percent_decoded(&value.replace('+', " ")))
    };
    let (Some(one), Some(other)) = (field("first"), field("second")) else {
        let text = "pick two runs, a first one and a second one, and compare them";
        return Answer::refused("400 Bad Request", text);
    };
    match (listed(folder, &one), listed(folder, &other)) {
        (Some(one), Some(other)) => sent(page_of_both(&one, &other)),
        _ => Answer::refused("404 Not Found", "there is no such run here"),
    }
}

fn name_of(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn sent(page: anyhow::Result<String>) -> Answer {
    match page {
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
    let mut readable = 0;
    for path in &listed {
        let name = path.file_name().map(name_of).unwrap_or_default();
        let (title, seed, events, verdict) = match run_file::read(path) {
            Err(error) => {
                let why = format!("<span class=\"bad\">{}</span>", escaped(&format!("{error:#}")));
                (why, String::new(), String::new(), String::new())
            }
            Ok(file) => {
                readable += 1;
                let header = &file.header;
                let link = format!("/run/{}", percent_encoded(&name));
                let title = format!("<a href=\"{link}\">{}</a>", escaped(&header.title));
                let events = grouped(header.fingerprint.events);
                (title, header.seed.to_string(), events, outcome(&header.verdicts))
            }
        };
        let pick = if seed.is_empty() { String::new() } else { picks(&name, readable) };
        let _ = writeln!(
            rows,
            "<tr><td class=\"pick\">{pick}</td><td>{title}<br><span class=\"dim\">{}</span></td>\
             <td class=\"n\">{seed}</td><td class=\"n\">{events}</td><td>{verdict}</td></tr>",
            escaped(&name)
        );
    }
    if rows.is_empty() {
        rows += "<tr><td colspan=\"5\">No run files here yet: <code>kafsim run SCENARIO</code> \
                 writes one.</td></tr>";
    }
    let button = match readable {
        0 | 1 => "",
        _ => {
            "<button>Compare the two</button><span class=\"dim\">Best of one scenario and seed, \
             with one thing changed.</span>"
        }
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>runs of kafsim</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body>\
         <main><h1>Runs in {}</h1>\n<form action=\"/compare\">\
         <div class=\"list\"><table><thead><tr>\
         <th scope=\"col\">compare</th><th scope=\"col\">run</th>\
         <th scope=\"col\" class=\"n\">seed</th><th scope=\"col\" class=\"n\">events</th>\
         <th scope=\"col\">properties</th></tr></thead><tbody>\n\
         {rows}</tbody></table></div>{button}</form></main></body></html>\n",
        escaped(&folder.display().to_string())
    );
    Answer {
        status: "200 OK",
        kind: "text/html; charset=utf-8",
        policy: Some(POLICY),
        body: body.into_bytes(),
    }
}

/// What picks the run `name`, the `place`th of the list, as one of two to be compared. The first
/// two are picked to begin with.
fn picks(name: &str, place: usize) -> String {
    let name = escaped(name);
    let pick = |which: &str, label: &str, is_picked: bool| {
        let checked = if is_picked { " checked" } else { "" };
        format!(
            "<label title=\"the {which} of two\"><input type=\"radio\" name=\"{which}\" \
             value=\"{name}\" aria-label=\"{which}: {name}\"{checked}>{label}</label>"
        )
    };
    pick("first", "1st", place == 1) + &pick("second", "2nd", place == 2)
}

/// How the run came out, in a cell.
fn outcome(verdicts: &serde_json::Value) -> String {
    let all = verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_violated =
        |one: &&serde_json::Value| one["verdict"]["violations"].as_u64().is_some_and(|n| n > 0);
    let violated: Vec<_> = all.iter().filter(is_violated).collect();
    let names = violated.iter().filter_map(|one| one["property"].as_str());
    match violated.len() {
        0 => "<span class=\"good\">all hold</span>".to_owned(),
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
    fn two_runs_are_picked_from_the_index_and_compared() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let mut header = crate::trace::Header { title: "one & more".into(), ..Default::default() };
        for (name, seed) in [("a b&<c>.run", 1), ("d+%20.run", 2)] {
            header.seed = seed;
            let bytes = crate::trace::Writer::new().finish(&header).to_vec();
            std::fs::write(folder.path().join(name), bytes).expect("a run file");
        }
        std::fs::write(folder.path().join("z.run"), "no run").expect("a file");
        let text = String::from_utf8_lossy(&ask("/", folder.path()).body).into_owned();
        let checked = |which: &str, name: &str| {
            format!("name=\"{which}\" value=\"{name}\" aria-label=\"{which}: {name}\" checked")
        };
        assert!(text.contains(&checked("first", "a b&amp;&lt;c&gt;.run")), "{text}");
        assert!(text.contains(&checked("second", "d+%20.run")), "{text}");
        assert!(!text.contains("value=\"z.run\""), "what does not read cannot be picked: {text}");
        let page = ask("/compare?first=a+b%26%3Cc%3E.run&second=d%2B%2520.run", folder.path());
        let text = String::from_utf8_lossy(&page.body).into_owned();
        assert_eq!(page.status, "200 OK", "{text}");
        assert!(text.contains("id=\"run-columns-2\"") && text.contains("\"difference\":"));
        for (query, status) in [
            ("?first=d%2B%2520.run", "400 Bad Request"),
            ("", "400 Bad Request"),
            ("?first=d%2B%2520.run&second=..%2Fx.run", "404 Not Found"),
        ] {
            assert_eq!(ask(&format!("/compare{query}"), folder.path()).status, status, "{query}");
        }
    }

    #[test]
    fn names_survive_their_way_through_an_address() {
        for name in ["leader_crash-0.run", "a b%20c.run", "\u{e4}<>&'\".run"] {
            assert_eq!(percent_decoded(&percent_encoded(name)), name);
        }
    }
}
