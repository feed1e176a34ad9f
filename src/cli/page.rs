//! How text results are laid out: a name, what it says, no line longer than eighty columns where
//! nobody looks, nor longer than the terminal where somebody does; and colour there.

use std::io::{self, IsTerminal as _, Write};

use crate::report::wrapped;

/// No line is longer, but for words and commands that are.
const WIDTH: usize = 80;
/// Longer lines are not read well, however wide a terminal is.
const WIDTH_MAX: usize = 100;
/// Where what a row says begins.
const INDENT: usize = 13;

/// How a piece of text is to look on a terminal; the words alone say everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// The title.
    Bold,
    /// As it should be.
    Green,
    /// What went wrong on purpose.
    Yellow,
    /// As it should not be.
    Red,
    /// What is there for whoever looks it up.
    Dim,
}

impl Look {
    /// `text` as it looks.
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// A page of rows.
pub(crate) struct Page<'w, W: Write> {
    pub(crate) out: &'w mut W,
    colour: bool,
    width: usize,
}

/// How wide a page is: on a terminal as wide as that, within reason.
fn width(is_looked_at: bool) -> usize {
    let size = is_looked_at.then(terminal_size::terminal_size).flatten();
    size.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(WIDTH, WIDTH_MAX))
}

/// Whether standard output is looked at by somebody who wants colour (<https://no-color.org>).
pub(crate) fn wants_colour() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !plain && !dumb
}

impl<'w, W: Write> Page<'w, W> {
    pub(crate) fn new(out: &'w mut W, colour: bool) -> Self {
        Self { out, colour, width: width(colour) }
    }

    /// `text` as it looks.
    pub(crate) fn paint(&self, look: Look, text: &str) -> String {
        if self.colour { look.paint(text) } else { text.to_owned() }
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, look: Option<Look>, text: &str) -> io::Result<()> {
        for part in wrapped(text, self.width) {
            let part = look.map_or_else(|| part.clone(), |look| self.paint(look, &part));
            writeln!(self.out, "{part}")?;
        }
        Ok(())
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// What `name` is. An empty name goes on with the row before.
    pub(crate) fn row(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.painted_row(name, None, text)
    }

    /// A row whose text looks so.
    pub(crate) fn painted_row(
        &mut self,
        name: &str,
        look: Option<Look>,
        text: &str,
    ) -> io::Result<()> {
        let indent = INDENT + text.len() - text.trim_start().len();
        self.hanging(&format!("{name:<INDENT$}"), indent, look, text.trim_start())
    }

    /// A command or a path: on one line whatever its length, to be copied.
    pub(crate) fn verbatim(&mut self, name: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "{name:<INDENT$}{text}")
    }

    /// `head`, then `text` from column `indent` on, in as many lines as it needs.
    pub(crate) fn hanging(
        &mut self,
        head: &str,
        indent: usize,
        look: Option<Look>,
        text: &str,
    ) -> io::Result<()> {
        for (at, part) in wrapped(text, self.width.saturating_sub(indent)).iter().enumerate() {
            let head = if at == 0 { head } else { "" };
            let part = look.map_or_else(|| part.clone(), |look| self.paint(look, part));
            writeln!(self.out, "{head:<indent$}{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(colour: bool, write: impl FnOnce(&mut Page<'_, Vec<u8>>)) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, colour));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn long_rows_go_on_below_what_they_say() {
        let text = page(false, |page| page.row("claim", &"word ".repeat(20)).unwrap());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("claim        word") && lines[0].len() <= WIDTH);
        assert!(lines[1].starts_with("             word"), "{text}");
        assert_eq!(
            page(false, |page| page.row("", "  deeper").unwrap()),
            "               deeper\n"
        );
        let long = "x".repeat(120);
        assert_eq!(page(false, |page| page.verbatim("again", &long).unwrap()).lines().count(), 1);
    }

    #[test]
    fn colour_is_asked_for() {
        let title = |colour| page(colour, |page| page.line(Some(Look::Bold), "a title").unwrap());
        assert_eq!(title(false), "a title\n");
        assert_eq!(title(true), "\u{1b}[1ma title\u{1b}[0m\n");
    }
}
