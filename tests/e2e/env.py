# SPDX-License-Identifier: Apache-2.0
"""What all cases share (kernel, initramfs, root file system) and what each has for itself (broker, guest, disk)."""
import contextlib
import fcntl
import hashlib
import inspect
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import Failed, patient, wait_until  # noqa: E402
from processes import find_children  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'secure-vm', 'e2e')
CLASSES = {'usage': 2, 'system': 3, 'format': 4, 'proof': 5, 'policy': 6}
MARKER = 'e2e-root: the disk is open'


def run(*args, check=True, timeout=300, **kw):
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=patient(timeout), **kw)
    if check and r.returncode:
        raise Failed(f'{os.path.basename(str(args[0]))} {" ".join(map(str, args[1:3]))} ended with {r.returncode}: {r.stderr.strip()[-800:]}')
    return r


GIVEN = []  # a socket whose name is the port's number, for each: no other case has it, nor another program's


def free_port():
    """Nobody's, and no other case's: below those that the kernel gives to connections, so that a broker can end and come back."""
    while True:
        port = random.randrange(10240, 32768)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f'\0secure-vm-tests-port-{port}')
        except OSError:
            mark.close()
            continue
        GIVEN.append(mark)
        with socket.socket() as s:
            if s.connect_ex(('127.0.0.1', port)) != 0:
                return port


def digest(*paths):
    h = hashlib.sha256()
    for p in paths:
        with open(p, 'rb') as f:
            h.update(f.read())
    return h.hexdigest()[:16]


class Env:
    """Prepared once for each build of the agent and kept in the cache."""
    FETCH = []  # options of tools/fetch-kernel

    def __init__(self, build, say):
        self.vm = os.path.join(build, 'launcher', 'secure-vm')
        self.broker = os.path.join(build, 'broker', 'secure-vm-broker')
        self.agent = os.path.join(build, 'agent', 'secure-vm-agent')
        self.peek = os.path.join(build, 'tests', 'e2e', 'e2e-peek')
        for p in (self.vm, self.broker, self.agent, self.peek):
            if not os.path.exists(p):
                raise Failed(f'{p} is not built')
        say('the distribution\'s kernel')
        self.kernel_dir = run(os.path.join(TOP, 'tools', 'fetch-kernel'), *self.FETCH, timeout=900).stdout.strip().splitlines()[-1]
        self.kernel = os.path.join(self.kernel_dir, 'vmlinuz')
        run(self.vm, 'host', 'vtpm-ca')
        scripts = [inspect.getfile(c) for c in type(self).__mro__ if c is not object]
        self.dir = os.path.join(CACHE, digest(self.agent, self.vm, self.kernel, *scripts, *self.inputs()))
        self.initrd = os.path.join(self.dir, 'initrd')
        self.root = os.path.join(self.dir, 'root')
        os.makedirs(CACHE, exist_ok=True)
        with open(os.path.join(CACHE, 'lock'), 'w', encoding='ascii') as lock:  # other programs want the same
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(os.path.join(self.dir, 'done')):
                self.prepare(say)

    def init(self):
        """What the encrypted disk's /sbin/init is compiled of."""
        return [os.path.join(TOP, 'tests/e2e/init.c')]

    def inputs(self):
        """More files that the initramfs depends on."""
        return []

    def modules(self):
        """The kernel's modules, and options of image initrd."""
        return os.path.realpath(os.path.join(self.kernel_dir, 'modules')), []

    def prepare(self, say):
        for old in os.listdir(CACHE):
            if time.time() - os.stat(os.path.join(CACHE, old)).st_mtime > 86400:
                shutil.rmtree(os.path.join(CACHE, old), ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.root, 'sbin'))
        for d in ('proc', 'sys', 'dev', 'run', 'tmp'):
            os.makedirs(os.path.join(self.root, d))
        say('a root file system with one static program')
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(self.root, 'sbin', 'init'), *self.init())
        say('the measured initramfs')
        modules, more = self.modules()
        run(self.vm, 'image', 'initrd', '--kernel-modules', modules, '--agent', self.agent, '--out', self.initrd, *more)
        with open(os.path.join(self.dir, 'done'), 'w', encoding='ascii'):
            pass


BROKER = ('secure-vm-broke', 'sv-net', 'sv-http', 'sv-verifier', 'sv-fetcher', 'sv-keeper')  # its processes, as the kernel calls them


class Broker:
    """Listens at `address`; `where`: what to put in front of its command."""

    def __init__(self, env, directory, port, address='127.0.0.1', where=()):
        self.env, self.dir, self.port, self.address, self.where, self.process = env, directory, port, address, where, None
        out = run(env.broker, 'init', '--dir', directory, '--listen', f'{address}:{port}').stdout
        self.pin = dict(line.split(' ', 1) for line in out.splitlines())['pin']

    def start(self):
        path, port = os.path.join(os.path.dirname(self.dir), 'broker.log'), os.path.join(self.dir, 'port')
        with contextlib.suppress(FileNotFoundError):
            os.remove(port)  # the broker makes it when it listens; what answers before may be the last of one that was stopped
        with open(path, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen([*self.where, self.env.broker, 'serve', '--config', f'{self.dir}/config.json'],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until('the broker does not listen', lambda: self.process.poll() is not None or os.path.exists(port) and self.listens())
        if self.process.poll() is not None:  # whoever listens there now is somebody else
            with open(path, encoding='utf-8') as log:
                raise Failed(f'the broker ended with {self.process.returncode}: {log.read()[-500:]}')
        return self

    def listens(self):
        try:
            socket.create_connection((self.address, self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def processes(self):
        """{pid: name} of all that it consists of."""
        pid = self.process.pid
        found = {}
        for p in [pid, *find_children(pid)]:
            try:
                with open(f'/proc/{p}/comm', encoding='ascii') as f:
                    found[p] = f.read().strip()
            except OSError:  # a worker that was done
                continue
        return found

    def admin(self):
        return ['--broker', f'https://{self.address}:{self.port}', '--pin', self.pin, '--admin-key', f'{self.dir}/admin.key']

    def audit(self):
        return json.loads(run(self.env.broker, 'audit', '--config', f'{self.dir}/config.json', '--json').stdout)['audit']


class Case:
    """A folder with a broker, a disk and a guest file; `launch` boots it for real."""
    def __init__(self, env, base, name):
        self.env, self.name = env, name
        self.dir = os.path.join(base, name)
        shutil.rmtree(self.dir, ignore_errors=True)  # an earlier try's
        os.makedirs(self.dir)
        self.state = tempfile.mkdtemp(dir=os.path.join(base, 's'))
        os.chmod(self.state, 0o755)
        self.environment = dict(os.environ, SECURE_VM_DIR=self.state)
        self.vm, self.more = [env.vm], []  # the program as whom it runs, and what every command about the guest gets
        self.port = self.broker_port = free_port()
        self.mitm = None
        self.root = env.root  # what is on its disk
        self.guest = {'name': 'g', 'tee': 'vtpm', 'vcpus': 1, 'memory': '512MiB', 'kernel': env.kernel, 'initrd': env.initrd,
                      'cmdline': 'console=ttyS0 panic=-1 no_timer_check', 'disks': [{'path': os.path.join(self.dir, 'root.img')}]}

    def path(self, name):
        return os.path.join(self.dir, name)

    # --- setting up ---

    def make_broker(self, behind=False):
        """behind: the guest's URL is another port, for somebody in the middle."""
        self.broker = Broker(self.env, self.path('broker'), self.broker_port)
        if behind:
            self.port = free_port()
        self.broker.start()
        self.guest['attestation'] = {'url': f'https://10.0.2.2:{self.port}', 'pin': self.broker.pin, 'resource': 'default/g/root'}

    def make_disk(self, path=None, resource='default/g/root'):
        run(*self.vm, 'image', 'encrypt', '--from', self.root, '--out', path or self.path('root.img'), '--size', '48MiB',
            '--resource', resource, *self.broker.admin(), env=self.environment)

    def write_guest(self, file='guest.json', **changes):
        with open(self.path(file), 'w', encoding='utf-8') as f:
            json.dump(dict(self.guest, **changes), f)
        return self.path(file)

    def put_policy(self, guest_file):
        run(*self.vm, 'policy', guest_file, '--put', *self.broker.admin(), env=self.environment)

    def prepare(self, behind=False):
        self.make_broker(behind)
        self.make_disk()
        self.file = self.write_guest()
        self.put_policy(self.file)

    # --- booting ---

    def launch(self, file=None, timeout=240):
        r = run(*self.vm, 'launch', file or self.file, *self.more, '--wait', '--timeout', int(patient(timeout)), '--events', self.path('events'), '--json',
                check=False, timeout=timeout + 120, env=self.environment)
        self.status, self.messages = r.returncode, r.stderr
        try:
            self.result = json.loads(r.stdout)
        except ValueError as e:
            raise Failed(f'launch --json answered {r.stdout[:200]!r}; {r.stderr[-500:]}') from e
        return self.result

    def console(self):
        with open(os.path.join(self.state, 'g', 'console.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def wait_console(self, words, seconds=30):
        wait_until(lambda: f'the console never said "{words}"; its end: {self.console()[-600:]}', lambda: words in self.console(), seconds)

    def end(self, keep=False):
        run(*self.vm, 'destroy', 'g', *([] if keep else ['--forget']), check=False, env=self.environment)
        if self.mitm:
            self.mitm.stop()
        if hasattr(self, 'broker'):
            self.broker.stop()

    # --- what must be true ---

    def must(self, truth, what):
        if not truth:
            raise Failed(f'{what}; launch: {json.dumps(self.result)[:600]}; console: {self.console()[-600:]}')

    def must_unlock(self):
        self.must(self.status == 0 and self.result.get('ok'), 'expected the guest to get its disk')
        self.wait_console(MARKER)
        grounds = self.result.get('grounds', '')
        self.must(len(grounds) > 20, 'expected the grounds on which the key was released')
        outcomes = [r.get('outcome') for r in self.broker.audit() if r['action'] != 'disk']
        self.must(outcomes[-2:] == ['released', 'opened'], f'expected records of the release and of the open disk, found {outcomes}')
        return grounds

    def must_refuse(self, klass, checks, audited=True, released=False):
        """The disk stays locked and the same check is named in the exit status, on the console and in the audit record. Checks of the disk
        come after the release: then the record of that must be there too."""
        error = self.result.get('error', {})
        checks = checks if isinstance(checks, tuple) else (checks,)
        self.must(error.get('check') in checks, f'expected the check {" or ".join(checks)}, found {error.get("check")}')
        self.must(error.get('class') == klass and self.status == CLASSES[klass],
                  f'expected {klass} and exit status {CLASSES[klass]}, found {self.status}')
        self.must(error['check'] in self.console(), f'expected {error["check"]} on the console')
        self.must(MARKER not in self.console(), 'the disk was opened')
        with open(self.path('events'), encoding='utf-8') as f:
            self.must('"unlocked"' not in f.read(), 'the guest said it had its disk')
        records = self.broker.audit() if audited else []
        if audited:
            self.must(any(r.get('check') == error['check'] and r.get('outcome') != 'released' for r in records),
                      f'expected {error["check"]} in the audit record, found {records[-3:]}')
            self.must(any(r.get('outcome') == 'released' for r in records) == released, f'expected a release: {released}, found {records[-3:]}')
        self.must(not self.processes(), 'the guest still runs')

    def processes(self):
        """{pid: name} of everything that runs for this guest: one of its folders is on the command line."""
        found = {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    line = f.read()
                with open(f'/proc/{pid}/comm', encoding='ascii') as f:
                    name = f.read().strip()
            except OSError:
                continue
            if (os.fsencode(self.state + '/') in line or os.fsencode(self.dir + '/') in line) and name not in BROKER:
                found[int(pid)] = name
        return found


def say_to(stream=sys.stderr):
    begin = time.time()

    def say(text):
        print(f'[{time.time() - begin:4.0f}s] e2e: {text}', file=stream, flush=True)
    return say


def twice(one_try):
    """What one_try() says is wrong, or ''. A guest that the machine itself did not get to start or to run in time is tried once more, and that
    is said; a wrong answer is never asked for twice."""
    why = one_try()
    if '"check": "virt.' in why or '"check": "launch.timeout"' in why:
        print(f'    tried again, the machine failed: {why.splitlines()[0][:300]}', flush=True)
        why = one_try()
    return why
