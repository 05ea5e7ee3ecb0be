//! What the token of a job may do.

use crate::model::yaml::Node;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    None,
    Read,
    Write,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A `permissions:` block.
#[derive(Clone, Copy, Debug)]
pub enum Permissions<'a> {
    /// Nothing is written, so the settings of the repository decide.
    Unset,
    /// `read-all`, `write-all`
    All(Access),
    /// What is not named in it is refused.
    Only(&'a Node),
}

impl<'a> Permissions<'a> {
    pub fn of(node: Option<&'a Node>) -> Self {
        match node {
            None => Self::Unset,
            Some(node) => match node.text() {
                Some("read-all") => Self::All(Access::Read),
                Some("write-all") => Self::All(Access::Write),
                Some(_) if !node.is_null() => Self::Unset,
                _ => Self::Only(node),
            },
        }
    }

    /// Whether they include this one; `None` if that is not written here.
    pub fn has(self, scope: &str, access: Access) -> Option<bool> {
        let given = match self {
            Self::Unset => return None,
            // There is no such thing as reading an identity token.
            Self::All(Access::Read) if scope == "id-token" => Access::None,
            Self::All(access) => access,
            Self::Only(node) => match node.get(scope).and_then(Node::text) {
                Some("write") => Access::Write,
                Some("read") => Access::Read,
                Some("none") | None => Access::None,
                Some(_) => return None,
            },
        };
        Some(given >= access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;

    #[test]
    fn what_is_not_named_is_refused_and_what_is_not_written_is_not_known() {
        for (text, scope, access, expected) in [
            ("permissions: {}", "actions", Access::Read, Some(false)),
            ("permissions: {actions: read}", "actions", Access::Read, Some(true)),
            ("permissions: {actions: read}", "actions", Access::Write, Some(false)),
            ("permissions: {actions: write}", "actions", Access::Read, Some(true)),
            ("permissions: {actions: none}", "actions", Access::Read, Some(false)),
            ("permissions: {actions: odd}", "actions", Access::Read, None),
            ("permissions: read-all", "checks", Access::Read, Some(true)),
            ("permissions: read-all", "id-token", Access::Write, Some(false)),
            ("permissions: write-all", "id-token", Access::Write, Some(true)),
            ("permissions:", "actions", Access::Read, Some(false)),
            ("on: push", "actions", Access::Read, None),
        ] {
            let root = yaml::parse(text).unwrap();
            let permissions = Permissions::of(root.get("permissions"));
            assert_eq!(permissions.has(scope, access), expected, "{text}: {scope}");
        }
    }
}
