# SPDX-License-Identifier: Apache-2.0
"""For unit tests in Python: functions that assert, one after the other, and the line that tests/tools/check.py adds up."""


def run(*checks):
    """-> exit status"""
    failed = 0
    for check in checks:
        try:
            check()
        except AssertionError as e:
            print(f'{check.__name__}: {e}')
            failed += 1
    print(f'{len(checks) - failed} passed, {failed} failed')
    return int(failed > 0)
