//! Command lines that are understood, and those that are refused with the name of the flag.

use clap::{CommandFactory as _, Parser as _};

use super::*;
use crate::drive::Load;
use crate::run::{RunPlan, ShowSource};
use crate::world::Pay;

fn plan(line: &str) -> Result<RunPlan, String> {
    let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
    match cli.command {
        Command::Rush(args) => args.check(),
        Command::Browse(args) => args.check(),
        Command::Stock(args) => args.check(),
        Command::Mixed(args) => args.check(),
        _ => panic!("{line} is no run"),
    }
    .map_err(|error| format!("{error:#}"))
}

#[test]
fn flags_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn a_run_that_says_little_has_defaults() {
    let plan = plan("usher-loadgen rush --show s").expect("a run");
    assert_eq!(plan.show, ShowSource::Existing("s".into()));
    assert_eq!(plan.load, Load::Closed { workers: 16 });
    assert_eq!(plan.until.elapsed, Some(Duration::from_secs(30)));
    assert_eq!((plan.crowd.group, plan.habits.pay), ((1, 6), Pay::Sandbox));
    assert!(plan.audit.is_some() && plan.ops.is_none() && plan.slo.is_empty());
}

#[test]
fn a_run_that_says_much_is_understood() {
    let line = "usher-loadgen rush --seats 500 --organiser-key k --operator-key o --rate 100 \
                --poisson --choose exact --pay direct --callback-secret x --until-sold-out \
                --group 2-4 --abandon 10% --slo p99<50ms,errors<0.1% --no-audit --drop 1% \
                --run-id abc";
    let plan = plan(line).expect("a run");
    assert!(matches!(plan.load, Load::Open(_)) && plan.until_sold_out);
    assert_eq!(plan.until.elapsed, None, "sold out is the end");
    assert_eq!(plan.habits.pay, Pay::Direct(b"x".into()));
    assert!(matches!(&plan.show, ShowSource::New(new, key) if key == "k" && new.plan.is_some()));
    assert_eq!((plan.slo.len(), plan.run_id.as_str()), (2, "abc"));
    let words = plan.settings.join("; ");
    assert!(words.contains("open loop at 100 buyers a second, random steps, until sold out"));
    assert!(!words.contains("organiser"), "no secret is in the settings: {words}");
}

#[test]
fn wrong_lines_are_refused_with_the_flag() {
    let check = |line: &str, want: &str| {
        let error = plan(&format!("usher-loadgen {line}")).expect_err(line);
        assert!(error.contains(want), "{line}: {error}");
    };
    check("rush", "name a --show, or say what to make");
    check("rush --seats 5", "--organiser-key");
    check("rush --stock 5 --organiser-key k", "rush needs --plan or --seats");
    check("stock --seats 5 --organiser-key k", "stock needs --stock");
    check("rush --show s --url https://a", "--url:");
    check("rush --show s --slo p99<soon", "--slo: `p99<soon`");
    check("rush --show s --pay direct", "--callback-secret");
    check("rush --show s --ramp 1..5 --until-sold-out", "--ramp needs --duration");
    check("rush --show s --ramp fast --duration 3s", "--ramp: `fast`");
    check("rush --show s --rate 0", "--rate must be above 0");
    check("rush --show s --rate 5 --workers 3", "cannot be used with");
    check("rush --show s --group 6-1", "--group");
    check("rush --show s --run-id a/b", "--run-id");
    check("rush --show s --seats 5", "cannot be used with");
    check("rush --show s --arrivals /nowhere/at/all", "--arrivals /nowhere/at/all");
    check("mixed --show s --mix dance=1", "--mix");
}
