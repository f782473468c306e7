#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libsecurevm from Python, through ctypes.

    securevm.py SECONDS EVIDENCE [KIND=FILE]...     prints what is known of the outcome

SECUREVM_LIBRARY names another library than the system's libsecurevm.so.0.
"""
import ctypes
import json
import os
import sys

OK, USAGE, SYSTEM, FORMAT, PROOF, POLICY = 0, 2, 3, 4, 5, 6

_lib = ctypes.CDLL(os.environ.get('SECUREVM_LIBRARY', 'libsecurevm.so.0'))
_pointer, _text, _size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
_out = ctypes.POINTER(ctypes.c_void_p)

for _name, _answer, *_arguments in (
        ('version', _text),
        ('free', None, _pointer),
        ('error_new', _pointer),
        ('error_free', None, _pointer),
        ('error_status', ctypes.c_int, _pointer),
        ('error_check', _text, _pointer),
        ('error_message', _text, _pointer),
        ('evidence_open', ctypes.c_int, _text, _size, _text, _out, _pointer),
        ('evidence_free', None, _pointer),
        ('evidence_tee', _text, _pointer),
        ('evidence_needs', ctypes.c_int, _pointer, _out, _pointer),
        ('collateral_new', ctypes.c_int, _out, _pointer),
        ('collateral_free', None, _pointer),
        ('collateral_add', ctypes.c_int, _pointer, _text, _text, _size, _pointer),
        ('policy_parse', ctypes.c_int, _text, _size, _out, _pointer),
        ('policy_strict', ctypes.c_int, _text, _text, _text, _out, _pointer),
        ('policy_free', None, _pointer),
        ('appraise', ctypes.c_int, _pointer, _pointer, _pointer, ctypes.c_int64, _text, _size, _out, _pointer),
        ('result_free', None, _pointer),
        ('files_new', ctypes.c_int, _out, _pointer),
        ('files_free', None, _pointer),
        ('files_add', ctypes.c_int, _pointer, _text, _text, _size, _pointer),
        ('predict', ctypes.c_int, _text, _size, _pointer, _text, _out, _pointer),
        ('explain', ctypes.c_int, _pointer, _pointer, _out, _pointer)):
    _function = getattr(_lib, 'securevm_' + _name)
    _function.restype, _function.argtypes = _answer, _arguments


class Refused(Exception):
    """What the library says: status (one of the constants above), check, message; `answer`: all that is known, as a dict."""

    def __init__(self, status, check, message, answer=None):
        super().__init__(f'{message} [{check}]')
        self.status, self.check, self.answer = status, check, answer


class _Error:
    def __enter__(self):
        self.p = _lib.securevm_error_new()
        return self

    def __exit__(self, *_):
        _lib.securevm_error_free(self.p)

    def check(self, status, answer=None):
        if status != OK:
            raise Refused(status, _lib.securevm_error_check(self.p).decode(), _lib.securevm_error_message(self.p).decode(), answer)


def _take(p):
    """A text of the library's, read as JSON."""
    try:
        return json.loads(ctypes.cast(p, ctypes.c_char_p).value)
    finally:
        _lib.securevm_free(p)


class _Object:
    """Made by `make(out, err)`, freed with the Python object."""
    free = None

    def __init__(self, make):
        p = ctypes.c_void_p()
        with _Error() as err:
            err.check(make(ctypes.byref(p), err.p))
        self.p = p

    def __del__(self):
        if getattr(self, 'p', None):
            getattr(_lib, self.free)(self.p)


class Evidence(_Object):
    free = 'securevm_evidence_free'

    def __init__(self, data, tee=None):
        super().__init__(lambda out, err: _lib.securevm_evidence_open(data, len(data), tee and tee.encode(), out, err))

    @property
    def tee(self):
        return _lib.securevm_evidence_tee(self.p).decode()

    def needs(self):
        """[{"kind": …, "url": …}, …]"""
        text = ctypes.c_void_p()
        with _Error() as err:
            err.check(_lib.securevm_evidence_needs(self.p, ctypes.byref(text), err.p))
        return _take(text)


class Collateral(_Object):
    free = 'securevm_collateral_free'

    def __init__(self):
        super().__init__(_lib.securevm_collateral_new)

    def add(self, kind, data):
        with _Error() as err:
            err.check(_lib.securevm_collateral_add(self.p, kind.encode(), data, len(data), err.p))


class Policy(_Object):
    """A policy document; several threads may use one."""
    free = 'securevm_policy_free'

    def __init__(self, text):
        super().__init__(lambda out, err: _lib.securevm_policy_parse(text, len(text), out, err))


class StrictPolicy(Policy):
    """The built-in one."""

    def __init__(self, tee, allow=None, measurement=None):
        _Object.__init__(self, lambda out, err: _lib.securevm_policy_strict(tee.encode(), allow and allow.encode(),
                                                                            measurement and measurement.encode(), out, err))


def appraise(evidence, collateral, policy, seconds, report_data=b''):
    """All that is known of evidence that is believed and wanted, as a dict; else Refused, with the same in its `answer`."""
    result, text = ctypes.c_void_p(), ctypes.c_void_p()
    with _Error() as err, _Error() as own:
        status = _lib.securevm_appraise(evidence.p, collateral.p, policy.p, seconds, report_data, len(report_data), ctypes.byref(result), err.p)
        try:
            own.check(_lib.securevm_explain(result, err.p, ctypes.byref(text), own.p))
        finally:
            _lib.securevm_result_free(result)
        answer = _take(text)
        err.check(status, answer)
        return answer


class Files(_Object):
    """What a guest file names, as {name: bytes}."""
    free = 'securevm_files_free'

    def __init__(self, files):
        super().__init__(_lib.securevm_files_new)
        self.kept = files  # the library makes no copies
        for name, data in files.items():
            with _Error() as err:
                err.check(_lib.securevm_files_add(self.p, name.encode(), data, len(data), err.p))


def predict(guest, files, tee=None):
    """What a guest will measure: {"tee": …, "measurements": {…}, "unpredicted": […]}."""
    text = ctypes.c_void_p()
    with _Error() as err:
        err.check(_lib.securevm_predict(guest, len(guest), files.p, tee and tee.encode(), ctypes.byref(text), err.p))
    return _take(text)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    collateral = Collateral()
    try:
        for argument in sys.argv[3:]:
            kind, _, path = argument.partition('=')
            with open(path, 'rb') as f:
                collateral.add(kind, f.read())
        with open(sys.argv[2], 'rb') as f:
            evidence = Evidence(f.read())
        answer = appraise(evidence, collateral, StrictPolicy(evidence.tee), int(sys.argv[1]))
    except Refused as e:
        print(json.dumps(e.answer or {'ok': False, 'error': {'check': e.check, 'message': str(e)}}))
        return e.status
    print(json.dumps(answer))
    return OK


if __name__ == '__main__':
    sys.exit(main())
