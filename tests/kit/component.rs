//! Components that no compiler would leave.

/// `bytes` with each `from` written over by `to`, which is as long.
///
/// # Panics
///
/// When there is no `from`, or when the lengths differ.
pub fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut patched = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            patched[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    assert_ne!(patched, bytes, "no {from}");
    patched
}

/// A component that imports the empty interface `name`, which is shorter than 120 bytes, and
/// exports nothing.
pub fn importing(name: &str) -> Vec<u8> {
    let instance_type = [1, 0x42, 0];
    let mut import = vec![1, 0, name.len() as u8];
    import.extend(name.bytes());
    import.extend([5, 0]);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    for (section, content) in [(7, &instance_type[..]), (10, &import)] {
        component.extend([section, content.len() as u8]);
        component.extend(content);
    }
    component
}
