"""Builds the sdist and the wheel twice, and fails unless both builds give the same bytes.

python .ci/build_twice.py OUT   needs an interpreter with the packages of build.txt

The second build uses a copy of the tree in another folder, with another umask, other file times, another time zone
and another hash seed. A third wheel is built directly from the tree, since the others are built from the sdist.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NO_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", "dist", "demo", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info"
)


def main() -> int:
    out = Path(sys.argv[1]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "another folder", "tree")
        shutil.copytree(ROOT, copy, ignore=NO_SOURCE, symlinks=True)
        for path in copy.rglob("*"):
            os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
        build(ROOT, out, umask=0o022)
        build(copy, Path(scratch, "again"), umask=0o077, TZ="Asia/Kathmandu", PYTHONHASHSEED="451")
        build(copy, Path(scratch, "direct"), "--wheel", umask=0o002)
        all_digests = [digests_of(each) for each in (out, Path(scratch, "again"), Path(scratch, "direct"))]
    first, again, direct = all_digests
    for name, digest in first.items():
        print(f"{digest}  {name}")
    if len(first) != 2 or again != first or not direct.items() <= first.items():
        print(f"not reproducible: the builds differ: {all_digests}", file=sys.stderr)
        return 1
    return 0


def build(tree: Path, out: Path, *options: str, umask: int, **environ: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(out), str(tree)]
    subprocess.run(command, umask=umask, env=os.environ | environ, stdout=subprocess.DEVNULL, check=True)


def digests_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


if __name__ == "__main__":
    sys.exit(main())
