//! Where results go: stdout, which may be closed at any time, and files, which appear whole or
//! not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Standard output, gathered and written at once.
///
/// A reader that has gone away (`kafsim events ... | head`) is no error: `main` ends quietly when
/// it meets [`io::ErrorKind::BrokenPipe`].
pub(crate) fn stdout() -> impl Write {
    io::BufWriter::with_capacity(1 << 16, Named(io::stdout().lock()))
}

/// Says of a failure that it was standard output's.
struct Named<W>(W);

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

/// `error` with the sentence that standard output could not be written.
pub(crate) fn named(error: io::Error) -> io::Error {
    match error.kind() {
        // Not a failure of the kind that is told.
        io::ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, OfStdout(error)),
    }
}

/// What went wrong with standard output.
#[derive(Debug)]
struct OfStdout(io::Error);

impl std::error::Error for OfStdout {}

impl std::fmt::Display for OfStdout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to standard output: {}", self.0)
    }
}

/// Whether `error` is only that nobody reads stdout any more; a pipe that was named as a file and
/// breaks is a failure as any other.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(is_closed)
}

fn is_closed(error: &io::Error) -> bool {
    let is_stdout =
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<OfStdout>);
    is_stdout && error.kind() == io::ErrorKind::BrokenPipe
}

/// Goes on in silence when nobody reads `W` any more, for work that leaves files.
pub(crate) struct Enduring<W>(pub(crate) W);

impl<W: Write> Write for Enduring<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if is_closed(&error) => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if is_closed(&error) => Ok(()),
            other => other,
        }
    }
}

/// Finds out early whether `path` can be written, before hours of work for it. Devices and pipes
/// are left alone: whoever reads a pipe would take the trial for its end.
pub(crate) fn check_writable(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let tried = match std::fs::metadata(path) {
        Ok(known) if known.is_file() => {
            std::fs::OpenOptions::new().write(true).open(path).map(drop)
        }
        Ok(known) if known.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(()),
        Err(_) => folder.map_or(Ok(()), make_folder).and_then(|()| {
            std::fs::File::create_new(path).and_then(|_| std::fs::remove_file(path))
        }),
    };
    tried.with_context(|| format!("write `{}`", path.display()))
}

/// Makes `folder` if it is not there, and says so: its name may have been a slip. Where results go
/// when nobody says where is made in silence.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    if folder != Path::new("reports") {
        complain(&format!("the folder `{}` was not there and is made", folder.display()));
    }
    Ok(())
}

/// Refuses to write `path` over one of the files that are `read`.
pub(crate) fn check_apart<'a>(
    path: &Path,
    read: impl IntoIterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let Some(target) = real(path) else { return Ok(()) };
    if read.into_iter().any(|source| real(source).as_ref() == Some(&target)) {
        anyhow::bail!("`{}` is what is read: write to another file", path.display());
    }
    Ok(())
}

/// Writes `parts` one after the other to `path`: aside first, then renamed, so that a full disk or
/// a crash leaves no half file under the final name. Makes the folder.
pub(crate) fn write_whole<'a>(
    path: &Path,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> anyhow::Result<()> {
    let mut file = WholeFile::create(path)?;
    parts.into_iter().try_for_each(|part| file.add(part))?;
    file.finish()
}

/// A file that is written piece by piece and appears under its name when it is whole.
///
/// Dropped before [`finish`](Self::finish) it leaves nothing behind.
pub(crate) struct WholeFile {
    /// As it was named.
    path: PathBuf,
    /// Where it is written, and what it is called when it is whole; none for a device or a pipe,
    /// which is written to at once: a file renamed over it would take its place.
    aside: Option<(PathBuf, PathBuf)>,
    file: Option<io::BufWriter<std::fs::File>>,
}

impl WholeFile {
    /// Begins the file `path`. Makes the folder.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            make_folder(folder)
                .with_context(|| format!("make the folder `{}`", folder.display()))?;
        }
        let is_device = std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir());
        let (aside, file) = if is_device {
            (None, std::fs::OpenOptions::new().write(true).open(path))
        } else {
            // The file that a link names is written anew, and the link stays.
            let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let mut aside = real.as_os_str().to_owned();
            aside.push(".part");
            let aside = PathBuf::from(aside);
            let file = std::fs::File::create(&aside);
            (Some((aside, real)), file)
        };
        let file = file.with_context(|| format!("write `{}`", path.display()))?;
        let file = Some(io::BufWriter::with_capacity(1 << 16, file));
        Ok(Self { path: path.to_owned(), aside, file })
    }

    /// Adds `part` at the end.
    pub(crate) fn add(&mut self, part: &[u8]) -> anyhow::Result<()> {
        let file = self.file.as_mut().expect("a file that was finished is gone");
        file.write_all(part).with_context(|| format!("write `{}`", self.path.display()))
    }

    /// Has the file appear under its name.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let file = self.file.take().expect("a file is finished once");
        let is_file = self.aside.is_some();
        let written = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
            // A pipe has nothing to be flushed to.
            if is_file { file.sync_all() } else { Ok(()) }
        });
        let written = written.and_then(|()| match &self.aside {
            Some((aside, real)) => std::fs::rename(aside, real),
            None => Ok(()),
        });
        if written.is_ok() {
            self.aside = None;
        }
        written.with_context(|| format!("write `{}`", self.path.display()))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().expect("a file that was finished is gone").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some((aside, _)) = &self.aside {
            // What is left may be in the way of nobody; the first error is the one to tell.
            let _ = std::fs::remove_file(aside);
        }
    }
}

/// Reads a whole file; `what` is what it should be, as in "a scenario (.toml)".
pub(crate) fn read_file(path: &Path, what: &str) -> Result<Vec<u8>, Unreadable> {
    std::fs::read(path).map_err(|error| {
        let name = path.display();
        Unreadable(match error.kind() {
            io::ErrorKind::NotFound => {
                format!("there is no file `{name}`: give the path of {what}")
            }
            io::ErrorKind::IsADirectory => {
                format!("`{name}` is a folder: give the path of {what}")
            }
            _ => format!("cannot read `{name}`: {error}: give the path of {what}"),
        })
    })
}

/// A file that is not there or does not let itself be read: the sentence that says so.
#[derive(Debug)]
pub(crate) struct Unreadable(String);

impl std::error::Error for Unreadable {}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says `sentence` on stderr.
pub(crate) fn complain(sentence: &str) {
    // Nobody is there to be told that this fails.
    let _ = writeln!(io::stderr(), "kafsim: {sentence}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.run");
        write_whole(&path, [&b"first"[..]]).unwrap();
        write_whole(&path, [&b"second"[..]]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        // A folder stands where the file should be: the rename fails.
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("inside")).unwrap();
        let error = write_whole(&taken, [&b"x"[..]]).unwrap_err();
        assert!(error.to_string().starts_with("write `"), "{error}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn a_file_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut file = WholeFile::create(&path).unwrap();
        file.add(b"one\n").unwrap();
        assert!(!path.exists());
        file.add(b"two\n").unwrap();
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        WholeFile::create(&path).unwrap().add(b"half").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n", "it was not finished");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("a/new"), folder.path().join("old"));
        std::fs::write(&old, b"old").unwrap();
        check_writable(&new).unwrap();
        check_writable(&old).unwrap();
        assert!(!new.exists());
        assert_eq!(std::fs::read(&old).unwrap(), b"old");
        assert!(check_writable(folder.path()).is_err(), "a folder is no file");
        assert!(check_writable(&old.join("below")).is_err(), "a file is no folder");
    }

    #[test]
    fn only_standard_output_may_be_closed_in_silence() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::new(named(broken())).context("write events")));
        assert!(!is_closed_pipe(&anyhow::Error::new(broken()).context("write `p`")));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(!is_closed_pipe(&anyhow::Error::new(named(full))));
    }

    /// Fails always, as told.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(named(self.0.into()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(named(self.0.into()))
        }
    }

    #[test]
    fn work_that_leaves_files_goes_on_when_nobody_reads() {
        let mut closed = Enduring(Failing(io::ErrorKind::BrokenPipe));
        closed.write_all(b"line").unwrap();
        closed.flush().unwrap();
        let mut full = Enduring(Failing(io::ErrorKind::StorageFull));
        assert!(full.write_all(b"line").is_err());
        assert!(full.flush().is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_a_link_stays_a_link() {
        // Through a link of our own: were it replaced, the device would not be.
        let folder = tempfile::tempdir().unwrap();
        let full = folder.path().join("full");
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let error = write_whole(&full, [&b"x"[..]]).unwrap_err();
        assert!(error.chain().any(|cause| cause.to_string().contains("No space left")));
        assert!(std::fs::symlink_metadata(&full).unwrap().is_symlink());
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, [&b"new"[..]]).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
