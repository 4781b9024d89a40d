//! What is asked of KMS, and what its refusals, silences and garbled answers become.

use std::error::Error as _;

use super::*;

#[tokio::test]
async fn kms_is_told_the_kind_and_its_own_key() {
    let named = |context: Option<&std::collections::HashMap<String, String>>| {
        context.is_some_and(|context| context.len() == 1 && context["kind"] == "webhook-secret")
    };
    let makes = mock!(Client::generate_data_key)
        .match_requests(move |request: &GenerateDataKeyInput| {
            request.key_spec() == Some(&aws_sdk_kms::types::DataKeySpec::Aes256)
                && request.number_of_bytes().is_none()
                && named(request.encryption_context())
        })
        .then_output(|| {
            GenerateDataKeyOutput::builder().plaintext(Blob::new([1; 32])).ciphertext_blob(wrap(&[1; 32])).key_id(KEY_ARN).build()
        });
    let unwraps = mock!(Client::decrypt)
        .match_requests(move |request: &DecryptInput| {
            request.key_id() == Some(KEY_ARN) && request.ciphertext_blob() == Some(&wrap(&[1; 32])) && named(request.encryption_context())
        })
        .then_output(|| DecryptOutput::builder().plaintext(Blob::new([1; 32])).build());
    let sealed = vault(&[&makes]).seal(&place(), &secret("a"), at(0)).await.unwrap();
    assert_eq!(vault(&[&unwraps]).open(&place(), &sealed, at(0)).await.unwrap().expose_secret(), "a");
    assert_eq!((makes.num_calls(), unwraps.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_disabled_key_is_unavailable_and_serves_again_when_it_is_enabled() {
    let disabled = || DisabledException::builder().message("disabled").build();
    let makes = mock!(Client::generate_data_key)
        .sequence()
        .error(move || GenerateDataKeyError::DisabledException(disabled()))
        .output(|| GenerateDataKeyOutput::builder().plaintext(Blob::new([1; 32])).ciphertext_blob(wrap(&[1; 32])).key_id(KEY_ARN).build())
        .build();
    let vault_one = vault(&[&makes]);
    assert!(is_unavailable(&vault_one.seal(&place(), &secret("a"), at(0)).await));
    let sealed = vault_one.seal(&place(), &secret("a"), at(1)).await.unwrap();
    let unwraps = mock!(Client::decrypt)
        .sequence()
        .error(move || DecryptError::DisabledException(disabled()))
        .output(|| DecryptOutput::builder().plaintext(Blob::new([1; 32])).build())
        .build();
    let vault_two = vault(&[&unwraps]);
    assert!(is_unavailable(&vault_two.open(&place(), &sealed, at(0)).await));
    assert!(vault_two.open(&place(), &sealed, at(0)).await.is_ok());
}

#[tokio::test]
async fn a_refusal_of_kms_is_told_apart_by_its_code() {
    let (sealed, ..) = sealed_elsewhere("a").await;
    let opened = async |code: &'static str| {
        let meta = move || aws_sdk_kms::error::ErrorMetadata::builder().code(code).build();
        let refuses = mock!(Client::decrypt).then_error(move || DecryptError::generic(meta()));
        vault(&[&refuses]).open(&place(), &sealed, at(0)).await
    };
    for code in ["InvalidCiphertextException", "IncorrectKeyException", "ValidationException"] {
        assert!(is_corrupt(&opened(code).await), "{code}");
    }
    for code in ["AccessDeniedException", "ThrottlingException", "KMSInvalidStateException", "NotFoundException", "KMSInternalException"] {
        assert!(is_unavailable(&opened(code).await), "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_data_key_is_unavailable_and_its_bytes_are_not_told() {
    let answers: [fn() -> GenerateDataKeyOutput; 4] = [
        || GenerateDataKeyOutput::builder().ciphertext_blob(Blob::new([1])).key_id(KEY_ARN).build(),
        || GenerateDataKeyOutput::builder().plaintext(Blob::new([0x41; 31])).ciphertext_blob(Blob::new([1])).key_id(KEY_ARN).build(),
        || GenerateDataKeyOutput::builder().plaintext(Blob::new([0x41; 32])).key_id(KEY_ARN).build(),
        || GenerateDataKeyOutput::builder().plaintext(Blob::new([0x41; 32])).ciphertext_blob(Blob::new([1])).build(),
    ];
    for answer in answers {
        let makes = mock!(Client::generate_data_key).then_output(answer);
        let sealed = vault(&[&makes]).seal(&place(), &secret("a"), at(0)).await;
        let error = sealed.unwrap_err();
        assert!(matches!(error, VaultError::Unavailable(_)));
        assert_eq!(error.source().unwrap().to_string(), "the answer of KMS is not a data key");
        assert!(!format!("{error:?}").contains("65"), "{error:?}");
    }
}

#[tokio::test]
async fn a_garbled_answer_is_unavailable_and_is_not_told() {
    let makes = mock!(Client::generate_data_key).then_http_response(|| {
        let body = r#"{"Plaintext":"cGxhaW50ZXh0LWtleQ==","KeyId":7}"#;
        aws_sdk_kms::config::http::HttpResponse::new(200.try_into().unwrap(), body.into())
    });
    let error = vault(&[&makes]).seal(&place(), &secret("a"), at(0)).await.unwrap_err();
    assert!(matches!(error, VaultError::Unavailable(_)));
    assert!(!format!("{error:?}").contains("cGxhaW50"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kms_that_does_not_answer_is_given_up_after_three_seconds() {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let vault = Vault::new(Client::from_conf(config.endpoint_url(endpoint).build()), "key".to_owned());
    let start = tokio::time::Instant::now();
    let sealed = vault.seal(&place(), &secret("a"), at(0)).await;
    assert!(is_unavailable(&sealed), "{sealed:?}");
    assert!(start.elapsed() <= std::time::Duration::from_secs(4));
}
