# SPDX-License-Identifier: Apache-2.0
"""Networks that are not QEMU's own: bridges in a network namespace of the case's, with what a network has there (DHCP, announcements, names,
VLANs), and the broker behind a relay."""
import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import threading
import time

from cases import case
from env import Failed, run
from patience import wait_until

CLONE_NEWNET, TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x40000000, 0x400454ca, 2, 0x1000
MAC = '52:54:00:ab:cd:0'  # and a digit: the cards, in the order of their names
FAR = '198.51.100.1'  # the broker where it is not on the link


class Network:
    """A namespace with the bridges br0 and br1, and in it a listener for each connection to the broker."""

    def __init__(self, c):
        self.c, self.name = c, f'sve2e-{os.getpid()}-{c.name}'[:60]
        self.children, self.relays, self.taps, self.carriers = [], [], [], []
        self.stopped, self.seen = False, []
        run('ip', 'netns', 'add', self.name)
        self.enter = ['ip', 'netns', 'exec', self.name]
        # Its own addresses are usable at once: dnsmasq announces nothing from one that is not yet.
        run(*self.enter, 'sh', '-c', 'for c in all default; do echo 0 >/proc/sys/net/ipv6/conf/$c/accept_dad; done')
        self.ip('link', 'set', 'lo', 'up')
        for bridge in ('br0', 'br1'):
            self.ip('link', 'add', bridge, 'type', 'bridge')
            self.ip('link', 'set', bridge, 'up')

    def ip(self, *args):
        run(*self.enter, 'ip', *args)

    def address(self, link, *addresses):
        for a in addresses:
            self.ip('address', 'add', a, 'dev', link, *(['nodad'] if ':' in a else []))

    def start(self, *args, log):
        with open(self.c.path(log), 'ab') as f:
            self.children.append(subprocess.Popen([*self.enter, *args], stdout=f, stderr=f, stdin=subprocess.DEVNULL))

    def dnsmasq(self, *options):
        """Names, leases and announcements, as a router at home has them. One that announces has an address to do it from, and has done it once: when it misses
        the moment at which an address comes, it says nothing for ever."""
        command = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--log-facility=-', '--log-dhcp', '--user=root',
                   '--group=root', '--bind-dynamic', '--pid-file=', f'--dhcp-leasefile={self.c.path("leases")}', *options]
        if '--enable-ra' not in options:
            self.start(*command, log='dnsmasq.log')
            return
        wait_until('br0 has no address of its link', lambda: 'fe80:' in run(*self.enter, 'ip', '-6', '-o', 'address', 'show', 'dev', 'br0').stdout)
        for _ in range(3):
            self.start(*command, log='dnsmasq.log')
            with contextlib.suppress(Failed):
                wait_until('nothing was announced', self.has_announced, 20)
                return
            p = self.children.pop()
            p.terminate()
            p.wait(20)
        raise Failed('dnsmasq announces nothing')

    def has_announced(self):
        with open(self.c.path('dnsmasq.log'), encoding='utf-8', errors='replace') as f:
            return 'RTR-ADVERT(' in f.read()

    def inside(self, make):
        """What make() opens in the namespace: it stays there, whoever uses it."""
        made = []

        def enter():
            with open(f'/run/netns/{self.name}', 'rb') as f:
                if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), 'setns')
            made.append(make())
        t = threading.Thread(target=enter)  # the namespace is the thread's own
        t.start()
        t.join()
        return made[0]

    def socket(self, family, kind):
        return self.inside(lambda: socket.socket(family, kind))

    def tap(self, name):
        """A link whose other end is the file that is returned: whole frames."""
        def make():
            fd = os.open('/dev/net/tun', os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TAP | IFF_NO_PI))
            return fd
        fd = self.inside(make)
        self.ip('link', 'set', name, 'up')
        self.taps.append(fd)
        return fd

    def vlan(self, name, number):
        """The link `name` is this VLAN of br0. Not every kernel that tests run on has VLANs, so the tags are put on and taken off here."""
        tagged, plain, tag = self.tap('tagged'), self.tap(name), struct.pack('>HH', 0x8100, number)
        self.ip('link', 'set', 'tagged', 'master', 'br0')

        def carry():
            while not self.stopped:
                for fd in select.select([tagged, plain], [], [], 0.5)[0]:
                    frame = os.read(fd, 65536)
                    if fd == plain:
                        os.write(tagged, frame[:12] + tag + frame[12:])
                    elif frame[12:16] == tag:
                        os.write(plain, frame[:12] + frame[16:])
        self.carriers.append(threading.Thread(target=carry))
        self.carriers[-1].start()

    def relay(self, to_port):
        """Takes connections of both families and passes them on to the broker, which is outside; keeps who came, and with what segments."""
        listener = self.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(('::', to_port))
        listener.listen(16)
        self.relays.append(listener)

        def serve():
            while not self.stopped:
                try:
                    guest, peer = listener.accept()
                except OSError:
                    return
                self.seen.append((peer[0].removeprefix('::ffff:'), guest.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)))
                broker = socket.create_connection(('127.0.0.1', to_port))
                for a, b in ((guest, broker), (broker, guest)):
                    threading.Thread(target=copy, args=(a, b), daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()

    def stop(self):
        self.stopped = True
        for listener in self.relays:
            listener.close()
        for t in self.carriers:
            t.join()
        for fd in self.taps:
            os.close(fd)
        for p in self.children:
            p.terminate()
            p.wait(20)
        run('ip', 'netns', 'delete', self.name, check=False)


class Announcer:
    """A router of br0 that says five times a second, so also before a guest asks for its word, that DHCPv6 has the addresses."""

    def __init__(self, net):
        self.stopped = False
        self.socket = net.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        self.to = ('ff02::1', 0, 0, net.inside(lambda: socket.if_nametoindex('br0')))
        self.thread = threading.Thread(target=self.announce)
        self.thread.start()

    def announce(self):
        managed = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0xc0, 1800, 0, 0)  # RFC 4861 section 4.2; the kernel puts the sum in
        while not self.stopped:
            with contextlib.suppress(OSError):  # a bridge without a card has no carrier
                self.socket.sendto(managed, self.to)
            time.sleep(0.2)

    def stop(self):
        self.stopped = True
        self.thread.join()
        self.socket.close()


def copy(a, b):
    with contextlib.suppress(OSError):
        while data := a.recv(65536):
            b.sendall(data)
    with contextlib.suppress(OSError):
        b.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def network(c, host, nics, **attestation):
    """A guest with these cards, whose broker has this address or name; a `net` in which it can be launched."""
    net = Network(c)
    try:
        c.make_broker()
        c.make_disk()
        c.guest['attestation'].update(url=f'https://{f"[{host}]" if ":" in host else host}:{c.port}', **attestation)
        c.guest['nics'] = [dict({'type': 'bridge', 'source': 'br0', 'mac': f'{MAC}{i}'}, **n) for i, n in enumerate(nics)]
        c.file = c.write_guest()
        c.put_policy(c.file)
        net.relay(c.port)
        yield net
    finally:
        run(*c.vm, 'destroy', 'g', check=False, env=c.environment)  # before its bridge
        net.stop()


def launch(c, net, **how):
    vm, c.vm = c.vm, net.enter + c.vm
    try:
        c.launch(**how)
    finally:
        c.vm = vm


def must_come(c, net, *addresses):
    """Every connection was from one of these."""
    c.must(net.seen and {a for a, _ in net.seen} <= set(addresses), f'expected connections from {addresses}, found {net.seen}')


class HostileServer:
    """Answers each DHCP message with answers that are wrong in one way each; the last are only late, or of somebody else."""
    GOOD = {53: b'\2', 54: bytes([10, 9, 0, 1]), 1: bytes([255, 255, 255, 0]), 3: bytes([10, 9, 0, 1]), 51: b'\0\0\1\0'}
    WRONG = [{53: b''}, {53: b'\2\2'}, {53: b'\1'}, {54: b'\0\0\0\0'}, {54: b'\x0a'}, {1: bytes([255, 0, 255, 0])}, {1: b'\xff'}, {3: bytes(4)[:3]},
             {3: bytes([224, 0, 0, 1])}, {6: b'\1\2\3'}, {26: b'\1'}, {121: b'\x21\1\2\3\4\5\6\7\x08'}, {121: b'\x18\x0a'}, {121: b'\0' * 250},
             {121: bytes([8, 127, 10, 9, 0, 1])}]

    def __init__(self, net):
        self.answered, self.stopped = 0, False
        self.socket = net.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'br1\0')
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.bind(('', 67))
        self.socket.settimeout(0.5)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @staticmethod
    def answer(request, xid, options, end=b'\xff', address=bytes([10, 9, 0, 66])):
        head = b'\2\1\6\0' + xid + request[8:12] + bytes(4) + address + bytes(8) + request[28:236] + request[236:240]
        return head + b''.join(bytes([k, len(v)]) + v for k, v in options.items()) + end

    def serve(self):
        while not self.stopped:
            try:
                request = self.socket.recv(2048)
            except OSError:
                continue
            xid = request[4:8]
            answers = [self.answer(request, xid, {**self.GOOD, **w}) for w in self.WRONG]
            answers += [self.answer(request, xid, self.GOOD, end=e) for e in (b'', b'\x06', b'\x06\xff\1')]
            answers += [self.answer(request, struct.pack('>I', struct.unpack('>I', xid)[0] ^ 1), self.GOOD),
                        self.answer(request, xid, self.GOOD, address=bytes([127, 0, 0, 1])), b'', b'\2' * 300, request]
            for a in answers:
                self.socket.sendto(a, ('255.255.255.255', 68))
            self.answered += 1

    def stop(self):
        self.stopped = True
        self.thread.join()
        self.socket.close()


@case
def net_dhcp(c):
    """a card without a network beside one where DHCP answers wrong in each way, then after 40 s a lease of one address with routes and MTU"""
    with network(c, FAR, [{}, {'source': 'br1'}]) as net:
        net.address('lo', f'{FAR}/32')
        net.address('br1', '10.9.0.1/24')
        hostile = HostileServer(net)

        def become_good():
            begin = time.time()
            while time.time() < begin + 600 and not hostile.answered:
                time.sleep(0.5)
            time.sleep(40)  # longer than agents of before asked
            hostile.stop()
            net.dnsmasq('--port=0', '--interface=br1', '--dhcp-range=10.9.0.20,10.9.0.29,255.255.255.0', '--dhcp-option=1,255.255.255.255',
                        '--dhcp-option=3,10.9.0.99', '--dhcp-option=121,10.9.0.1/32,0.0.0.0,0.0.0.0/0,10.9.0.1', '--dhcp-option=26,1400')
        t = threading.Thread(target=become_good)
        t.start()
        launch(c, net, timeout=400)
        t.join()
        c.must_unlock()
        c.must(hostile.answered > 5, f'expected to be asked all the time, found {hostile.answered} answers')
        must_come(c, net, *(f'10.9.0.{n}' for n in range(20, 30)))
        c.must(all(mss <= 1360 for _, mss in net.seen), f'expected segments for an MTU of 1400, found {net.seen}')
        c.must('/32' not in c.console() and 'router 10.9.0.1' in c.console(), 'expected the lease of one address on the console')


@case
def net_static(c):
    """addresses of the guest file in a VLAN: one address with a gateway outside of it, MTU, the card named by its address; another one's DHCP is not asked"""
    vlan = {'address': ['192.0.2.7/32', '2001:db8::7/64'], 'gateway': '192.0.2.1', 'vlan': 7, 'mtu': 1300}
    with network(c, FAR, [{'source': 'br1'}, vlan], card=f'{MAC}1', wait=170) as net:
        net.address('lo', f'{FAR}/32')
        net.vlan('seven', 7)
        net.address('seven', '192.0.2.1/24')
        net.address('br1', '10.9.0.1/24')
        net.dnsmasq('--port=0', '--interface=br1', '--dhcp-range=10.9.0.20,10.9.0.29,255.255.255.0')
        launch(c, net)
        c.must_unlock()
        must_come(c, net, '192.0.2.7')
        c.must(all(mss <= 1260 for _, mss in net.seen), f'expected segments for an MTU of 1300, found {net.seen}')
        with open(c.path('dnsmasq.log'), encoding='utf-8') as f:
            c.must('DHCPDISCOVER' not in f.read(), 'the other card was used')


@case
def net_slaac(c):
    """IPv6 without IPv4: address and route by announcement, the broker's name asked of the resolver that the announcement names"""
    with network(c, 'broker.example', [{}]) as net:
        net.address('br0', '2001:db8:9::1/64')
        net.dnsmasq('--interface=br0', '--enable-ra', '--ra-param=br0,10', '--dhcp-range=2001:db8:9::,ra-only,64', '--dhcp-option=option6:dns-server,[::]',
                    '--address=/broker.example/2001:db8:9::1')
        launch(c, net)
        c.must_unlock()
        c.must(all(a.startswith('2001:db8:9:') for a, _ in net.seen), f'expected an address of the announced network, found {net.seen}')


@case
def net_dhcp6(c):
    """IPv6 by DHCPv6, as a router announces before it is asked: the address that the server has for the guest, and its resolver"""
    with network(c, 'broker.example', [{}]) as net:
        net.address('br0', '2001:db8:9::1/64')
        net.dnsmasq('--interface=br0', '--dhcp-range=2001:db8:9::20,2001:db8:9::29,64', '--dhcp-option=option6:dns-server,[::]',
                    '--address=/broker.example/2001:db8:9::1')
        announcer = Announcer(net)
        try:
            launch(c, net)
        finally:
            announcer.stop()
        c.must_unlock()
        must_come(c, net, *(f'2001:db8:9::{n}' for n in range(20, 30)))


@case
def net_static6(c):
    """IPv6 of the guest file with a gateway outside of it; the broker's URL is an address in brackets"""
    with network(c, '2001:db8:5::1', [{'address': '2001:db8:9::7/128', 'gateway': '2001:db8:9::1'}]) as net:
        net.address('lo', '2001:db8:5::1/128')
        net.address('br0', '2001:db8:9::1/64')
        launch(c, net)
        c.must_unlock()
        must_come(c, net, '2001:db8:9::7')


@case
def net_none(c):
    """no network for as long as the guest file says: the guest says what it asked, and goes off"""
    with network(c, FAR, [{}, {'source': 'br1'}], wait=20) as net:
        begin = time.time()
        launch(c, net)
        c.must_refuse('system', 'agent.net.dhcp', audited=False)
        c.must('eth0, eth1 within 20 s' in c.result['error']['message'], 'expected both cards in the message')
        if time.time() < begin + 20:
            raise Failed('the guest did not ask for as long as its file says')
        wait_until('QEMU still runs', lambda: not c.processes())
