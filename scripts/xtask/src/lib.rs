//! What the tests beside this look at: the files and the manifests of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder that holds the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("two folders below the root").to_path_buf()
}

/// All Rust files of the workspace, without what is built.
#[must_use]
pub fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    visit(&root(), &mut files);
    files.sort();
    files
}

fn visit(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder that can be read").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            visit(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// The crates of this workspace that the crate in `folder` depends on, tests aside.
#[must_use]
pub fn dependencies_of(folder: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let dependencies = manifest.get("dependencies").and_then(|value| value.as_table());
    let names = dependencies.into_iter().flat_map(|table| table.keys());
    names.filter(|name| name.starts_with("usher-")).cloned().collect()
}
