//! Computes the build id: a hash of everything that decides how a run goes.

use std::path::{Path, PathBuf};

fn main() {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut paths = vec![PathBuf::from("Cargo.lock")];
    collect(Path::new("src"), &mut paths);
    paths.sort();
    for path in &paths {
        println!("cargo:rerun-if-changed={}", path.display());
        let name = path.to_string_lossy().replace('\\', "/");
        hash.update(name.as_bytes());
        hash.update(&[0]);
        // A crate unpacked from a registry may lack the lock file; its absence is hashed too.
        if let Ok(bytes) = std::fs::read(path) {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
    }
    println!("cargo:rerun-if-changed=src");
    hash.update(env!("CARGO_PKG_VERSION").as_bytes());
    println!("cargo:rustc-env=KAFSIM_BUILD_ID={:016x}", hash.digest());
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}
