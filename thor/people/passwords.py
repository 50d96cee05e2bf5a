"""Hash and check passwords, and refuse those that are soon guessed.

Stage 85, people. Argon2id with OWASP's least parameters, so that a login takes some hundredths of
a second and 19 MiB; a hash of other parameters is renewed at the next login.
"""

import functools

import argon2

from thor.errors import Rejected

LENGTH_MIN, LENGTH_MAX = 10, 128
# Of 4: a guesser needs more than 10^8 attempts.
_SCORE_MIN = 3
# What comes later cannot make a password weaker, and the guesser takes seconds for long ones.
_GUESSED_MAX = 24
# Beside the words of the person's own address and name.
_REST_MIN = 8
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hashed(password: str) -> str:
    """Return the hash of a password."""
    return _hasher.hash(password)


def is_right(password_hash: str | None, password: str) -> bool:
    """Return whether a password fits a hash; without one it takes as long, and never does."""
    try:
        _hasher.verify(password_hash or _of_nobody(), password)
    except argon2.exceptions.VerifyMismatchError:
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(password_hash)


def checked(field: str, password: str, *known: str) -> str:
    """Return a password; raises `Rejected` for one that is short, well-known or soon guessed.

    `known` are words that a guesser would try first: the person's address and name.
    """
    # It reads its lists of words: only a process that needs it does.
    from zxcvbn import zxcvbn

    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise Rejected(f"{field}: from {LENGTH_MIN} to {LENGTH_MAX} characters")
    inputs = [word for one in known for word in (one, *one.replace("@", ".").split(".")) if word]
    rest = password.lower()
    for word in sorted(inputs, key=len, reverse=True):
        rest = rest.replace(word.lower(), "") if len(word) > 2 else rest
    if len(rest) < _REST_MIN:
        raise Rejected(f"{field}: it is made of the address or the name; take unusual words")
    found = zxcvbn(password[:_GUESSED_MAX], user_inputs=[*inputs, "thor"])
    if found["score"] < _SCORE_MIN:
        reason = found["feedback"]["warning"].rstrip(".") or "It is soon guessed"
        raise Rejected(f"{field}: {reason}; take a sentence of four or more unusual words")
    return password


@functools.cache
def _of_nobody() -> str:
    return _hasher.hash("nobody's")
