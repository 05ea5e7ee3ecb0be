//! Being told to end by a signal from outside.

use std::time::Duration;

use tokio::time::Instant;

use super::super::attempt::Context;
use super::{TOLD_AGAIN, Watch};
use crate::model::TimeSpan;
use crate::world::wrap::Told;

/// The longest time that a command has after a signal that was passed on to it. A runner sends SIGTERM 7.5 s after
/// SIGINT, and others end a container 10 s after SIGTERM; the report is written after the command has ended.
const TOLD: Duration = Duration::from_secs(7);

impl Watch {
    /// We were told to end.
    pub(super) fn told(&mut self, context: &Context<'_>, told: Told) {
        let name = told.name();
        let first = self.attempt.told.is_empty();
        self.attempt.told.push(told);
        let now = Instant::now();
        if let Some(leaving) = &mut self.leaving {
            leaving.kill_at = if first {
                leaving.kill_at.min(now + TOLD_AGAIN)
            } else {
                now
            };
            context.teller.note(
                self.place(),
                format!("{name} received while the command is being ended"),
            );
        } else if let Some(critical) = context.plan.critical.filter(|_| first) {
            self.held = Some((told, now + critical));
            let grace = TimeSpan(critical);
            context.teller.note(
                self.place(),
                format!("{name} is held back: this step is critical and has {grace} to end"),
            );
        } else if self.passed_on.is_none() {
            let again = if first { "" } else { ", the second signal," };
            context
                .teller
                .note(self.place(), format!("{name}{again} is passed on to the command"));
            self.pass_on(context, told);
        } else {
            context.teller.note(
                self.place(),
                format!("{name} is the second signal: SIGTERM to everything"),
            );
            self.leave(context.plan.grace.min(TOLD_AGAIN));
        }
    }

    /// How long each of the steps may take that are left after a signal. Two of them are left after a second one that was
    /// passed on, as the first was held back.
    pub(super) fn pressed(&self) -> Duration {
        if self.attempt.told.len() > 1 {
            TOLD_AGAIN / 2
        } else {
            TOLD_AGAIN
        }
    }

    pub(super) fn pass_on(&mut self, context: &Context<'_>, told: Told) {
        // Held back before means that the sender has waited already.
        let patience = if self.attempt.told.len() > 1 {
            self.pressed()
        } else {
            TOLD
        };
        self.held = None;
        self.passed_on = Some(Instant::now() + context.plan.grace.min(patience));
        self.wrapped.tree.signal_group(told.signal());
    }
}
