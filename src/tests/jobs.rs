//! What servers do by themselves: one contract over the whole table.

use std::collections::HashSet;

use clap::CommandFactory as _;

use super::app::{Setup, TestApp};
use crate::booking::jobs::{JOBS, WorksOn, find};
use crate::cli::Cli;

#[test]
fn every_job_has_a_name_and_a_flag_of_its_own_and_a_command_unless_it_works_on_the_process() {
    let mut command = Cli::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    let (mut names, mut flags) = (HashSet::new(), HashSet::new());
    for job in JOBS {
        let (name, flag) = (job.name(), job.period().flag);
        assert!(names.insert(name) && flags.insert(flag), "{name}");
        assert!(find(name).is_some_and(|found| found.summary() == job.summary()), "{name}");
        assert!(!job.period().default.is_zero(), "{name}");
        assert!(serve.get_arguments().any(|arg| arg.get_long() == Some(flag)), "{name}");
        let by_hand = command.find_subcommand(name);
        assert_eq!(by_hand.is_some(), job.works_on() != WorksOn::Process, "{name}");
        if let Some(by_hand) = by_hand {
            assert_eq!(by_hand.get_about().unwrap().to_string(), job.summary());
            let asks_provider =
                by_hand.get_arguments().any(|arg| arg.get_long() == Some("payments"));
            assert_eq!(asks_provider, job.works_on() == WorksOn::Payments, "{name}");
        }
    }
}

#[tokio::test]
async fn where_nothing_is_due_every_job_does_nothing_and_says_so() {
    let app = TestApp::start(Setup::default()).await;
    for job in JOBS {
        let (due, done) = (app.due(job.name()).await, app.run_job(job.name()).await);
        assert_eq!(due, done, "{}", job.name());
        assert!(done.iter().all(|number| *number == 0), "{}: {done:?}", job.name());
    }
    app.clean_audit().await;
}
