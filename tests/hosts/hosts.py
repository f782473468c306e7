#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Physical hosts out of namespaces, without virtualization: each has its own network, mounts, processes, host name, IPC and cgroups, its own /run, /dev,
/etc/libvirt and /var, a libvirt daemon in system mode, a bridge br0 and a port of a switch. Process 1 of a host is its power switch. The hosts' guests are
emulated guests of this machine, so nothing is emulated twice.

    with Hosts('a', 'b') as hosts:
        hosts.a.run('virsh', 'list')                      as typed at that host
        run(..., *enter(hosts.a), 'secure-vm', ...)       the same as a prefix
        hosts.a.uri                                       qemu+tcp://10.9.0.1/system, from any host and from the switch
        hosts.switch                                      10.9.0.254: a host of its own without a daemon, for clients and a broker
        hosts.folder                                      one folder that all hosts see under its name: shared storage
        hosts.a.off(); hosts.a.on()                       power cut; /etc/libvirt and /var survive

Nothing outlives the process that made it, however that ends: each process 1 reads a pipe of whose other end this process is the only owner. What remains of
one that was killed (a folder, empty cgroups) is removed by the next."""
import contextlib
import glob
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import Failed, wait_until  # noqa: E402
from processes import find_children  # noqa: E402

PREFIX = 'svhosts-'
# What a host has for itself, and the folder of its own in which that is.
OWN = {'/etc/libvirt': 'etc-libvirt', '/run': 'run', '/var/lib': 'lib', '/var/cache': 'cache', '/var/log': 'log'}
FOLDERS = ['lib/libvirt/images', 'lib/libvirt/qemu', 'lib/secure-vm', 'lib/swtpm-localca', 'cache/libvirt', 'log/libvirt/qemu', 'log/swtpm/libvirt/qemu',
           'etc-libvirt/qemu', 'run/lock', 'run/libvirt', 'pki']
# No kvm: a guest is emulated, wherever the test runs, and libvirt need not find out.
DEVICES = {'null': (1, 3), 'zero': (1, 5), 'full': (1, 7), 'random': (1, 8), 'urandom': (1, 9), 'tty': (5, 0), 'ptmx': (5, 2), 'net/tun': (10, 200)}
NAMESPACES = ['net', 'mount', 'pid', 'uts', 'ipc', 'cgroup']
NEEDS = ['unshare', 'nsenter', 'ip', 'libvirtd', 'virtlogd', 'virsh', 'qemu-system-x86_64', 'swtpm', 'openssl']


def missing():
    """What this machine lacks for such hosts, or None."""
    if os.geteuid() != 0:
        return 'hosts out of namespaces need root'
    lacks = [p for p in NEEDS if not shutil.which(p, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')]
    if lacks:
        return f'{", ".join(lacks)}: not installed (tools/setup installs them)'
    if not glob.glob('/usr/lib/*/libvirt/connection-driver/libvirt_driver_storage.so'):
        return 'libvirt\'s storage driver is not installed (tools/setup installs it)'
    probe = subprocess.run(['unshare', *(f'--{n}' for n in NAMESPACES), '--fork', 'sh', '-c',
                            'mount --make-rprivate / && mount -t tmpfs t /mnt && ip link add svprobe0 type veth peer name svprobe1 && '
                            'ip link add br0 type bridge && mknod /mnt/tun c 10 200 && exec 3<>/mnt/tun'], capture_output=True, text=True, check=False)
    return f'this machine gives no namespaces with bridges and taps: {probe.stderr.strip()}' if probe.returncode else None


def call(*argv, **kw):
    r = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, **kw)
    if r.returncode:
        raise Failed(f'{" ".join(map(str, argv))[:300]} ended with {r.returncode}: {r.stderr.strip()[-600:]}')
    return r.stdout


def enter(host):
    """What to put in front of a command so that it runs at that host."""
    return ['nsenter', '-t', str(host.pid), *(f'--{n}' for n in host.namespaces), '--']


class Switch:
    """Where the hosts' ports end, with an address of its own and this machine's files."""
    address, namespaces = '10.9.0.254', ['net']

    def __init__(self):
        self.process = subprocess.Popen(['unshare', '--net', 'cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.pid, own = self.process.pid, os.readlink('/proc/self/ns/net')
        wait_until('the switch has no namespace of its own', lambda: os.readlink(f'/proc/{self.pid}/ns/net') != own)
        self.ip('link', 'set', 'lo', 'up')
        # an address of its own: else it is that of a port, another one when that host goes off, and the hosts reach nobody until they ask again
        self.ip('link', 'add', 'br0', 'address', '02:00:00:00:00:fe', 'type', 'bridge')
        self.ip('link', 'set', 'br0', 'up')
        self.ip('address', 'add', f'{self.address}/24', 'dev', 'br0')

    def run(self, *argv, **kw):
        return call(*enter(self), *argv, **kw)

    def ip(self, *args):
        self.run('ip', *args)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Host:
    ports = {'port': ('uplink', 'br0')}  # at the switch: the host's end, and the switch's bridge

    def __init__(self, hosts, name, number):
        self.hosts, self.name, self.number = hosts, name, number
        self.folder = os.path.join(hosts.folder, f'.{name}')
        self.address, self.hostname = f'10.9.0.{number}', f'host{name}'
        self.uri = f'qemu+tcp://{self.address}/system'
        self.namespaces = NAMESPACES
        self.process = self.pid = None
        for f in FOLDERS:
            os.makedirs(os.path.join(self.folder, f))
        os.chmod(self.folder, 0o755)
        os.chmod(self.path('lib/secure-vm'), 0o711)
        shutil.chown(self.path('lib/swtpm-localca'), 'tss', 'root')
        self.write_settings()
        self.make_certificates()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write_settings(self):
        with open(self.path('etc-libvirt/libvirtd.conf'), 'w', encoding='ascii') as f:
            f.write(f'listen_tls = 0\nlisten_tcp = 1\nauth_tcp = "none"\nlisten_addr = "0.0.0.0"\nunix_sock_group = "root"\n'
                    f'host_uuid = "00000000-0000-4000-8000-{os.getpid():08x}{self.number:04x}"\n')
        with open(self.path('etc-libvirt/qemu.conf'), 'w', encoding='ascii') as f:
            f.write(f'security_driver = "none"\ndefault_tls_x509_cert_dir = "{self.path("pki")}"\n')
        for name in ('virtlogd.conf', 'libvirt.conf'):
            with open(self.path(f'etc-libvirt/{name}'), 'w', encoding='ascii'):
                pass

    def make_certificates(self):
        """QEMU looks for them in a view of the files that is made at its start: they must be there before."""
        ca, pki = self.hosts.folder, self.path('pki')
        with open(f'{pki}/extensions', 'w', encoding='ascii') as f:
            f.write(f'subjectAltName=DNS:{self.hostname},IP:{self.address}\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n')
        call('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{pki}/server-key.pem', '-out', f'{pki}/request',
             '-subj', f'/CN={self.hostname}')
        call('openssl', 'x509', '-req', '-in', f'{pki}/request', '-CA', f'{ca}/.ca.pem', '-CAkey', f'{ca}/.ca.key', '-set_serial', self.number, '-days', '30',
             '-extfile', f'{pki}/extensions', '-out', f'{pki}/server-cert.pem')
        for kind in ('key', 'cert'):
            shutil.copy(f'{pki}/server-{kind}.pem', f'{pki}/client-{kind}.pem')
            os.chmod(f'{pki}/server-{kind}.pem', 0o644)
            os.chmod(f'{pki}/client-{kind}.pem', 0o644)
        shutil.copy(f'{ca}/.ca.pem', f'{pki}/ca-cert.pem')

    # --- power ---

    def on(self):
        shutil.rmtree(self.path('run'))
        os.makedirs(self.path('run/lock'))
        os.makedirs(self.path('run/libvirt'))
        with open(self.path('init.log'), 'ab') as log:
            self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), '--unshare', self.hosts.folder, self.name],
                                            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        wait_until(self.why_not_up, lambda: os.path.exists(self.path('run/up')) or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise Failed(self.why_not_up())
        self.pid = self.find_init()
        for port, (link, bridge) in self.ports.items():
            self.hosts.switch.ip('link', 'add', f'{port}-{self.name}', 'type', 'veth', 'peer', 'name', link, 'netns', str(self.pid))
            self.hosts.switch.ip('link', 'set', f'{port}-{self.name}', 'master', bridge, 'up')
        self.plug_in()
        self.start_daemons()

    def find_init(self):
        """The one child of unshare, in this machine's numbers."""
        return find_children(self.process.pid)[0]

    def plug_in(self):
        """The bridge has an address of its own: by itself it takes that of a guest's tap, which during a migration two hosts have."""
        self.run('ip', 'link', 'set', 'lo', 'up')
        self.run('ip', 'link', 'add', 'br0', 'address', f'02:00:00:00:00:{self.number:02x}', 'type', 'bridge')
        self.run('ip', 'link', 'set', 'uplink', 'master', 'br0', 'up')
        self.run('ip', 'link', 'set', 'br0', 'up')
        self.run('ip', 'address', 'add', f'{self.address}/24', 'dev', 'br0')

    def start_daemons(self):
        self.run_below('virtlogd', '--daemon')
        self.start_libvirtd()

    def run_below(self, *argv):
        """In the host's own cgroups, which who enters by nsenter is not in."""
        groups = [f'{where}/{os.path.basename(self.hosts.folder)}.{self.name}{below}/cgroup.procs' for where, _ in cgroup_mounts() for below in ('/init', '')]
        join = 'for g in ' + ' '.join(groups) + '; do [ ! -e "$g" ] || echo $$ >"$g" || :; done; exec "$@"'
        call('sh', '-c', f'({join}) 2>/dev/null', 'sh', *enter(self), *argv)

    def start_libvirtd(self):
        self.run_below('libvirtd', '--daemon', '--listen')
        wait_until(lambda: f'{self.name}: libvirtd does not listen', lambda: self.listens(16509))

    def kill_libvirtd(self):
        """As a crash of the daemon: its guests run on."""
        with open(self.path('run/libvirtd.pid'), encoding='ascii') as f:
            pid = f.read().strip()
        self.run('kill', '-9', pid)
        wait_until('libvirtd does not end', lambda: subprocess.run([*enter(self), 'kill', '-0', pid], capture_output=True, check=False).returncode)

    def listens(self, port):
        """Whether it answers there. Asked from the switch, as the others will."""
        ask = f'import socket; socket.create_connection(("{self.address}", {port}), 1)'
        return subprocess.run([*enter(self.hosts.switch), sys.executable, '-c', ask], capture_output=True, check=False).returncode == 0

    def off(self):
        """A power cut: everything that runs there is gone at once, and its link is down."""
        if not self.process:
            return
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.process.stdin.close()
        self.process.wait()
        wait_until(f'{self.name} has processes still', lambda: not self.processes())
        for port in self.ports:
            with contextlib.suppress(Failed):  # went with the namespace, or will
                self.hosts.switch.ip('link', 'del', f'{port}-{self.name}')
        self.process = self.pid = None

    def why_not_up(self):
        with open(self.path('init.log'), encoding='utf-8', errors='replace') as f:
            return f'host {self.name} does not come up: {f.read()[-800:]}'

    # --- work there ---

    def run(self, *argv, **kw):
        return call(*enter(self), *argv, **kw)

    def start(self, *argv, **kw):
        """A process there that goes on; the caller's to end."""
        return subprocess.Popen([*enter(self), *map(str, argv)], **kw)

    def processes(self):
        """{this machine's pid: command line} of all that runs there."""
        found, own = {}, []
        if self.process:
            with contextlib.suppress(OSError):
                own = os.readlink(f'/proc/{self.process.pid}/ns/pid_for_children')
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                if own and os.readlink(f'/proc/{pid}/ns/pid') == own:
                    with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
                        found[int(pid)] = f.read().replace('\0', ' ').strip()
        return found


class Hosts:
    """The hosts of these names (a letter or two), of this kind, switched on. A context: at its end they are gone."""

    def __init__(self, *names, kind=Host):
        self.names, self.kind, self.all, self.switch = names, kind, [], None
        remove_leftovers()
        self.folder = tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}-', dir='/tmp')
        os.chmod(self.folder, 0o755)

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.end()
            raise
        return self

    def build(self):
        if missing():
            raise Failed(missing())
        call('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{self.folder}/.ca.key', '-out',
             f'{self.folder}/.ca.pem', '-days', '30', '-subj', '/CN=hosts', '-addext', 'basicConstraints=critical,CA:TRUE', '-addext',
             'keyUsage=critical,keyCertSign')
        with open(f'{self.folder}/.hosts', 'w', encoding='ascii') as f:
            f.write('127.0.0.1 localhost\n' + ''.join(f'10.9.0.{i} host{n}\n' for i, n in enumerate(self.names, 1)))
        self.switch = Switch()
        self.plug_switch()
        for i, name in enumerate(self.names, 1):
            host = self.kind(self, name, i)
            self.all.append(host)
            setattr(self, name, host)
            host.on()

    def plug_switch(self):
        """More networks than the hosts' own, for kinds of hosts that have some."""

    def __exit__(self, *why):
        self.end()

    def end(self):
        for host in self.all:
            host.off()
        if self.switch:
            self.switch.end()
        remove_cgroups(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


# --- cgroups ---

def cgroup_mounts():
    """[(where, options)] of the hierarchies that this machine has mounted; options None for version 2."""
    found = []
    with open('/proc/mounts', encoding='utf-8') as f:
        for line in f:
            _, where, kind, options = line.split()[:4]
            if kind == 'cgroup2':
                found.append((where, None))
            elif kind == 'cgroup':
                keep = [o for o in options.split(',') if o not in ('rw', 'ro', 'nosuid', 'nodev', 'noexec', 'relatime')]
                found.append((where, ','.join(['none' if o.startswith('name=') else o for o in keep][:1] + [o for o in keep if o.startswith('name=')])))
    return found


def remove_cgroups(folder):
    for where, _ in cgroup_mounts():
        for top in glob.glob(f'{where}/{os.path.basename(folder)}*'):
            for path, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(path)


def remove_leftovers():
    """Of processes that were killed."""
    for folder in glob.glob(f'/tmp/{PREFIX}*'):
        pid = os.path.basename(folder)[len(PREFIX):].split('-')[0]
        if not os.path.exists(f'/proc/{pid}'):
            remove_cgroups(folder)
            shutil.rmtree(folder, ignore_errors=True)


def join_cgroups(folder, name):
    """A group of its own in each hierarchy, so that the namespace of cgroups begins there."""
    for where, _ in cgroup_mounts():
        group = f'{where}/{os.path.basename(folder)}.{name}'
        os.makedirs(group, exist_ok=True)
        for f in ('cpuset.cpus', 'cpuset.mems'):  # version 1 takes no process before they are set
            if os.path.exists(f'{where}/{f}') and os.path.exists(f'{where}/cpuset.sched_load_balance'):
                with open(f'{where}/{f}', encoding='ascii') as above, open(f'{group}/{f}', 'w', encoding='ascii') as below:
                    below.write(above.read())
        with contextlib.suppress(OSError), open(f'{group}/cgroup.procs', 'w', encoding='ascii') as f:
            f.write(str(os.getpid()))


def mount_cgroups(mounts):
    """The same hierarchies, from this host's groups on. In version 2 a group with processes has no groups below it that are limited: so they move down."""
    call('umount', '-R', '/sys/fs/cgroup')
    call('mount', '-t', 'sysfs', 'sysfs', '/sys')  # which has the cards of the network in which it is mounted
    if mounts == [('/sys/fs/cgroup', None)]:
        call('mount', '-t', 'cgroup2', 'cgroup', '/sys/fs/cgroup')
        os.makedirs('/sys/fs/cgroup/init', exist_ok=True)
        with open('/sys/fs/cgroup/init/cgroup.procs', 'w', encoding='ascii') as f:
            f.write('1')
        return
    call('mount', '-t', 'tmpfs', '-o', 'mode=755', 'cgroup', '/sys/fs/cgroup')
    for where, options in mounts:
        os.makedirs(where)
        call('mount', '-t', *(['cgroup', '-o', options] if options else ['cgroup2']), 'cgroup', where)


# --- inside a host ---

def mount_devices():
    call('mount', '-t', 'tmpfs', '-o', 'mode=755', 'dev', '/dev')
    for name, (major, minor) in DEVICES.items():
        os.makedirs(os.path.dirname(f'/dev/{name}'), exist_ok=True)
        os.mknod(f'/dev/{name}', 0o20666, os.makedev(major, minor))
        os.chmod(f'/dev/{name}', 0o666)
    for name, kind in (('pts', 'devpts'), ('shm', 'tmpfs'), ('mqueue', 'mqueue')):
        os.mkdir(f'/dev/{name}')
        call('mount', '-t', kind, *(['-o', 'newinstance,ptmxmode=0666,mode=620,gid=5'] if kind == 'devpts' else []), kind, f'/dev/{name}')
    os.remove('/dev/ptmx')
    os.symlink('pts/ptmx', '/dev/ptmx')
    for i, name in enumerate(('stdin', 'stdout', 'stderr')):
        os.symlink(f'/proc/self/fd/{i}', f'/dev/{name}')
    os.symlink('/proc/self/fd', '/dev/fd')


def lay_over(own):
    """A tree over /usr and /etc, for hosts that have more than this machine; what they write there is their own."""
    with open(os.path.join(own, 'tree'), encoding='utf-8') as f:
        tree = f.read()
    for d in ('usr', 'etc'):
        upper, work = os.path.join(own, f'over-{d}'), os.path.join(own, f'work-{d}')
        os.makedirs(upper, exist_ok=True)
        os.makedirs(work, exist_ok=True)
        call('mount', '-t', 'overlay', '-o', f'lowerdir={tree}/{d}:/{d},upperdir={upper},workdir={work}', 'overlay', f'/{d}')


def userfaultfd():
    """What QEMU opens for post-copy, where the kernel has it as a file."""
    with contextlib.suppress(OSError):
        return os.stat('/dev/userfaultfd').st_rdev
    return None


def become_host(folder, name):
    """As process 1 of the namespaces: make the host's own view of things, then reap until the owner of the pipe is gone."""
    own, fault, mounts = os.path.join(folder, f'.{name}'), userfaultfd(), cgroup_mounts()
    socket.sethostname(f'host{name}')
    call('mount', '--make-rprivate', '/')
    mount_devices()
    if fault:
        os.mknod('/dev/userfaultfd', 0o20600, fault)
    mount_cgroups(mounts)
    if os.path.exists(os.path.join(own, 'tree')):
        lay_over(own)
    for where, f in OWN.items():
        call('mount', '--bind', os.path.join(own, f), where)
    # libvirt tells a source "connect to tcp:<the target's name>"
    call('mount', '--bind', os.path.join(folder, '.hosts'), '/etc/hosts')
    with open('/run/up', 'w', encoding='ascii'):
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        readable = select.select([0], [], [], 0.2)[0]
        if readable and not os.read(0, 4096):
            os._exit(0)  # and the kernel ends all others
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def unshare(folder, name):
    join_cgroups(folder, name)
    os.execvp('unshare', ['unshare', *(f'--{n}' for n in NAMESPACES), '--fork', '--kill-child', '--mount-proc', sys.executable, os.path.abspath(__file__), '--init',
                          folder, name])


def main():
    if sys.argv[1:2] == ['--unshare']:
        unshare(*sys.argv[2:4])
    if sys.argv[1:2] == ['--init']:
        become_host(*sys.argv[2:4])
    names = sys.argv[1:] or ['a', 'b']
    with Hosts(*names) as hosts:
        print(f'{hosts.folder}; the switch: {" ".join(enter(hosts.switch))}')
        for h in hosts.all:
            print(f'{h.name}: {h.uri}; {" ".join(enter(h))} bash')
        print('until the end of the input', flush=True)
        sys.stdin.read()


if __name__ == '__main__':
    main()
