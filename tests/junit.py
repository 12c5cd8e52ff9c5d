#!/usr/bin/env python3
"""junit.py FILE counts | times: what a junit file of pytest says."""
import sys
import xml.etree.ElementTree as tree


def main():
    path, what = sys.argv[1:]
    cases = list(tree.parse(path).iter("testcase"))
    bad = [case for case in cases
           if case.find("failure") is not None or case.find("error") is not None]
    if what == "counts":
        skipped = sum(case.find("skipped") is not None for case in cases)
        print(len(cases) - len(bad) - skipped, len(bad))
    for case in cases if what == "times" else ():
        print(case.get("time"), case.get("classname"), case.get("name"))


main()
