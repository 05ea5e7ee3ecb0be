//! Where something is in a file: `jobs.deploy.steps[2].with`.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Key(String),
    /// Counted from 0.
    Item(usize),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Part>);

impl Path {
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Part::Key(key.into()))
    }

    pub fn item(&self, index: usize) -> Self {
        self.with(Part::Item(index))
    }

    /// What it is in; `None` for the whole file.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }

    fn with(&self, part: Part) -> Self {
        Self(self.0.iter().cloned().chain([part]).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            match part {
                Part::Key(key) if at == 0 => write!(f, "{key}")?,
                Part::Key(key) => write!(f, ".{key}")?,
                Part::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
