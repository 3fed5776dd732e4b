# SPDX-License-Identifier: GPL-2.0
# verdicts.py BACK-END HIDDEN MODULE...: runs modules of the package "test" as
# if select had no HIDDEN, and prints a verdict for each test that is not
# skipped.  Its name leaves the back end out, to be the same for both; tests of
# poll and select alone are left out.
import sys
from importlib.util import module_from_spec, spec_from_file_location

# Before anything asks for the interpreter's own.
spec = spec_from_file_location("select", "./select.so")
select = sys.modules["select"] = module_from_spec(spec)
spec.loader.exec_module(select)

import faulthandler
import re
import unittest

back_end, hidden, *modules = sys.argv[1:]
delattr(select, hidden)


class Result(unittest.TestResult):
    def verdict(self, word, test):
        name = re.sub(r"\." + back_end + "(?=EventLoop|Selector)", ".", test.id(), flags=re.I)
        print(word, back_end, name, flush=True)

    def startTest(self, test):
        super().startTest(test)
        faulthandler.dump_traceback_later(300, exit=True)

    def addSuccess(self, test):
        self.verdict("ok", test)

    def addError(self, test, err):
        super().addError(test, err)
        print(self.errors[-1][1])
        self.verdict("not ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(self.failures[-1][1])
        self.verdict("not ok", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.verdict("not ok", subtest)


def tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests(test)
        elif not re.search(r"\.(Poll|Select)(EventLoop|Selector)", test.id()):
            yield test


loaded = unittest.defaultTestLoader.loadTestsFromNames("test." + m for m in modules)
unittest.TestSuite(tests(loaded)).run(Result())
