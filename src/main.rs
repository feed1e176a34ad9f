//! The command line of kafsim.

/// A simulation makes and drops a message every few microseconds: the system's allocator takes a
/// tenth of a run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    kafsim::cli::main(std::env::args_os())
}
