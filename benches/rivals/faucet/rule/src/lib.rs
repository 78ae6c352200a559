//! The rules of pipelines/users.toml for one record, by the calls that faucet's `wasm` transform
//! makes: JSON in, JSON out.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    value: Event<'a>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow)]
    before: Option<Image<'a>>,
    #[serde(borrow)]
    after: Option<Image<'a>>,
    timestamp_ms: i64,
}

#[derive(Deserialize)]
struct Image<'a> {
    user_id: i64,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    country_code: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Row<'a> {
    user_id: i64,
    name: Option<&'a str>,
    email: Option<&'a str>,
    email_domain: Option<&'a str>,
    country_code: Option<&'a str>,
    country_name: Option<&'a str>,
    is_corporate: bool,
    is_deleted: bool,
    updated_at: String,
}

const CORPORATE: [&str; 3] = ["contoso.com", "autodesk.com", "company.com"];

/// `None`: a bad event.
fn rule(input: &[u8]) -> Option<Vec<u8>> {
    let Event {
        op,
        before,
        after,
        timestamp_ms,
    } = serde_json::from_slice::<Record>(input).ok()?.value;
    let (image, is_deleted) = match &*op {
        "c" | "r" | "u" => (after?, false),
        "d" => (before?, true),
        _ => return None,
    };
    let email = image.email.as_deref();
    let domain = email
        .and_then(|e| e.rsplit_once('@'))
        .map(|(_, domain)| domain)
        .filter(|d| !d.is_empty());
    let country_code = image.country_code.as_deref();
    let row = Row {
        user_id: image.user_id,
        name: image.name.as_deref(),
        email,
        email_domain: domain,
        country_code,
        country_name: match country_code {
            Some("US") => Some("United States"),
            Some("IN") => Some("India"),
            Some("DE") => Some("Germany"),
            Some("SG") => Some("Singapore"),
            _ => None,
        },
        is_corporate: domain.is_some_and(|d| CORPORATE.iter().any(|c| c.eq_ignore_ascii_case(d))),
        is_deleted,
        updated_at: Timestamp::from_millisecond(timestamp_ms).ok()?.to_string(),
    };
    serde_json::to_vec(&row).ok()
}

#[unsafe(no_mangle)]
pub extern "C" fn alloc(len: usize) -> *mut u8 {
    let bytes = vec![0; len].into_boxed_slice();
    Box::into_raw(bytes).cast()
}

/// # Safety
/// `bytes` and `len` are of a call of `alloc`, or of what `transform` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(bytes: *mut u8, len: usize) {
    // SAFETY: both are boxed slices of that length.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes, len)) });
}

/// # Safety
/// `bytes` and `len` are those of a buffer of `alloc` that is filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn transform(bytes: *const u8, len: usize) -> u64 {
    // SAFETY: as above.
    let input = unsafe { std::slice::from_raw_parts(bytes, len) };
    match rule(input) {
        Some(row) => {
            let len = row.len() as u64;
            (Box::into_raw(row.into_boxed_slice()).cast::<u8>() as u64) << 32 | len
        }
        None => u64::MAX,
    }
}
