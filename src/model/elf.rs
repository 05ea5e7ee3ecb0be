//! What a Linux program needs to be started, from the first bytes of its file (System V ABI, "Program Header"; elf(5)).

const PT_INTERP: u32 = 3;
/// Program headers follow the file's header, and the interpreter's name follows them.
pub const HEAD: u64 = 64 * 1024;

/// The loader that a program names, which finds its libraries: `/lib64/ld-linux-x86-64.so.2`. A static program names none.
/// An error is that this cannot be told.
pub fn interpreter(head: &[u8]) -> Result<Option<String>, &'static str> {
    const CUT: &str = "its headers are cut short";
    if !head.starts_with(b"\x7fELF") {
        return Err("it is not an ELF file");
    }
    let (wide, little) = (head.get(4) == Some(&2), head.get(5) == Some(&1));
    if !wide || !little {
        return Err("it is not of 64 bits in little-endian order");
    }
    let bytes = |at: usize, length: usize| -> Option<u64> {
        let field = head.get(at..at.checked_add(length)?)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    };
    let place = |at: usize, length: usize| bytes(at, length).and_then(|number| usize::try_from(number).ok());
    let (table, size, count) = (place(32, 8), place(54, 2), place(56, 2));
    let (Some(table), Some(size), Some(count)) = (table, size, count) else {
        return Err(CUT);
    };
    for number in 0..count {
        let at = number
            .checked_mul(size)
            .and_then(|offset| table.checked_add(offset))
            .ok_or(CUT)?;
        if bytes(at, 4).ok_or(CUT)? != u64::from(PT_INTERP) {
            continue;
        }
        let field = |offset: usize| at.checked_add(offset).and_then(|at| place(at, 8)).ok_or(CUT);
        let (from, length) = (field(8)?, field(32)?);
        let name = from
            .checked_add(length)
            .and_then(|end| head.get(from..end))
            .ok_or(CUT)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        return Ok(Some(String::from_utf8_lossy(name).into_owned()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn program(kinds: &[u32], name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + kinds.len() * 56];
        let end = bytes.len() as u64;
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).unwrap();
        for (number, kind) in kinds.iter().enumerate() {
            let at = 64 + number * 56;
            bytes[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&end.to_le_bytes());
            bytes[at + 32..at + 40].copy_from_slice(&(name.len() as u64).to_le_bytes());
        }
        bytes.extend_from_slice(name);
        bytes
    }

    #[test]
    fn a_dynamic_program_names_its_loader_and_a_static_one_none() {
        let dynamic = program(&[6, PT_INTERP, 1], b"/lib64/ld-linux-x86-64.so.2\0");
        assert_eq!(
            interpreter(&dynamic),
            Ok(Some("/lib64/ld-linux-x86-64.so.2".to_owned()))
        );
        assert_eq!(interpreter(&program(&[6, 1, 2], b"")), Ok(None));
        assert!(interpreter(b"#!/bin/sh\n").is_err());
        assert!(interpreter(&dynamic[..100]).is_err());
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(interpreter(&this[..this.len().min(HEAD as usize)]).is_ok());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut elf = program(&[PT_INTERP], b"x");
            let length = elf.len().min(bytes.len());
            elf[6..length.max(6)].copy_from_slice(&bytes[6.min(length)..length]);
            let _ = interpreter(&elf);
            let _ = interpreter(&bytes);
        }
    }
}
