//! A short name for a definition, the same in every process and every version.

/// The 128 bits of FNV-1a over the parts, in hexadecimal. It tells changes apart; it is no defence against somebody who
/// wants two definitions to look alike. Each part is preceded by its length, so that parts cannot run together.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;
    let add = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
    let hash = parts.into_iter().fold(BASIS, |hash, part| {
        let length = (part.len() as u64).to_le_bytes();
        part.iter().fold(length.iter().fold(hash, add), add)
    });
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_stable_and_tell_parts_apart() {
        // The published value of FNV-1a for no input.
        assert_eq!(digest([]), "6c62272e07bb014262b821756295c58d");
        assert_eq!(
            digest([b"cargo".as_slice(), b"build"]),
            digest([b"cargo".as_slice(), b"build"])
        );
        let mut all: Vec<String> = [
            vec!["ab", "c"],
            vec!["a", "bc"],
            vec!["abc"],
            vec!["abc", ""],
            vec![""],
            vec![],
        ]
        .into_iter()
        .map(|parts| digest(parts.into_iter().map(str::as_bytes)))
        .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
    }
}
