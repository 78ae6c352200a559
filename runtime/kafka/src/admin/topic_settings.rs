//! What a topic is set to do with its records.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use super::Admin;

/// The answer only serves advice: who asks for it does not wait as long as for what is needed.
const ADVICE_TIMEOUT: Duration = Duration::from_secs(2);

impl Admin {
    /// Whether compaction removes older records of a key from `topic`; `None` where the broker does
    /// not say, or may not say it to this user.
    pub async fn is_compacted(&self, topic: &str) -> Option<bool> {
        let admin: AdminClient<DefaultClientContext> = self.config.create().ok()?;
        let options = AdminOptions::new().request_timeout(Some(ADVICE_TIMEOUT));
        let asked = [ResourceSpecifier::Topic(topic)];
        let answers = admin.describe_configs(&asked, &options).await;
        let settings = answers.ok()?.into_iter().next()?.ok()?;
        let policy = settings.get("cleanup.policy")?.value.as_deref()?;
        Some(policy.split(',').any(|part| part.trim() == "compact"))
    }
}
