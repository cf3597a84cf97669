//! Tells the compiler of the one configuration that this crate has: `--cfg loom`, for its models.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(loom)");
}
