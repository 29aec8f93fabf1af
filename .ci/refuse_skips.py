"""Fails CI when a test was skipped for a reason that is not on the list.

python refuse_skips.py REPORT.xml ALLOWED.txt | python refuse_skips.py --count REPORT.xml
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main() -> int:
    if sys.argv[1] == "--count":
        return _count(sys.argv[2])
    allowed = {line for line in Path(sys.argv[2]).read_text().splitlines() if line and not line.startswith("#")}
    count = 0
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        for skipped in case.iter("skipped"):
            if skipped.get("message") not in allowed:
                print(f"skipped: {case.get('classname')}.{case.get('name')}: {skipped.get('message')}")
                count += 1
    return 1 if count else 0


def _count(report: str) -> int:
    suite = next(ElementTree.parse(report).iter("testsuite"))
    tests, failed, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "skipped"))
    print(f"{tests - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
