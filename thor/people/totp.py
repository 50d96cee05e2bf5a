"""The second factor: codes of six digits that change every 30 s.

Stage 85, people. Pure; who asks keeps the step of the code used last, so that it is good once.
"""

import hmac
from datetime import datetime

import pyotp

STEP_S = 30
# Clocks of telephones differ by some seconds.
_STEPS_OFF = 1


def new_secret() -> str:
    """Return a secret in base 32."""
    return pyotp.random_base32()


def uri(secret: str, email: str) -> str:
    """Return the otpauth:// address that an app reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Thor")


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the step of 30 s whose code this is, near now; None: it is no code of these."""
    made = pyotp.TOTP(secret)
    this = int(now.timestamp()) // STEP_S
    given = code.replace(" ", "").encode()
    found = None
    for step in range(this - _STEPS_OFF, this + _STEPS_OFF + 1):
        if hmac.compare_digest(made.at(step * STEP_S).encode(), given):
            found = step
    return found
