# SPDX-License-Identifier: Apache-2.0
"""The commands of TDX as a script uses them: exit status and one JSON object; every real quote and every case of the vectors, with the
collateral in each of its forms. usage: tdx_commands.py SECURE-VM"""
import json
import os
import subprocess
import sys
import tempfile

from vectors import TDX as VECTORS

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
FIRMWARE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'secure-vm/firmware/OVMF.inteltdx.ms.fd')
COS = ('quotes/gtg-cos113.bin', '--collateral', 'collateral/00806f-2025-07', '--time', '2025-07-22T00:00:00Z')


def run(status, *args):
    r = subprocess.run([PROGRAM, *args, '--json'], capture_output=True, text=True, timeout=patient(60), cwd=VECTORS)
    assert r.returncode == status, f'{args}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    out = json.loads(r.stdout)
    assert out['ok'] is (status == 0), out
    return out


def verify(status, *args):
    return run(status, 'verify', '--tee', 'tdx', *args)


def check_of(out):
    return out['error']['check']


def arguments(row):
    args = [row['quote'], '--collateral', row['collateral'], '--time', row['at']]
    return args + (['--test-root', row['root']] if 'root' in row and 'Intel_SGX' not in row['root'] else [])


def load(name):
    with open(os.path.join(VECTORS, name)) as f:
        return json.load(f)


def real_pairs():
    held = refused = 0
    for row in load('expected-real.json'):
        want = row['expected']
        rejected = 'status' not in want or want['status'].startswith('REJECT')
        if row['quote'] == 'quotes/iq-sample-testpki.bin':
            continue  # its certificates do not lie in the quote
        good = not rejected and want['status'] == 'UpToDate' and not want['debug'] and want['sept_ve_disable']
        out = verify(5 if rejected else 0 if good else 6, *arguments(row))
        held, refused = held + good, refused + rejected
        if good:
            assert out['tcb']['status'] == 'UpToDate' and out['appraisal']['status'] == 'affirming' and 'test_root' not in out
            assert out['claims']['root']['intel'] and out['tcb']['advisories'] == want['advisories']
        elif not rejected:
            # Refused by the policy, not by the proof: everything that it was refused for stands beside the error.
            tcb = out['tcb']
            assert tcb['status'] == want['status'] == out['claims']['tcb']['status'] and tcb['advisories'] == want['advisories'], out
            assert tcb['tcb_date'] == want['tcb_date'] and tcb['expires'] <= row['window'][1] and out['appraisal']['status'] == 'contraindicated'
            assert bool(tcb['update']) == (want['status'] != 'UpToDate'), tcb
    print(f'{held} real pairs pass, {refused} proofs do not hold')
    assert held >= 5 and refused >= 19


def cases():
    n = {0: 0, 4: 0, 5: 0, 6: 0}
    for row in load('cases/index.json'):
        want = row['expect']
        if want['result'] == 'either':
            continue
        r = subprocess.run([PROGRAM, 'verify', '--tee', 'tdx', *arguments(row), '--json'], capture_output=True, text=True, timeout=patient(60), cwd=VECTORS)
        out = json.loads(r.stdout)
        n[r.returncode] += 1
        if want['result'] == 'reject':
            assert r.returncode in (4, 5), (row['id'], r.stdout)
            assert out['error']['class'] == {4: 'format', 5: 'proof'}[r.returncode]
        elif r.returncode == 0:
            assert out['tcb']['status'] == want['status'] == 'UpToDate', (row['id'], r.stdout)
        else:
            assert r.returncode == 6 and (want['status'] != 'UpToDate' or 'olicy' in row['meaning'] or 'POLICY' in row['meaning']), (row['id'], r.stdout)
    print(f'{n[0]} cases pass, {n[6]} are refused by the policy, {n[5]} do not prove, {n[4]} are malformed')
    assert n[0] >= 10 and n[4] >= 15 and n[5] >= 40 and n[6] >= 10


def forms():
    folder = verify(0, *COS)
    for bundle in ('collateral-json/00806f-2025-07.platform_collaterals.json',):
        assert verify(0, COS[0], '--collateral', bundle, *COS[3:])['claims'] == folder['claims']
    out = verify(0, *COS)
    out = verify(0, *COS, '--measurement', out['claims']['mrtd'])
    assert out['appraisal']['vector']['executables'] == 0, out['appraisal']  # the kernel is nobody's measurement
    verify(0, 'quotes/gtg-v5-td15.bin', '--collateral', 'collateral-json/90c06f-2026-02.dcap-qvl.json', '--time', '2026-02-25T00:00:00Z')
    assert check_of(verify(5, COS[0], '--collateral', 'collateral-json/90c06f-2026-02.platform_collaterals.json', *COS[3:])) == 'tdx.collateral.missing'
    assert check_of(verify(4, COS[0], '--collateral', 'ccel/cos113.table.bin', *COS[3:])) == 'tdx.bundle.json'
    assert check_of(verify(5, COS[0], *COS[3:])) == 'tdx.collateral.missing'
    assert check_of(verify(5, *COS[:3])) == 'tdx.pck.crl'  # as of now: out of date


def not_ignored():
    """What is asked for is looked at, or refused: nothing is skipped in silence."""
    assert check_of(verify(2, *COS, '--report-data', '')) == 'verify.report-data'
    assert check_of(verify(4, *COS, '--event-log', '/dev/null')) == 'verify.collateral'
    assert check_of(verify(4, *COS, '--test-root', '/dev/null')) == 'verify.collateral'
    log = ('--event-log', 'ccel/cos113.data.bin')
    assert check_of(verify(2, *COS, *log, '--event-log', 'ccel/goeventlog-cos113-dupe-separator.bin')) == 'tdx.collateral.twice'
    assert check_of(verify(2, *COS, *COS[1:3])) == 'tdx.collateral.twice'
    for option in ('--crl', '--vek', '--chain', '--ek-root'):
        assert check_of(verify(2, *COS, option, 'collateral/Intel_SGX_Root_CA.pem')) == 'verify.option', option


def options():
    claims = verify(0, *COS, '--event-log', 'ccel/cos113.data.bin')['claims']
    assert claims['event_log']['checked'] and not claims['report_data_checked']
    assert check_of(verify(5, *COS, '--event-log', 'ccel/goeventlog-cos113-dupe-separator.bin')) == 'tdx.ccel.replay'
    assert check_of(verify(5, *COS, '--report-data', '01')) == 'tdx.report_data'
    assert verify(0, *COS, '--report-data', claims['reportdata'])['claims']['report_data_checked']
    with tempfile.NamedTemporaryFile('w', suffix='.json') as f:
        rule = {'check': 'policy.mrtd', 'claim': '/mrtd', 'equals': claims['mrtd'], 'covers': 'executables', 'reason': 'the firmware'}
        measured = dict(rule, check='policy.rtmr1', claim='/rtmr1', equals=claims['rtmr1'], reason='what the firmware starts')
        policy = {'version': 1, 'guest': 'g', 'tee': 'tdx', 'resource': 'a/b/c', 'trust': {}, 'rules': [rule, measured]}
        for rules, slot in (([rule], 0), ([rule, measured], 3)):  # what covers kernel and option ROMs
            f.seek(0)
            f.truncate()
            json.dump(dict(policy, rules=rules), f)
            f.flush()
            assert verify(0, *COS, '--policy', f.name)['appraisal']['vector']['executables'] == slot
        rule['equals'] = '00' * 48
        f.seek(0)
        f.truncate()
        json.dump(policy, f)
        f.flush()
        assert check_of(verify(6, *COS, '--policy', f.name)) == 'policy.mrtd'
    sets(claims, policy)


def sets(claims, policy):
    """The policy names a reference set, which is given by a file."""
    with tempfile.NamedTemporaryFile('w', suffix='.json') as f, tempfile.NamedTemporaryFile('w', suffix='.json') as g:
        json.dump(dict(policy, rules=[], reference_set='v/r/cos'), f)
        f.flush()
        assert check_of(verify(6, *COS, '--policy', f.name)) == 'policy.reference'
        for values, check in ((claims, None), (dict(claims, rtmr1='00' * 48), 'policy.reference.rtmr1')):
            g.seek(0)
            g.truncate()
            json.dump({'version': 1, 'name': 'v/r/cos', 'tee': 'tdx', 'generation': 1, 'any_of': [
                {'image': 'cos', 'generation': 1, 'values': {f'/{name}': values[name] for name in ('mrtd', 'rtmr1', 'rtmr2')}}]}, g)
            g.flush()
            out = verify(6 if check else 0, *COS, '--policy', f.name, '--reference', g.name)
            if check:
                with open(f.name, 'w') as h:
                    json.dump(dict(policy, rules=[dict(policy['rules'][0], equals=claims['mrtd'])], reference_set='v/r/cos', warn=[check]), h)
                warns = verify(0, *COS, '--policy', f.name, '--reference', g.name)['appraisal']
                assert warns['status'] == 'warning' and [r['check'] for r in warns['reasons'] if r.get('warned')] == [check], warns
            assert check_of(out) == check if check else 'policy.set' in [r['check'] for r in out['appraisal']['reasons']], out


def inspect():
    for name, kind in (('quotes/tr-v5-servtd.bin', 'td-quote'), ('tdreport/intel-tdreport_for_test.dat', 'td-report'),
                       ('collateral/90c06f-2026-02/tcb_info.json', 'tcb-info'), ('ccel/cos113.data.bin', 'cc-event-log')):
        out = run(0, 'inspect', name)
        assert out['kind'] == kind and out['tee'] == 'tdx' and out['verified'] is False, (name, kind, out.get('kind'))
    if os.path.exists(FIRMWARE):
        sections = run(0, 'inspect', FIRMWARE)['tdvf']
        assert [s['type'] for s in sections if s['mr_extend']] == ['BFV'] and 'TD_HOB' in [s['type'] for s in sections], sections


def measure():
    """A guest that no guest file could describe is not measured, nor a file that starts no TD."""
    flags = ('measure', '--tee', 'tdx', '--firmware')
    for option, value in (('memory', '0'), ('memory', '4095'), ('memory', '127MiB'), ('memory', '1000MB'), ('memory', '17TiB'), ('memory', '-5'), ('memory', '5K'),
                          ('vcpus', '0'), ('vcpus', '-1'), ('vcpus', '4097'), ('vcpus', 'two')):
        assert check_of(run(2, *flags, FIRMWARE, '--' + option, value)) == 'measure.' + option, (option, value)
    for option, value in (('page-order', 'backward'), ('generation', '199901'), ('guest-features', '0x1')):
        assert check_of(run(2, *flags, FIRMWARE, '--' + option, value)).startswith('guest.tdx.'), (option, value)
    assert check_of(run(3, *flags, '/nowhere')) == 'tdx.firmware'
    assert check_of(run(3, *flags, '/')) == 'tdx.firmware'
    if not os.path.exists(FIRMWARE):
        print('no TDX firmware in the cache (tools/fetch-firmware): measured nothing')
        return
    mrtd = [run(0, *flags, FIRMWARE, '--memory', memory, '--vcpus', vcpus)['measurements']['mrtd'] for memory, vcpus in (('128MiB', '1'), ('16TiB', '512'))]
    assert mrtd[0] == mrtd[1] != run(0, *flags, FIRMWARE, '--page-order', 'two-pass')['measurements']['mrtd']
    with open(FIRMWARE, 'rb') as f, tempfile.NamedTemporaryFile() as t:
        image = f.read()
        for part in (image[:-4096], image[4096 * 512:], image[:1 << 20], image[1:], b'', b'no firmware', image * 5):
            t.seek(0)
            t.truncate()
            t.write(part)
            t.flush()
            check = check_of(run(4, *flags, t.name))
            assert check.startswith(('ovmf.', 'tdx.firmware')), check


def acpi():
    """The machine that launch starts, from libvirt and QEMU themselves; and what is no such machine."""
    with tempfile.TemporaryDirectory() as d:
        kernel, guest, out = (os.path.join(d, n) for n in ('kernel', 'g.json', 'acpi'))
        with open(kernel, 'wb') as f:  # enough of a kernel for QEMU
            f.write(bytes(0x1f1) + b'\2' + bytes(0x202 - 0x1f2) + b'HdrS\x0f\2' + bytes(0x2000 - 0x208))

        def write(**more):
            with open(guest, 'w') as f:
                json.dump({'name': 'g', 'tee': 'tdx', 'firmware': FIRMWARE, 'kernel': kernel, 'memory': '1GiB', 'disks': [{'path': 'no such disk'}], 'nics': [], **more}, f)
        write()
        assert check_of(run(2, 'image', 'acpi', guest)) == 'acpi.options'
        assert check_of(run(2, 'image', 'acpi', '--out', out)) == 'acpi.options'
        assert check_of(run(2, 'image', 'acpi', '--out', out, '--firmware', FIRMWARE, '--connect', 'qemu:///system')) == 'acpi.options'
        for option in ('firmware', 'kernel', 'memory', 'vcpus', 'machine', 'arg'):
            assert check_of(run(2, 'image', 'acpi', '--out', out, '--' + option, '1', guest)) == 'acpi.options', option
        for tee in ('vtpm', 'tdx'):
            write(tee=tee, memory='128MiB')
            assert check_of(run(2, 'image', 'acpi', '--out', out, guest)) == 'acpi.memory', tee
        assert not os.path.exists(out)
        if not os.path.exists(FIRMWARE):
            print('no TDX firmware in the cache (tools/fetch-firmware): no tables taken')
            return
        write(tees={'tdx': {'quote_port': 4050}})
        result = run(0, 'image', 'acpi', '--out', out, guest)
        assert result['machine'] == {'memory': 1 << 30, 'vcpus': 2, 'disks': 1, 'cells': 0, 'threads': 0, 'nics': 0, 'vsock': 1} and result['files'] == 5, result
        with open(os.path.join(out, 'machine.json')) as f:
            assert json.load(f) == result['machine']
        with open(os.path.join(out, 'bootorder'), 'rb') as f:
            order = f.read()
        assert order.startswith(b'/rom@genroms/linuxboot_dma.bin\n/pci@i0cf8/') and order.endswith(b'disk@0,0\nHALT\0'), order


measure()
print('measure ok')
acpi()
print('acpi ok')
for test in (real_pairs, cases, forms, not_ignored, options, inspect):
    test()
    print(test.__name__, 'ok')
