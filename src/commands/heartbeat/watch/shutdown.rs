//! The way out: who has to end does, and nobody is waited for longer than that takes.

use std::time::Duration;

use tokio::time::Instant;

use super::super::attempt::Context;
use super::{Shutdown, Watch};
use crate::world::wrap::Told;

/// How long the kernel may take to carry out a SIGKILL, and a reader of our output to take what is left.
const DYING: Duration = Duration::from_secs(2);
/// After the command's end, silence of this length ends the output that somebody else still holds open.
const QUIET: Duration = Duration::from_millis(300);
/// And whatever comes, this ends it.
const LINGER: Duration = Duration::from_secs(2);

impl Watch {
    /// Whether nothing is waited for any more. Says what has to be said of that.
    pub(super) fn is_over(&mut self, context: &Context<'_>) -> bool {
        let now = Instant::now();
        if let Some(Shutdown { killed, .. }) = self.leaving {
            let gave_up = killed.is_some_and(|since| now >= since + DYING);
            let gone = !self.wrapped.tree.is_anybody_left();
            if gave_up && !gone {
                let left = self.wrapped.tree.processes();
                self.attempt.survivors = left.iter().map(|process| context.teller.shown(process)).collect();
            }
            let silent = self.wrapped.streams.has_ended();
            return gave_up || (gone && (silent || self.ended_at.is_some_and(|at| now >= at + DYING)));
        }
        let Some(ended_at) = self.ended_at else {
            return false;
        };
        if self.attempt.limit.is_some() || self.passed_on.is_some() {
            if !self.wrapped.tree.is_anybody_left() {
                return self.wrapped.streams.has_ended() || now >= ended_at + DYING;
            }
            // It was told to end, and left others behind that do not know.
            self.leave(context.plan.grace.min(self.pressed()));
            return false;
        }
        if self.is_repeated(context) && self.wrapped.tree.is_anybody_left() {
            context
                .teller
                .note(self.place(), "ending leftover processes before the next attempt");
            self.leave(context.plan.grace);
            return false;
        }
        if self.wrapped.streams.has_ended() {
            return true;
        }
        let quiet = self.wrapped.streams.reading().quiet.min(now - ended_at);
        let drained = self.wrapped.streams.is_drained();
        let out_of_time = self.deadline.is_some_and(|deadline| now >= deadline) || self.held.is_some();
        drained && (quiet >= QUIET || now >= ended_at + LINGER) || (out_of_time && now >= ended_at + LINGER)
    }

    /// Whether there is another attempt after this one.
    fn is_repeated(&self, context: &Context<'_>) -> bool {
        self.number <= context.plan.retries
            && self.attempt.told.is_empty()
            && context.plan.retry_on.contain(self.attempt.exit_code())
    }

    /// Kills what did not end in its time.
    pub(super) fn press(&mut self, context: &Context<'_>, leaving: Shutdown, now: Instant) {
        if now < leaving.kill_at {
            return;
        }
        if leaving.killed.is_none() {
            self.attempt.killed = true;
            self.leaving = Some(Shutdown {
                killed: Some(now),
                ..leaving
            });
            context
                .teller
                .note(self.place(), "sending SIGKILL to all remaining processes");
        }
        // What was just forking during the last round is there now.
        self.wrapped.tree.signal(Told::KILL.signal());
    }

    /// Everything that is there has so long to end.
    pub(super) fn leave(&mut self, grace: Duration) {
        self.wrapped.tree.signal(Told::TERM.signal());
        self.leaving = Some(Shutdown {
            kill_at: Instant::now() + grace,
            killed: None,
        });
    }
}
