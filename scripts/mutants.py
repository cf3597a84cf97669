"""What scripts/mutants does once its tools are there: weave all mutants into one build, and run the
tests once with each. Nothing else may build into target/mutants meanwhile.

A mutant of `a < b` becomes `(match __mutant() { 17 => { a == b } _ => { a < b } })`, and so on for
every kind. Between /*<17*/ and /*>17*/ stands what belongs to mutant 17 alone: where the compiler
complains there, the mutant is not viable and is taken out."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import tree_sitter_rust
from tree_sitter import Language, Parser

# What is mutated, what is built, and which tests are slow and come last.
PARTS = {
    "engine": {
        "list": ["-p", "usher-engine", "-e", "engine/src/planted.rs", "-e", "engine/src/machine.rs",
                 "-e", "engine/src/room*", "-e", "engine/src/room/**",
                 "-e", "engine/src/accounts*", "-e", "engine/src/accounts/**"],
        "build": ["-p", "usher-engine", "--lib", "--test", "rules"],
        "slow": ["agrees_with", "random_walk", "the_limits_hold"],
    },
    "gate": {
        "list": ["-p", "usher-engine", "-f", "engine/src/machine.rs", "-f", "engine/src/room/*.rs",
                 "-f", "engine/src/accounts/*.rs"],
        "build": ["-p", "usher-engine", "-p", "usher-simulate", "--lib", "--test", "rules",
                  "--test", "rooms"],
        "slow": ["agrees_with", "random_walk", "the_limits_hold", "no_place_is_lost"],
    },
    "persistence": {
        "list": ["-p", "usher-persistence", "-f", "persistence/src/frame.rs",
                 "-f", "persistence/src/codec/*.rs", "-f", "persistence/src/memory.rs",
                 "-f", "persistence/src/memory/*.rs"],
        "build": ["-p", "usher-persistence", "--lib"],
        "only": ["frame::", "codec::", "memory::"],
        "slow": ["panic"],
    },
    "shards": {
        "list": ["-p", "usher-shards", "-p", "usher-shared", "-f", "shards/src/core/*.rs",
                 "-f", "shards/src/recovery.rs", "-f", "shards/shared/src/pool.rs"],
        "build": ["-p", "usher-shards", "-p", "usher-shared", "-p", "usher-simulate",
                  "--lib", "--test", "core", "--test", "sale"],
        "slow": ["schedules", "many_holds", "every_promise", "same_seed"],
    },
}
# Seconds of CPU time after which a mutant counts as one that never ends: of the quick tests of one
# target, and of the slow ones.
QUICK_SECONDS, SLOW_SECONDS = 10, 60
MEMORY_BYTES = 8 << 30

SWITCH = """
/// Which mutant is on.
#[must_use]
pub fn __mutant() -> u32 {
    static MUTANT: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let read = || std::env::var("USHER_MUTANT").ok()?.parse().ok();
    *MUTANT.get_or_init(|| read().unwrap_or(0))
}
"""


class Weaver:
    """Rewrites one file."""

    parser = Parser(Language(tree_sitter_rust.language()))

    def __init__(self, root, name):
        self.path = root / name
        self.bytes = self.path.read_bytes()
        self.lines = self.bytes.splitlines(keepends=True)
        self.tree = self.parser.parse(self.bytes)
        self.nodes = list(walk(self.tree.root_node))
        self.mutants = {}
        self.switch = "crate" if name.startswith("engine/") else "usher_engine"
        self.switch += "::__mutant()"

    def offset(self, position):
        line = self.lines[position["line"] - 1].decode()
        before = sum(map(len, self.lines[: position["line"] - 1]))
        return before + len(line[: position["column"] - 1].encode())

    def add(self, mutant):
        """Finds what a mutant changes; says why not where it cannot be woven in."""
        start, end = (self.offset(mutant["span"][edge]) for edge in ("start", "end"))
        around = [node for node in self.nodes if node.type == "function_item"
                  and node.start_byte <= start and end <= node.end_byte]
        if not around:
            return "a constant"
        function = min(around, key=lambda node: node.end_byte - node.start_byte)
        body = function.child_by_field_name("body")
        if b"const fn" in self.bytes[function.start_byte : body.start_byte]:
            return "a constant function"
        kind, node = mutant["genre"], None
        if kind == "FnValue":
            is_iterator = "impl Iterator" in mutant["function"]["return_type"]
            kind, node = "Iterator" if is_iterator else kind, body
        elif kind == "BinaryOperator":
            node = self.first(start, ("binary_expression", "compound_assignment_expr"), operator)
        elif kind == "UnaryOperator":
            node = self.first(start, ("unary_expression",))
        elif kind == "MatchArm":
            arm = self.first(start, ("match_arm",))
            node = arm and arm.child_by_field_name("pattern")
        elif kind == "MatchArmGuard":
            node = next((n for n in self.nodes if (n.start_byte, n.end_byte) == (start, end)), None)
        elif kind == "StructField":
            node = self.first(start, ("field_initializer", "shorthand_field_initializer"))
        if node is None or any(inner.type.startswith("let_c") for inner in walk(node)
                               if kind in ("BinaryOperator", "MatchArmGuard")):
            return "a place that cannot be switched"
        self.mutants.setdefault(node.id, []).append((kind, mutant))
        return None

    def first(self, start, types, place=lambda node: node):
        here = (n for n in self.nodes if n.type in types and place(n).start_byte == start)
        return next(here, None)

    def write(self):
        self.path.write_text(self.woven(self.tree.root_node))

    def text(self, node):
        return self.bytes[node.start_byte : node.end_byte].decode()

    def woven(self, node):
        parts, end = [], node.start_byte
        for child in node.children:
            parts += [self.bytes[end : child.start_byte].decode(), self.woven(child)]
            end = child.end_byte
        inner = "".join(parts) + self.bytes[end : node.end_byte].decode()
        here = self.mutants.get(node.id)
        if not here:
            return inner
        kind = here[0][0]
        others = " && ".join(f"{self.switch} != {mutant['id']}" for _, mutant in here)
        if kind == "FnValue":
            returns = "".join(mark(mutant, f"if {self.switch} == {mutant['id']} "
                                   f"{{ return {mutant['replacement']}; }}") for _, mutant in here)
            return "{" + returns + inner[1:]
        if kind == "Iterator":
            instead = "".join(".chain(" + mark(mutant, f"({self.switch} == {mutant['id']})"
                              f".then(|| {mutant['replacement']}).into_iter().flatten()") + ")"
                              for _, mutant in here)
            return f"{{ ({others}).then(move || {inner}).into_iter().flatten(){instead} }}"
        if kind == "MatchArm":
            guard = node.child_by_field_name("condition")
            if guard is None:
                return f"{inner} if {others}"
            pattern = self.bytes[node.start_byte : guard.start_byte].decode()
            return f"{pattern}{others} && ({inner[len(pattern):]})"
        arms = "".join(f"{mutant['id']} => {{ {mark(mutant, self.changed(node, *pair))} }}\n"
                       for pair in here for mutant in pair[1:])
        if kind == "StructField":
            field = self.field(node)
            value = inner.split(":", 1)[1] if ":" in inner else field
            return f"{field}: (match {self.switch} {{ {arms} _ => {{ {value} }} }})"
        return f"(match {self.switch} {{ {arms} _ => {{ {inner} }} }})"

    def changed(self, node, kind, mutant):
        """What stands there in a mutant; the parts within are as they were."""
        if kind == "BinaryOperator":
            left, right = (self.text(node.child_by_field_name(side)) for side in ("left", "right"))
            return f"{left} {mutant['replacement']} {right}"
        if kind == "UnaryOperator":
            return self.text(node)[1:]
        if kind == "StructField":
            base = next(n for n in node.parent.children if n.type == "base_field_initializer")
            return f"({self.text(base.named_children[0])}).{self.field(node)}"
        return mutant["replacement"]

    def field(self, node):
        return self.text(node.child_by_field_name("field") or node.children[0])


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


def operator(node):
    return node.child_by_field_name("operator") or next(n for n in node.children if not n.is_named)


def mark(mutant, text):
    return f"/*<{mutant['id']}*/ {text} /*>{mutant['id']}*/"


def weave(root, originals, mutants):
    """Writes all sources anew; returns which mutants are left out, and why."""
    left_out, weavers = {}, {}
    for name, text in originals.items():
        (root / name).write_bytes(text)
        weavers[name] = Weaver(root, name)
    for mutant in mutants:
        reason = weavers[mutant["file"]].add(mutant)
        if reason:
            left_out[mutant["name"]] = reason
    for weaver in weavers.values():
        weaver.write()
    library = root / "engine/src/lib.rs"
    library.write_text(library.read_text() + SWITCH)
    return left_out


def blamed(root, message):
    """The mutants in whose text the compiler found a fault."""
    found = set()
    for span in message["spans"]:
        while span:
            path = root / span["file_name"]
            if path.exists():
                before = path.read_bytes()[: span["byte_start"]]
                marks = re.findall(rb"/\*([<>])(\d+)\*/", before)
                if marks and marks[-1][0] == b"<":
                    found.add(int(marks[-1][1]))
            span = (span.get("expansion") or {}).get("span")
    return found


def build(root, originals, mutants, arguments):
    """Builds until what is not viable is out. Returns the tests' binaries by name and package, the
    mutants that are in them, and those that could not be woven in."""
    while True:
        left_out = weave(root, originals, mutants)
        command = ["cargo", "test", "--locked", "--no-run", "--message-format=json", *arguments]
        result = subprocess.run(command, cwd=root, capture_output=True, text=True)
        messages = [json.loads(line) for line in result.stdout.splitlines() if line[:1] == "{"]
        if result.returncode == 0:
            tests = [(m["executable"], Path(m["manifest_path"]).parent) for m in messages
                     if m["reason"] == "compiler-artifact" and m.get("executable")]
            return tests, [m for m in mutants if m["name"] not in left_out], left_out
        errors = [m["message"] for m in messages
                  if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
        faults = set().union(*(blamed(root, error) for error in errors))
        if not faults:
            sys.exit("\n".join(error["rendered"] for error in errors) or result.stderr)
        mutants = [mutant for mutant in mutants if mutant["id"] not in faults]
        print(f"{len(faults)} are not viable", flush=True)


def stages(tests, part):
    """The runs of the tests that a mutant has to get through, quick ones first."""
    slow, only = part["slow"], part.get("only", [])
    skipped = [word for name in slow for word in ("--skip", name)]
    quick = [(test, [*only, *skipped], QUICK_SECONDS) for test in tests]
    return quick + [(test, slow, SLOW_SECONDS) for test in tests]


def noticed_by(number, runs):
    """The first run of tests that fails with this mutant, if one does."""
    for (binary, folder), arguments, seconds in runs:
        def limit(seconds=seconds):
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        environment = dict(os.environ, USHER_MUTANT=str(number), RUST_BACKTRACE="0")
        command = [binary, *arguments, "--test-threads=1"]
        try:
            result = subprocess.run(command, cwd=folder, env=environment, preexec_fn=limit,
                                    capture_output=True, timeout=100 * seconds)
        except subprocess.TimeoutExpired:
            return command
        if result.returncode != 0:
            return command
    return None


def main(root, name, words):
    part = PARTS[name]
    listed = subprocess.run(["cargo", "mutants", "--list", "--json", *part["list"]], cwd=root,
                            check=True, capture_output=True, text=True)
    mutants = json.loads(listed.stdout)
    if words:
        mutants = [m for m in mutants if any(word in m["name"] for word in words)]
    for number, mutant in enumerate(mutants, 1):
        mutant["id"] = number
    names = {mutant["file"] for mutant in mutants} | {"engine/src/lib.rs"}
    originals = {file: (root / file).read_bytes() for file in names}
    print(f"building {len(mutants)} mutants", flush=True)
    tests, viable, left_out = build(root, originals, mutants, part["build"])
    runs = stages(tests, part)
    if broken := noticed_by(0, runs):
        sys.exit(f"fails without any mutant: {' '.join(broken)}")
    survivors = []
    for mutant in viable:
        if not noticed_by(mutant["id"], runs):
            survivors.append(mutant["name"])
            print("survives:", mutant["name"], flush=True)
    report = {"viable": len(viable), "survivors": survivors, "left out": left_out}
    (root.parent / f"{name}.json").write_text(json.dumps(report, indent=2))
    for mutant, reason in left_out.items():
        print(f"not tried, {reason}: {mutant}")
    print(f"{len(viable)} viable mutants, {len(viable) - len(survivors)} found, "
          f"{len(survivors)} survive, {len(left_out)} not tried")


main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
