//! Short failures between good answers, and whose they were.

use super::sample::Bad;

/// Good answers in a row, before and after a failure, for it to count as a network blip.
const STREAK: u64 = 3;

/// Counts failures that did not end a window, and whose they were.
#[derive(Default)]
pub struct Streaks {
    good: u64,
    open: Option<Blip>,
    /// Failures with a sign that they were the platform's.
    pub infra: u64,
    pub app: u64,
}

/// Failures in a row.
struct Blip {
    count: u64,
    /// Each of them could be the platform's, and good responses came before.
    suspect: bool,
    /// The control failed each time.
    signed: bool,
}

impl Streaks {
    pub fn good(&mut self) {
        self.good += 1;
        if self.good >= STREAK {
            self.close(true);
        }
    }

    pub fn bad(&mut self, bad: &Bad) {
        let (could, signed) = (bad.could_be_infra(), bad.sign.is_some());
        let before = self.good;
        if before > 0 {
            self.close(false);
        }
        self.good = 0;
        let blip = self.open.get_or_insert(Blip {
            count: 0,
            suspect: before >= STREAK,
            signed: true,
        });
        blip.count += 1;
        blip.suspect &= could;
        blip.signed &= signed;
    }

    pub fn finish(&mut self) {
        self.close(false);
    }

    fn close(&mut self, recovered: bool) {
        if let Some(blip) = self.open.take() {
            if blip.signed || (blip.suspect && recovered) {
                self.infra += blip.count;
            } else {
                self.app += blip.count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    /// `g`ood, `r`eset, `5`00, or `c` for a reset while the control fails too.
    fn told(samples: &str) -> (u64, u64) {
        let mut streaks = Streaks::default();
        for sample in samples.chars() {
            match sample {
                'g' => streaks.good(),
                'r' => streaks.bad(&Bad::new(Reason::Reset, "")),
                '5' => streaks.bad(&Bad::new(Reason::Status5xx, "")),
                _ => streaks.bad(&Bad {
                    sign: Some("control".into()),
                    ..Bad::new(Reason::Reset, "")
                }),
            }
        }
        streaks.finish();
        (streaks.infra, streaks.app)
    }

    #[test]
    fn a_blip_between_two_good_streaks_is_the_platforms() {
        assert_eq!(told("gggrggg"), (1, 0));
        assert_eq!(told("gggrrrggg"), (3, 0));
        assert_eq!(told("ggrggg"), (0, 1), "too little before");
        assert_eq!(told("gggrgg"), (0, 1), "too little after");
        assert_eq!(told("ggg5ggg"), (0, 1), "the application's own answer");
        assert_eq!(told("gggr5ggg"), (0, 2));
        assert_eq!(told("gggrgrggg"), (0, 2));
        assert_eq!(told("gggrgggrggg"), (2, 0));
        assert_eq!(told("rrr"), (0, 3), "refused or reset all the time");
    }

    #[test]
    fn a_control_that_fails_too_is_a_sign_by_itself() {
        assert_eq!(told("cc"), (2, 0));
        assert_eq!(told("cr"), (0, 2));
    }
}
