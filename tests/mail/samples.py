"""Mail as it really comes in, shaped as mail servers and mailbox providers write it."""

from __future__ import annotations

from collections.abc import Mapping

#: The form of a stop token; signed by nobody.
TOKEN = f"{'A' * 38}.{'B' * 43}"
FEEDBACK_ID = f"nov:newsletter:{'C' * 43}:0123456789ab"

OUR_HEADERS = {
    "From": "Example Ltd <news@example.com>",
    "To": "ada@example.com",
    "Subject": "What is new in November",
    "Message-ID": "<original@example.com>",
    "List-Unsubscribe": f"<https://prefs.example.com/u/{TOKEN}>, <mailto:stop@example.com?subject={TOKEN}>",
    "Feedback-ID": FEEDBACK_ID,
}


def block(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def a_mail(body: str = "", **headers: str) -> bytes:
    """A mail that a person wrote; `headers` with `_` for `-`, an empty one is left out."""
    fields = {
        "From": "Ada <ada@example.com>",
        "To": "stop@example.com",
        "Date": "Tue, 24 Nov 2026 10:00:00 +0100",
        "Message-ID": "<1@mail.example.com>",
        "Subject": "",
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return (block({n: v for n, v in fields.items() if v}) + "\r\n" + body.replace("\n", "\r\n")).encode()


def report(
    kind: str, part: str, original: str, *, original_type: str = "message/rfc822", **headers: str
) -> bytes:
    """A multipart/report of three parts."""
    fields = {
        "From": "reports@isp.example.com",
        "To": "feedback@example.com",
        "Date": "Tue, 24 Nov 2026 09:00:00 +0000",
        "Message-ID": "<report-1@isp.example.com>",
        "Subject": "FW: What is new in November",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type={kind};\r\n boundary="part1_13d.2e68ed54"',
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    kinds = {"feedback-report": "message/feedback-report", "delivery-status": "message/delivery-status"}
    kinds["disposition-notification"] = "message/disposition-notification"
    return (
        f"{block(fields)}\r\n"
        "--part1_13d.2e68ed54\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        "This is a report about a mail of yours.\r\n"
        f"--part1_13d.2e68ed54\r\nContent-Type: {kinds[kind]}\r\n\r\n{part}\r\n"
        f"--part1_13d.2e68ed54\r\nContent-Type: {original_type}\r\nContent-Disposition: inline\r\n\r\n"
        f"{original}\r\n--part1_13d.2e68ed54--\r\n"
    ).encode()


def a_complaint(
    kind: str = "abuse",
    headers: Mapping[str, str] = OUR_HEADERS,
    *,
    original_type: str = "message/rfc822",
    **top: str,
) -> bytes:
    """A feedback report as RFC 5965 has it in its examples; the address is redacted, as most do."""
    part = (
        f"Feedback-Type: {kind}\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n"
        "Original-Mail-From: <redacted@example.com>\r\nArrival-Date: Mon, 23 Nov 2026 14:00:00 GMT\r\n"
        "Source-IP: 192.0.2.1\r\nReported-Domain: example.com\r\n"
    )
    body = block(headers) + "\r\nSpam Spam Spam\r\n"
    return report("feedback-report", part, body, original_type=original_type, **top)


def a_recipient(
    address: str = "ada@example.com", action: str = "failed", status: str = "5.1.1", original: str = ""
) -> str:
    first = f"Original-Recipient: rfc822;{original}\r\n" if original else ""
    return (
        f"{first}Final-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Remote-MTA: dns; mx.example.com\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n"
    )


def a_bounce(
    *recipients: str, headers: Mapping[str, str] = OUR_HEADERS, original_type: str = "message/rfc822"
) -> bytes:
    """As Postfix writes it: one group on the server, one on each recipient."""
    groups = "\r\n".join(
        [
            "Reporting-MTA: dns; mail.example.com\r\nX-Postfix-Queue-ID: 4Bxyz\r\n",
            *(recipients or (a_recipient(),)),
        ]
    )
    return report(
        "delivery-status",
        groups,
        block(headers) + "\r\nHello Ada\r\n",
        original_type=original_type,
        From="MAILER-DAEMON@mail.example.com (Mail Delivery System)",
        Subject="Undelivered Mail Returned to Sender",
        Auto_Submitted="auto-replied",
        Return_Path="<>",
    )


READ_RECEIPT = report(
    "disposition-notification",
    "Reporting-UA: mail.example.com; Some Program 1.0\r\nFinal-Recipient: rfc822;ada@example.com\r\n"
    "Original-Message-ID: <original@example.com>\r\n"
    "Disposition: manual-action/MDN-sent-manually; displayed\r\n",
    block(OUR_HEADERS),
    original_type="text/rfc822-headers",
    Subject="Read: What is new in November",
)

QUOTED = f"""
On Mon, 23 Nov 2026 at 14:00, Example Ltd <news@example.com> wrote:

> Hello Ada, do not stop here!
> Unsubscribe: https://prefs.example.com/u/{TOKEN}
"""

#: Mail of machines, by what it shows: autoresponders, lists, bounces that are no DSN.
AUTOMATIC = {
    "null_sender": a_mail("Hi. This is the qmail-send program at example.com.", Return_Path="<>"),
    "auto_submitted": a_mail("Stop" + QUOTED, Auto_Submitted="auto-replied", Subject="Out of office"),
    "auto_generated": a_mail("unsubscribe", Auto_Submitted="auto-generated (rejected)"),
    "precedence": a_mail("unsubscribe" + QUOTED, Precedence="bulk"),
    "junk": a_mail("unsubscribe", Precedence="Junk"),
    "suppress": a_mail("unsubscribe", X_Auto_Response_Suppress="All"),
    "autoreply": a_mail("I am away until Monday. Unsubscribe", X_Autoreply="yes"),
    "list": a_mail("unsubscribe", List_Id="<people.example.com>"),
    "list mail": a_mail("unsubscribe", List_Unsubscribe="<mailto:leave@example.com>"),
    "read receipt": READ_RECEIPT,
    "mailbox file": b"From MAILER-DAEMON Tue Nov 24 10:00:00 2026\n" + a_mail("unsubscribe"),
}
