//! Randomness, for names that others must not guess.

/// 32 hexadecimal digits that nobody can foresee.
pub fn token() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gave no random bytes: {error}"))?;
    Ok(hex::encode(bytes))
}
