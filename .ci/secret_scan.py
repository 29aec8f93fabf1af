"""Looks for secrets in the tree and in every version of every file that was ever committed.

python .ci/secret_scan.py   exit code 1, and a line for each that is not allowed

Only what has the shape of a real credential counts. A made-up one, such as the tests of redaction need, is allowed when
it says so itself (a word of SAYS_SO), repeats one character, or stands in allowed-secrets.txt by its SHA-256.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SHAPES = {
    "private key": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s*(?:[A-Za-z0-9+/=]{40,}\s*)+",
    "AWS access key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": rb"\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{50,}",
    "GitLab token": rb"\bglpat-[A-Za-z0-9_-]{20,}",
    "Slack token": rb"\bxox[abeoprs]-[A-Za-z0-9-]{20,}",
    "Stripe key": rb"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "Google API key": rb"\bAIza[0-9A-Za-z_-]{35}",
    "PyPI token": rb"\bpypi-[A-Za-z0-9_-]{50,}",
    "JSON web token": rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    "key of an API": rb"POLYTOMIC_(?:API|PARTNER|DEPLOYMENT)_KEY=[\"']?[A-Za-z0-9+/_=-]{24,}",
}
SAYS_SO = re.compile(rb"canary|example|fake|dummy|redacted|not-?a-?(?:real-?)?(?:secret|key)", re.IGNORECASE)
ALLOWED = "allowed-secrets.txt"


def scan(root: Path, allowed: set[str]) -> int:
    looked_at, found = 0, set[tuple[str, str, str]]()
    for place, text in (*tree(root), *history(root)):
        looked_at += 1
        found |= {(digest, shape, place) for digest, shape in secrets_in(text) if digest not in allowed}
    for digest, shape, place in sorted(found, key=lambda each: each[2]):
        print(f"{place}: {shape}; if it is made up, add its SHA-256 to .ci/{ALLOWED}: {digest}")
    if not found:
        print(f"no secret in {looked_at} versions of files")
    return 1 if found else 0


def secrets_in(text: bytes) -> Iterator[tuple[str, str]]:
    """SHA-256 and shape of whatever in a text looks like a real credential."""
    for shape, pattern in SHAPES.items():
        for match in re.finditer(pattern, text):
            value = match.group()
            if not SAYS_SO.search(value) and not re.search(rb"(.)\1{7}", value):
                yield hashlib.sha256(value).hexdigest(), shape


def tree(root: Path) -> Iterator[tuple[str, bytes]]:
    """Each file that is tracked or would be, as it is now."""
    names = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")
    for path in (root / name.decode() for name in names if name):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(root)), path.read_bytes()


def history(root: Path) -> Iterator[tuple[str, bytes]]:
    """Each version of each file that any commit holds, and each commit's message."""
    objects = git(root, "rev-list", "--objects", "--all").splitlines()
    named = (line.partition(b" ") for line in objects)
    names = {digest: path or b"a commit" for digest, _, path in named}
    everything = git(root, "cat-file", "--batch", given=b"\n".join(names) + b"\n")
    start = 0
    while start < len(everything):
        header, _, _ = everything[start : start + 200].partition(b"\n")
        name, kind, size = header.split()
        start += len(header) + 1
        if kind != b"tree":
            yield f"{name.decode()[:12]} {names[name].decode()}", everything[start : start + int(size)]
        start += int(size) + 1


def git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", "-C", str(root), *arguments], input=given, stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    listed = Path(__file__).with_name(ALLOWED).read_text().splitlines()
    made_up = {line.split()[0] for line in listed if line and not line.startswith("#")}
    sys.exit(scan(Path(__file__).parent.parent, made_up))
