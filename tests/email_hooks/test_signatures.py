"""Standard Webhooks: the published vectors, the reference library, and only our errors on garbage."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from email_hooks import HookError, Malformed, NotAuthentic, NotConfigured
from email_hooks.signatures import MAX_SIGNATURES, new_secret, sign_standard, verify_standard

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SEED = bytes(range(32))
PRIVATE_KEY = "whsk_" + base64.b64encode(SEED).decode()
PUBLIC_KEY = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
ED25519 = "v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ=="


def headers(signature=SIGNATURE, seconds="1614265330", webhook_id=ID, family="webhook"):
    return {f"{family}-id": webhook_id, f"{family}-timestamp": seconds, f"{family}-signature": signature}


def verify(sent=None, body=BODY, secrets=SECRET, now=AT, **options):
    verify_standard(headers() if sent is None else sent, body, secrets, now, **options)


def test_the_published_vector_is_what_we_sign_and_verify():
    assert sign_standard(SECRET, ID, AT, BODY) == headers()
    verify()


def test_the_ed25519_vector_is_what_we_sign_and_verify():
    assert sign_standard(PRIVATE_KEY, ID, AT, BODY)["webhook-signature"] == ED25519
    verify(headers(ED25519), secrets=PUBLIC_KEY)


def test_a_private_key_with_its_public_half_appended_signs_the_same():
    both = "whsk_" + base64.b64encode(SEED + base64.b64decode(PUBLIC_KEY[5:])).decode()
    assert sign_standard(both, ID, AT, BODY)["webhook-signature"] == ED25519


@pytest.mark.parametrize(
    "secret",
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", SECRET + "Br", f" {SECRET}\n"],
)
def test_prefix_padding_and_blanks_around_a_secret_may_be_missing_or_there(secret):
    verify(sign_standard(secret, ID, AT, BODY), secrets=secret)


def test_fresh_secrets_are_32_bytes_and_differ():
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in made)


@given(st.text(), st.from_regex(r"[A-Za-z0-9_]{1,40}", fullmatch=True))
def test_the_reference_library_verifies_what_we_sign(text, webhook_id):
    secret = new_secret()
    with time_machine.travel(AT, tick=False):
        sent = sign_standard(secret, webhook_id, AT, text.encode())
        Webhook(secret).verify(text.encode(), sent, json_parse=False)


def test_we_verify_what_the_reference_library_signs():
    signed = Webhook(SECRET).sign(ID, AT, BODY.decode())
    verify(headers(signed))


def test_while_rotating_either_side_may_be_ahead():
    old, new = new_secret(), new_secret()
    both = sign_standard([old, new], ID, AT, BODY)
    assert len(both["webhook-signature"].split(" ")) == 2
    verify(both, secrets=old)
    verify(both, secrets=new)
    verify(sign_standard(old, ID, AT, BODY), secrets=[new, old])
    with pytest.raises(NotAuthentic):
        verify(both, secrets=new_secret())


def test_shared_secret_and_key_pair_can_sign_together():
    both = sign_standard([SECRET, PRIVATE_KEY], ID, AT, BODY)
    verify(both, secrets=SECRET)
    verify(both, secrets=PUBLIC_KEY)


def test_a_version_does_not_pass_as_the_other():
    for signature, secret in ((ED25519, SECRET), (SIGNATURE, PUBLIC_KEY)):
        with pytest.raises(NotAuthentic):
            verify(headers(signature), secrets=secret)
        with pytest.raises(NotAuthentic):
            verify(
                headers(("v1," if signature is ED25519 else "v1a,") + signature.split(",")[1]), secrets=secret
            )


def test_unknown_and_broken_entries_beside_a_good_one_are_skipped():
    verify(headers(f"v9,AAAA nonsense , v1 v1, v1,*** {ED25519} {SIGNATURE}"))


def test_header_names_are_found_in_any_case_and_by_the_older_names():
    verify({name.upper(): value for name, value in headers().items()})
    verify(headers(family="svix"))
    verify(headers() | headers("v1,AAAA", family="svix"))


def test_the_two_families_of_names_are_never_mixed():
    mixed = headers() | headers(family="svix")
    del mixed["webhook-id"], mixed["svix-timestamp"]
    with pytest.raises(NotAuthentic):
        verify(mixed)


def test_a_header_that_is_there_twice_is_refused():
    with pytest.raises(NotAuthentic, match="twice"):
        verify(headers() | {"Webhook-Signature": SIGNATURE})


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_empty_header_is_refused(missing):
    with pytest.raises(NotAuthentic):
        verify({name: value for name, value in headers().items() if name != missing})
    with pytest.raises(NotAuthentic):
        verify(headers() | {missing: ""})


@pytest.mark.parametrize("offset", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(offset):
    verify(now=AT + timedelta(seconds=offset))


@pytest.mark.parametrize("offset", [-301, 301, -(10**8), 10**8])
def test_a_stale_or_future_timestamp_is_refused(offset):
    with pytest.raises(NotAuthentic, match="too far"):
        verify(now=AT + timedelta(seconds=offset))


def test_the_tolerance_can_be_set():
    verify(now=AT + timedelta(hours=1), tolerance=3600)
    with pytest.raises(NotAuthentic):
        verify(now=AT + timedelta(seconds=11), tolerance=10)
    with pytest.raises(NotAuthentic):
        verify(tolerance=float("nan"))


@pytest.mark.parametrize(
    "seconds",
    [
        "nan",
        "inf",
        "1e9",
        "1614265330.0",
        "+1614265330",
        " 1614265330",
        "1_614_265_330",
        "-1",
        "١٦١٤",
        "9" * 5000,
    ],
)
def test_a_timestamp_is_digits_only(seconds):
    with pytest.raises(NotAuthentic):
        verify(headers(seconds=seconds))


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        (headers("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="), BODY),
        (headers(SIGNATURE.split(",")[1]), BODY),
        (headers("v1," + base64.b64decode(SIGNATURE[3:]).hex().upper()), BODY),
        (headers("v1,ünï😀"), BODY),
        (headers("v1,\ud800"), BODY),
        (headers(webhook_id=ID + "x"), BODY),
        (headers(webhook_id="msg\ud800"), BODY),
        (headers(seconds="1614265331"), BODY),
        (headers(), BODY + b"\n"),
        (headers(), b'{"test":2432232314}'),
        (headers(), b'{"test": 2432232315}'),
        (headers(), b"\xff\xfe"),
        (headers(), b""),
    ],
)
def test_what_was_changed_is_refused(changed, body):
    with pytest.raises(NotAuthentic):
        verify(changed, body)


def test_an_id_with_a_dot_cannot_shift_the_border_to_the_body():
    body = b"1614265330.rest"
    signed = sign_standard(SECRET, "msg", AT, body)["webhook-signature"]
    with pytest.raises(NotAuthentic):
        verify(headers(signed, webhook_id="msg.1614265330"), b"rest")


def test_a_header_stuffed_with_signatures_is_not_worked_through():
    with pytest.raises(NotAuthentic, match="too many"):
        verify(headers(" ".join([SIGNATURE] * (MAX_SIGNATURES + 1))))


@pytest.mark.parametrize(
    "secrets", ["", "whsec_", "whsec_====", [], (), [SECRET, ""], "whsec_*", "whsec_ä", "whsec_A", "   "]
)
def test_an_empty_or_unusable_secret_never_verifies_and_never_signs(secrets):
    with pytest.raises(NotConfigured):
        verify(secrets=secrets)
    with pytest.raises(NotConfigured):
        sign_standard(secrets, ID, AT, BODY)


def test_keys_of_the_wrong_half_or_length_are_named():
    for wrong in (PRIVATE_KEY, "whpk_AAAA", "whpk_", "whsk_"):
        with pytest.raises(NotConfigured, match="signing_key"):
            verify(secrets=wrong)
    for wrong in (PUBLIC_KEY, "whsk_AAAA"):
        with pytest.raises(NotConfigured, match="signing_key"):
            sign_standard(wrong, ID, AT, BODY)


@pytest.mark.parametrize("secret", ["whsec_not*base64", "whsk_c2VjcmV0"])
def test_no_error_repeats_the_secret(secret):
    with pytest.raises(NotConfigured) as error:
        sign_standard(secret, ID, AT, BODY)
    assert secret[6:] not in str(error.value)


@pytest.mark.parametrize("webhook_id", ["", "a.b", "a b", "a\nb", "ä", "x" * 257])
def test_an_id_that_the_scheme_cannot_carry_is_not_signed(webhook_id):
    with pytest.raises(Malformed, match="webhook_id"):
        sign_standard(SECRET, webhook_id, AT, BODY)


@pytest.mark.parametrize("when", [datetime(2026, 1, 1), datetime(1960, 1, 1, tzinfo=UTC)])  # noqa: DTZ001 - that is the point
def test_a_time_that_the_scheme_cannot_carry_is_not_signed(when):
    with pytest.raises(Malformed, match="timestamp"):
        sign_standard(SECRET, ID, when, BODY)


HEADER_NAMES = (
    st.sampled_from([*headers(), *headers(family="svix"), "Webhook-Id", "WEBHOOK-SIGNATURE"]) | st.text()
)
HEADER_VALUES = st.text(st.characters(codec=None)) | st.sampled_from(
    [ID, "1614265330", SIGNATURE, ED25519, "v1,", ","]
)


@given(st.dictionaries(HEADER_NAMES, HEADER_VALUES), st.binary(), st.text(), st.floats())
@example(headers(), BODY, "whsec_", 300.0)
def test_whatever_arrives_only_our_errors_leave(sent, body, secret, tolerance):
    for secrets in (SECRET, PUBLIC_KEY, secret, [SECRET, secret]):
        try:
            verify_standard(sent, body, secrets, AT, tolerance)
        except HookError:
            continue
        assert {SIGNATURE, ED25519} & set(sent.values())


@given(st.integers(0, len(BODY) * 8 - 1))
def test_one_flipped_bit_of_the_body_is_refused(bit):
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotAuthentic):
        verify(body=bytes(flipped))
