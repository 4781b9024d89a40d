//! Where names lead: the look-up of every address, and what it says of a URL that is to be saved.
//!
//! A look-up at saving is a courtesy: who mistypes a name, or means one of a private network, learns of it at once. It keeps
//! nothing out by itself, since the name may lead elsewhere a moment later; the client looks again and connects to nothing
//! but what it vetted. So a name that cannot be looked up now is no reason to refuse it.

use std::{fmt, io, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use tokio::time::timeout;
use url::Host;

use super::{Loopback, Policy, WebhookUrl};

/// How long saving waits for a name server.
pub(crate) const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// A future that a trait object gives.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who is asked where a name leads.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Every address of a name.
    fn lookup<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// What judges a URL when it is saved: the policy, and where its name leads now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard {
    policy: Policy,
    resolver: Option<Arc<dyn Resolver>>,
}

impl Guard {
    /// Judges by a policy, and asks the system's resolver; where this machine itself may receive webhooks, it asks nobody:
    /// such a machine may have no name server.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, resolver: (!policy.allows_loopback()).then(|| Arc::new(SystemResolver) as _) }
    }

    /// Judges by a policy, and asks this resolver.
    #[must_use]
    pub fn with_resolver(policy: impl Into<Policy>, resolver: Arc<dyn Resolver>) -> Self {
        Self { policy: policy.into(), resolver: Some(resolver) }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Reads a receiver's URL and looks its name up.
    ///
    /// # Errors
    /// As [`WebhookUrl::parse`] and [`leads_out`](Self::leads_out).
    pub async fn check(&self, text: &str) -> Result<WebhookUrl, String> {
        let url = WebhookUrl::parse(text, self.policy)?;
        self.leads_out(&url).await?;
        Ok(url)
    }

    /// Looks a URL's name up. One that leads nowhere passes, and so does one that is not answered for within a second: its
    /// owner may be about to set it up, and what is called is looked at again.
    ///
    /// # Errors
    /// A sentence, the same for every address: it does not tell where the name leads.
    pub async fn leads_out(&self, url: &WebhookUrl) -> Result<(), &'static str> {
        let (Some(resolver), Some(Host::Domain(name))) = (&self.resolver, url.as_url().host()) else { return Ok(()) };
        if url.is_loopback() {
            return Ok(());
        }
        let found = timeout(LOOKUP_LIMIT, resolver.lookup(name)).await.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_default();
        match self.policy.vet(&found, url.port()) {
            Ok(_) => Ok(()),
            Err(_) => Err("must be a name all of whose addresses are public"),
        }
    }
}

impl From<Policy> for Guard {
    fn from(policy: Policy) -> Self {
        Self::new(policy)
    }
}

/// The usual ports.
impl From<Loopback> for Guard {
    fn from(loopback: Loopback) -> Self {
        Self::new(loopback.into())
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::guard::tests::{PRIVATE_HOSTS, words};

    const NAME: &str = "https://hooks.example.com/x";

    /// Answers every question alike; silent without an answer.
    #[derive(Debug)]
    struct Answers(Option<Result<Vec<IpAddr>, io::ErrorKind>>);

    impl Resolver for Answers {
        fn lookup<'a>(&'a self, _: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
            match self.0.clone() {
                Some(answer) => Box::pin(ready(answer.map_err(io::Error::from))),
                None => Box::pin(pending()),
            }
        }
    }

    async fn saved(text: &str, answer: Option<Result<Vec<IpAddr>, io::ErrorKind>>) -> Result<WebhookUrl, String> {
        Guard::with_resolver(Loopback::Refused, Arc::new(Answers(answer))).check(text).await
    }

    fn addresses(text: &str) -> Vec<IpAddr> {
        text.split(' ').map(|address| address.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_name_is_taken_if_all_its_addresses_are_public() {
        for found in ["8.8.8.8", "8.8.8.8 1.1.1.1 2606:4700::1111"] {
            assert!(saved(NAME, Some(Ok(addresses(found)))).await.is_ok(), "{found}");
        }
    }

    #[tokio::test]
    async fn one_address_that_is_not_public_spoils_a_name_and_is_not_told() {
        let hosts = words(PRIVATE_HOSTS).into_iter().filter_map(|host| WebhookUrl::unchecked(&format!("https://{host}/"))?.address());
        let mut tried = 0;
        for inside in hosts {
            tried += 1;
            let problem = saved(NAME, Some(Ok([addresses("8.8.8.8"), vec![inside]].concat()))).await.unwrap_err();
            assert_eq!(problem, "must be a name all of whose addresses are public", "{inside}");
        }
        assert!(tried >= 80, "{tried}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_leads_nowhere_or_is_not_answered_for_is_taken() {
        for answer in [Some(Ok(vec![])), Some(Err(io::ErrorKind::NotFound)), None] {
            let begun = tokio::time::Instant::now();
            assert!(saved(NAME, answer.clone()).await.is_ok(), "{answer:?}");
            assert!(begun.elapsed() <= LOOKUP_LIMIT);
        }
    }

    #[tokio::test]
    async fn what_the_policy_forbids_is_not_looked_up() {
        for text in ["http://hooks.example.com/", "https://localhost/", "https://10.0.0.1/", "https://hooks.example.com:22/"] {
            assert_ne!(saved(text, None).await.unwrap_err(), "must be a name all of whose addresses are public", "{text}");
        }
        assert!(saved("https://8.8.8.8/", None).await.is_ok(), "an address needs no name server");
    }

    #[test]
    fn only_a_machine_that_may_receive_webhooks_itself_asks_nobody() {
        assert!(Guard::from(Loopback::Refused).resolver.is_some());
        assert!(Guard::from(Loopback::Allowed).resolver.is_none());
    }
}
