//! A message's headers, whatever their names are.
//!
//! rdkafka 0.39 panics at a name that is no UTF-8, and anybody who may write to a topic can send
//! one; so this file reads them from librdkafka itself.

use std::borrow::Cow;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::{null, null_mut};

use rdkafka::bindings as c;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;

/// A header's name and value, as bytes.
pub(crate) type RawHeader<'m> = (&'m [u8], Option<&'m [u8]>);

/// The headers of a message, which they are borrowed from.
#[derive(Clone, Copy)]
pub(crate) struct RawHeaders<'m> {
    /// Of the message, which frees it; null: it has none.
    headers: *const c::rd_kafka_headers_t,
    message: PhantomData<&'m BorrowedMessage<'m>>,
}

impl<'m> RawHeaders<'m> {
    #[allow(unsafe_code, reason = "rdkafka panics at names that are no UTF-8")]
    pub(crate) fn of(message: &'m BorrowedMessage<'_>) -> Self {
        let mut headers = null_mut();
        // SAFETY: the message is live and this thread's alone (a `BorrowedMessage` is not `Sync`).
        // What is answered stays the message's, which is borrowed for as long as we are.
        let found = unsafe { c::rd_kafka_message_headers(message.ptr(), &raw mut headers) };
        let headers = match found {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => headers.cast_const(),
            _ => null(),
        };
        Self {
            headers,
            message: PhantomData,
        }
    }

    /// In their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = RawHeader<'m>> {
        (0..).map_while(move |i| self.get(i))
    }

    #[allow(unsafe_code, reason = "rdkafka panics at names that are no UTF-8")]
    fn get(self, i: usize) -> Option<RawHeader<'m>> {
        if self.headers.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (null(), null(), 0);
        // SAFETY: `headers` is live (see `of`). Where there is such a header, `name` is a C string,
        // and `value` null or `size` bytes; both are the message's.
        unsafe {
            let found = c::rd_kafka_header_get_all(
                self.headers,
                i,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            );
            if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let bytes = |value: *const u8| std::slice::from_raw_parts(value, size);
            let value = (!value.is_null()).then(|| bytes(value.cast()));
            Some((CStr::from_ptr(name).to_bytes(), value))
        }
    }
}

/// A name as text, with U+FFFD for what is none.
pub(crate) fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}
