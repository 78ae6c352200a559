//! What a topic is set to do with its records.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use super::Admin;

/// The answer only serves advice: who asks for it does not wait as long as for what is needed.
const ADVICE_TIMEOUT: Duration = Duration::from_secs(2);

impl Admin {
    /// Whether compaction removes older records of a key from `topic`; `None` where the broker does
    /// not say, or may not say it to this user.
    pub async fn is_compacted(&self, topic: &str) -> Option<bool> {
        Some(has_policy(&self.settings(topic).await?, "compact"))
    }

    /// How long records stay in `topic`, milliseconds; `None` where that is for ever, or the broker
    /// does not say, or may not say it to this user.
    pub async fn retention_ms(&self, topic: &str) -> Option<i64> {
        let settings = self.settings(topic).await?;
        let retention = settings.get("retention.ms")?.value.as_deref()?;
        let retention = retention.parse().ok().filter(|ms| *ms >= 0);
        retention.filter(|_| has_policy(&settings, "delete"))
    }

    async fn settings(&self, topic: &str) -> Option<ConfigResource> {
        let admin: AdminClient<DefaultClientContext> = self.config.create().ok()?;
        let options = AdminOptions::new().request_timeout(Some(ADVICE_TIMEOUT));
        let asked = [ResourceSpecifier::Topic(topic)];
        let answers = admin.describe_configs(&asked, &options).await;
        answers.ok()?.into_iter().next()?.ok()
    }
}

fn has_policy(settings: &ConfigResource, policy: &str) -> bool {
    let policies = settings.get("cleanup.policy");
    let policies = policies.and_then(|entry| entry.value.as_deref());
    let mut policies = policies.unwrap_or_default().split(',');
    policies.any(|each| each.trim() == policy)
}
