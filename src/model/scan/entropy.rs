//! How random a text is.

/// Shannon's entropy in bits for each character, as gitleaks counts it: the frequencies of characters are divided by the
/// length in bytes.
pub fn of(text: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(text);
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "no secret has 2^52 bytes")]
    let length = text.len() as f64;
    let bits = |count: &u32| {
        let frequency = f64::from(*count) / length;
        -frequency * frequency.log2()
    };
    counts.values().map(bits).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_in_bits_for_each_character() {
        assert!(of(b"").abs() < 1e-9);
        assert!(of(b"aaaa").abs() < 1e-9);
        assert!((of(b"abcd") - 2.0).abs() < 1e-9);
        assert!((of(b"0123456789abcdef") - 4.0).abs() < 1e-9);
        // Divided by bytes: one character of two bytes has half the frequency.
        assert!((of("é".as_bytes()) - 0.5).abs() < 1e-9);
    }
}
