# Shared by the scripts beside it: saying what is done, and installing what is missing.

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# need COMMAND PACKAGE: installs a Debian package unless its command is there.
need() {
  command -v "$1" >/dev/null 2>&1 && return
  say "installing $2 (for $1)"
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  if [ -z "${APT_UPDATED:-}" ]; then
    "${as_root[@]}" apt-get update -q
    APT_UPDATED=1
  fi
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "$2"
}

# need_rust: the toolchain is the one thing that we cannot install for you.
need_rust() {
  command -v cargo >/dev/null 2>&1 && return
  [ -x "$HOME/.cargo/bin/cargo" ] && export PATH="$HOME/.cargo/bin:$PATH" && return
  echo "Usher needs the Rust toolchain: see https://rustup.rs" >&2
  exit 1
}
