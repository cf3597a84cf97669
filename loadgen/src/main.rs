//! The `usher-loadgen` command: reads the command line, does it, and says how it went by exit
//! code: 0 fine, 1 wrong usage or no server, 2 an objective missed, 3 a violation found.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use clap::Parser as _;
use usher_loadgen::cli::{
    AuditArgs, Cli, Command, DiffArgs, LinearArgs, MergeArgs, OnsaleArgs, PlanArgs, SimulateArgs,
    VerifyDrawArgs,
};
use usher_loadgen::result::{self, RunResult};
use usher_loadgen::run::{self, RunPlan};
use usher_loadgen::{linear, onsale, plan, report, slo};
use usher_simulate::{Config, Summary};

/// Everything is as it should be.
const FINE: u8 = 0;
/// The command line is wrong, a file cannot be used, or the server cannot be reached.
const FAILED: u8 = 1;
/// An objective was missed, or a comparison got worse than allowed.
const SLO_MISSED: u8 = 2;
/// The audit found a violation.
const VIOLATED: u8 = 3;

/// As in the server: a request makes some dozens of small allocations, many of which end on another
/// thread: what this one is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; clap's own code for errors is taken by
            // objectives here.
            let code = if error.use_stderr() { FAILED } else { FINE };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match execute(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("usher-loadgen: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn execute(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Rush(args) => make_run(args.check()?),
        Command::Browse(args) => make_run(args.check()?),
        Command::Stock(args) => make_run(args.check()?),
        Command::Mixed(args) => make_run(args.check()?),
        Command::Audit(args) => audit(&args),
        Command::Merge(args) => merge(&args),
        Command::Diff(args) => diff(&args),
        Command::Plan(args) => write_plan(&args),
        Command::Simulate(args) => simulate(&args),
        Command::Onsale(args) => sell(&args),
        Command::Linear(args) => linear(args),
        Command::VerifyDraw(args) => verify_draw(&args),
    }
}

/// Runs one seed after the other; the first that breaks a promise ends it.
fn simulate(args: &SimulateArgs) -> anyhow::Result<u8> {
    // What panics in a simulation is told with its last steps; its backtrace would only drown them.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut sum, started, cpu_before) = (Summary::default(), Instant::now(), cpu_time());
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        match usher_simulate::simulate(&Config { seed, steps: args.steps }) {
            Ok(summary) => {
                sum.add(&summary);
                if args.each {
                    print(&format!("seed {seed}: {summary}\n"))?;
                }
            }
            Err(failure) => {
                print(&format!("{}\n\n{failure}\n", failure.words.join("\n")))?;
                return Ok(VIOLATED);
            }
        }
    }
    let per_second = |took: Duration| sum.commands as f64 / took.as_secs_f64();
    print(&format!(
        "{} seeds: {sum}\n{:.0} commands/s",
        args.seeds,
        per_second(started.elapsed())
    ))?;
    // A simulation has one thread, so that what others do on the same core can be left out.
    if let (Some(before), Some(after)) = (cpu_before, cpu_time()) {
        print(&format!(", {:.0} commands per second of CPU time", per_second(after - before)))?;
    }
    print("\n")?;
    Ok(FINE)
}

/// The time that this thread was on a CPU so far, where the system tells.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn linear(args: LinearArgs) -> anyhow::Result<u8> {
    let finding = on_one_thread(linear::run(args.check()?))?;
    print(&finding.to_string())?;
    Ok(if finding.is_clean() { FINE } else { VIOLATED })
}

fn sell(args: &OnsaleArgs) -> anyhow::Result<u8> {
    let report = on_one_thread(onsale::run(args.check()?))?;
    print(&report.text())?;
    Ok(if report.is_clean() { FINE } else { VIOLATED })
}

fn verify_draw(args: &VerifyDrawArgs) -> anyhow::Result<u8> {
    let checked = on_one_thread(args.run())?;
    print(&checked.to_string())?;
    Ok(if checked.is_clean() { FINE } else { VIOLATED })
}

fn make_run(plan: RunPlan) -> anyhow::Result<u8> {
    let out_dir = plan.out_dir.clone();
    let result = on_one_thread(run::run(plan))?;
    print(&report::table(&result))?;
    for audit in &result.audits {
        print(&audit.to_string())?;
    }
    let written = |name: &str| out_dir.join(name).display().to_string();
    print(&format!(
        "\nwritten: {}, {}, {}\n",
        written("result.json"),
        written("report.html"),
        written("record.jsonl")
    ))?;
    Ok(code(&result))
}

fn audit(args: &AuditArgs) -> anyhow::Result<u8> {
    let verdicts = on_one_thread(args.run())?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string(&verdicts).context("write the verdicts")?;
        std::fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    let mut clean = true;
    for verdict in &verdicts {
        print(&verdict.to_string())?;
        clean &= verdict.is_clean();
    }
    Ok(if clean { FINE } else { VIOLATED })
}

fn merge(args: &MergeArgs) -> anyhow::Result<u8> {
    let parts = args.results.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    let rules = args.slo.as_deref().map(slo::parse).transpose();
    let rules = rules.map_err(|reason| anyhow!("--slo: {reason}"))?.unwrap_or_default();
    let mut merged = result::merge(parts).map_err(|reason| anyhow!(reason))?;
    merged.slo = rules.iter().map(|rule| rule.outcome(merged.measure(rule))).collect();
    run::write(&args.out, &merged)?;
    print(&report::table(&merged))?;
    Ok(code(&merged))
}

fn diff(args: &DiffArgs) -> anyhow::Result<u8> {
    let changes = result::diff(&read(&args.before)?, &read(&args.after)?);
    print(&report::diff_table(&changes))?;
    let worst = changes.iter().map(|change| change.worse_share).fold(0.0, f64::max);
    Ok(if args.fail_over.is_some_and(|most| worst > most) { SLO_MISSED } else { FINE })
}

fn write_plan(args: &PlanArgs) -> anyhow::Result<u8> {
    let text = plan::generate(args.seats).to_string();
    match &args.output {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        }
        None => print(&text)?,
    }
    Ok(FINE)
}

fn read(path: &Path) -> anyhow::Result<RunResult> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    RunResult::parse(&text).map_err(|reason| anyhow!("{}: {reason}", path.display()))
}

fn code(result: &RunResult) -> u8 {
    if !result.is_clean() {
        VIOLATED
    } else if result.slo.iter().any(|outcome| !outcome.met) {
        SLO_MISSED
    } else {
        FINE
    }
}

/// A reader that went away (`| head`) ends the output, not the program.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("write to standard output"),
    }
}

fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}
