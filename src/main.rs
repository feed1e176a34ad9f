//! The command line of kafsim.

fn main() -> std::process::ExitCode {
    kafsim::cli::main(std::env::args_os())
}
