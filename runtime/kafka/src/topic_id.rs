//! Kafka's own id of a topic: another one after the topic was deleted and created again.
//!
//! rdkafka's safe interface does not give it, so this file calls librdkafka itself.

use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;

/// How much longer than a request may take its answer is waited for: librdkafka itself says that a
/// request took too long.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// Sixteen zero bytes: the broker gave no id.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// Whether this process runs librdkafka's own broker, which never answers DescribeTopics.
static IS_EMBEDDED: AtomicBool = AtomicBool::new(false);

/// Says that the broker of this process is librdkafka's own: its topics have no ids.
pub(crate) fn broker_is_embedded() {
    IS_EMBEDDED.store(true, Ordering::Relaxed);
}

/// A topic's id in base64 for URLs, as Kafka's own tools print it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicId(Arc<str>);

impl TopicId {
    pub fn new(base64: &str) -> Self {
        Self(base64.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Asks for the ids of `topics`, in one request; answers in their order. `None`: there is no such
/// topic, it may not be seen, or the broker is older than 2.8 and gives none. Blocks, for
/// `timeout` and half a second at most.
pub(crate) fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> KafkaResult<Vec<Option<TopicId>>> {
    let mut answers = vec![None; topics.len()];
    if IS_EMBEDDED.load(Ordering::Relaxed) {
        return Ok(answers);
    }
    for (name, id) in describe(client, topics, timeout)? {
        for (answer, topic) in answers.iter_mut().zip(topics) {
            if *topic == name {
                *answer = id.clone();
            }
        }
    }
    Ok(answers)
}

/// Something that librdkafka made for us and that we give back to it.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    /// `made` is ours alone, or null; `destroy` is its destructor.
    fn new(made: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> KafkaResult<Self> {
        let made = NonNull::new(made).ok_or(KafkaError::MetadataFetch(Code::Fail))?;
        Ok(Self(made, destroy))
    }

    fn ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    #[allow(unsafe_code, reason = "librdkafka's destructors")]
    fn drop(&mut self) {
        // SAFETY: `new` asks for a pointer that is ours, and its destructor; nobody else frees it.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}

/// DescribeTopics: the name and the id of each topic.
#[allow(
    unsafe_code,
    reason = "rdkafka 0.39 has no safe call for DescribeTopics"
)]
fn describe<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> KafkaResult<Vec<(String, Option<TopicId>)>> {
    let names: Vec<CString> = topics
        .iter()
        .map(|topic| CString::new(*topic))
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // Borrowed: `client` outlives this call, and with it all that is made from its handle here.
    let rk = client.native_ptr();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let wait_ms = i32::try_from((timeout + ANSWER_MARGIN).as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `rk` is a live handle. Every pointer that librdkafka makes is ours and is wrapped in
    // `Owned` in the same expression, so it is destroyed once, in the opposite order, before `rk`.
    // `of_topic_names` copies the names, which live until the end of this function, and
    // `DescribeTopics` copies collection and options. What no longer comes in time goes to a queue
    // that is destroyed, which librdkafka allows.
    let event = unsafe {
        let collection = Owned::new(
            c::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            c::rd_kafka_TopicCollection_destroy,
        )?;
        let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Owned::new(
            c::rd_kafka_AdminOptions_new(rk, op),
            c::rd_kafka_AdminOptions_destroy,
        )?;
        let mut text: [c_char; 128] = [0; 128];
        let set = c::rd_kafka_AdminOptions_set_request_timeout(
            options.ptr(),
            timeout_ms,
            text.as_mut_ptr(),
            text.len(),
        );
        accept(set)?;
        let queue = Owned::new(c::rd_kafka_queue_new(rk), c::rd_kafka_queue_destroy)?;
        c::rd_kafka_DescribeTopics(rk, collection.ptr(), options.ptr(), queue.ptr());
        let event = c::rd_kafka_queue_poll(queue.ptr(), wait_ms);
        if event.is_null() {
            return Err(KafkaError::MetadataFetch(Code::OperationTimedOut));
        }
        Owned::new(event, c::rd_kafka_event_destroy)?
    };
    // SAFETY: the event is ours until the end of this function. What is read from it is its own
    // and lives as long: the result, the array of `count` descriptions, their names and ids. None
    // of it is kept: strings are copied. The result is null when the event is another one.
    unsafe {
        accept(c::rd_kafka_event_error(event.ptr()))?;
        let result = c::rd_kafka_event_DescribeTopics_result(event.ptr());
        if result.is_null() {
            return Err(KafkaError::MetadataFetch(Code::Fail));
        }
        let mut count = 0;
        let described = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let described = match described.is_null() {
            true => &[],
            false => std::slice::from_raw_parts(described, count),
        };
        let copied = described.iter().map(|&topic| {
            let id = c::rd_kafka_TopicDescription_topic_id(topic);
            let id = copy(c::rd_kafka_Uuid_base64str(id)).filter(|id| id != NO_ID);
            // librdkafka writes the other alphabet of base64.
            let id = id.map(|id| TopicId::new(&id.replace('+', "-").replace('/', "_")));
            let name = copy(c::rd_kafka_TopicDescription_name(topic));
            (name.unwrap_or_default(), id)
        });
        Ok(copied.collect())
    }
}

/// # Safety
///
/// `text` is null or a C string that lives during the call.
#[allow(unsafe_code, reason = "C strings of librdkafka")]
unsafe fn copy(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}

fn accept(code: RDKafkaRespErr) -> KafkaResult<()> {
    match code {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::MetadataFetch(code.into())),
    }
}
