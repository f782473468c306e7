# SPDX-License-Identifier: Apache-2.0
"""Hosts out of namespaces (hosts.py) that are a cluster: corosync and Pacemaker of tools/fetch-cluster at each, and a power switch that a fence agent asks and
that really cuts the power.

    with Cluster('a', 'b', 'c') as hosts:
        hosts.configure(primitives)               CIB XML
        hosts.power.log                           [(when, action, host)]
        hosts.unplug(hosts.a)                     its ring, the network of the cluster alone: guests and clients do not notice"""
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

from hosts import Host, Hosts, call, enter, missing
from patience import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
IDS = 64321  # hacluster's and haclient's
FOLDERS = {'lib/pacemaker': True, 'lib/pacemaker/cib': True, 'lib/pacemaker/pengine': True, 'lib/pacemaker/blackbox': True, 'lib/pacemaker/cores': True,
           'lib/corosync': False, 'log/pacemaker': True, 'log/corosync': False}
# A cluster that is made waits for so long for one that may be there already: nobody is, here.
FIRST = '''<cib crm_feature_set="3.0.0" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="options"><nvpair id="o-dead" name="dc-deadtime" value="2s"/></cluster_property_set></crm_config>
<nodes/><resources/><constraints/></configuration><status/></cib>'''
CIB = '''<crm_config><cluster_property_set id="options">
<nvpair id="o-dead" name="dc-deadtime" value="2s"/><nvpair id="o-fence" name="stonith-enabled" value="true"/><nvpair id="o-action" name="stonith-action" value="off"/>
<nvpair id="o-quorum" name="no-quorum-policy" value="stop"/><nvpair id="o-timeout" name="stonith-timeout" value="120s"/>
<nvpair id="o-start" name="start-failure-is-fatal" value="false"/>
</cluster_property_set></crm_config>'''
FENCE = '''<primitive id="fence" class="stonith" type="fence_switch"><instance_attributes id="fence-i"><nvpair id="fence-s" name="socket" value="{socket}"/>
<nvpair id="fence-l" name="pcmk_host_list" value="{names}"/><nvpair id="fence-c" name="pcmk_host_check" value="static-list"/></instance_attributes></primitive>'''


def make_pairs(prefix, given):
    return ''.join(f'<nvpair id="{prefix}-{k}" name="{k}" value="{v}"/>' for k, v in given.items())


def make_primitive(name, provider, kind, given, times, meta=()):
    """A resource; `times`: for how long each of its operations may last."""
    ops = ''.join(f'<op id="{name}-{k}-op" name="{k}" interval="{"5s" if k == "monitor" else "0"}" timeout="{v}"/>' for k, v in times.items())
    return (f'<primitive id="{name}" class="ocf" provider="{provider}" type="{kind}"><instance_attributes id="{name}-i">{make_pairs(name, given)}</instance_attributes>'
            f'<meta_attributes id="{name}-m">{make_pairs(f"{name}-m", dict(meta))}</meta_attributes><operations>{ops}</operations></primitive>')


def missing_cluster():
    """What this machine lacks for a cluster, or None."""
    if missing():
        return missing()
    r = subprocess.run([os.path.join(TOP, 'tools/fetch-cluster')], capture_output=True, text=True, check=False)
    return f'no Pacemaker: {r.stderr.strip()[-300:]}' if r.returncode else None


class Power(threading.Thread):
    """Obeys the fence agents. `lie`: hosts of which it says that they are off, and they are not. `after`: called with the host before the answer."""

    def __init__(self, hosts):
        super().__init__(daemon=True)
        self.hosts, self.log, self.lie, self.after = hosts, [], set(), None
        self.path = os.path.join(hosts.folder, '.power')
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(8)

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.sendall(self.answer(peer.makefile().readline().split()).encode())

    def answer(self, words):
        action, name = words[0], words[1] if len(words) > 1 else ''
        host = {h.hostname: h for h in self.hosts.all}.get(name)
        if action == 'list':
            return '\n'.join(h.hostname for h in self.hosts.all)
        if action in ('monitor', 'status') or not host:
            return 'ok' if host or action == 'monitor' else 'no such host'
        if action in ('off', 'reboot') and host not in self.lie:
            host.off()
        if self.after:
            self.after(host)
        self.log.append((time.monotonic(), action, host.name))
        return 'ok'

    def end(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def cuts(self, name):
        return [at for at, action, host in self.log if host == name and action != 'on']


class Node(Host):
    """A host with the cluster's programs over its /usr. Which of its own: by the class's `daemon`, whether libvirt runs there."""
    daemon = False
    ports = {**Host.ports, 'ring': ('ring', 'ring')}

    def __init__(self, hosts, name, number):
        super().__init__(hosts, name, number)
        with open(self.path('tree'), 'w', encoding='utf-8') as f:
            f.write(hosts.tree)
        for folder, owned in FOLDERS.items():
            os.makedirs(self.path(folder), exist_ok=True)
            if owned:
                os.chown(self.path(folder), IDS, IDS)
        with open(self.path('lib/pacemaker/cib/cib.xml'), 'w', encoding='ascii') as f:
            f.write(FIRST)
        os.chown(f.name, IDS, IDS)
        os.chmod(f.name, 0o600)
        self.install('usr/sbin/fence_switch', os.path.join(HERE, 'fence_switch'))
        self.install('usr/lib/ocf/resource.d/secure-vm/guest', os.path.join(TOP, 'launcher/ha/guest'))
        self.write('etc/corosync/corosync.conf', self.corosync())
        for f, line in (('passwd', f'hacluster:x:{IDS}:{IDS}::/var/lib/pacemaker:/usr/sbin/nologin\n'), ('group', f'haclient:x:{IDS}:\n')):
            with open(f'/etc/{f}', encoding='utf-8') as own:
                self.write(f'etc/{f}', ''.join(x for x in own if x.split(':')[0] not in ('hacluster', 'haclient')) + line)

    def over(self, path):
        """Of the host's own layer: usr/… or etc/…"""
        path = self.path(f'over-{path}')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def install(self, path, source):
        shutil.copy(source, self.over(path))
        os.chmod(self.over(path), 0o755)

    def write(self, path, text):
        with open(self.over(path), 'w', encoding='utf-8') as f:
            f.write(text)

    def plug_in(self):
        super().plug_in()
        self.run('ip', 'link', 'set', 'ring', 'up')
        self.run('ip', 'address', 'add', f'10.9.1.{self.number}/24', 'dev', 'ring')

    def corosync(self):
        nodes = ''.join(f' node {{\n  ring0_addr: 10.9.1.{i}\n  name: host{n}\n  nodeid: {i}\n }}\n' for i, n in enumerate(self.hosts.names, 1))
        return (f'totem {{\n version: 2\n cluster_name: test\n transport: udpu\n token: 3000\n crypto_cipher: none\n crypto_hash: none\n}}\n'
                f'quorum {{\n provider: corosync_votequorum\n}}\nnodelist {{\n{nodes}}}\n'
                f'logging {{\n to_logfile: yes\n logfile: /var/log/corosync/corosync.log\n to_syslog: no\n}}\n')

    def start_daemons(self):
        if self.daemon:
            super().start_daemons()
        self.run_below('corosync')
        wait_until(lambda: f'{self.name}: corosync does not answer', lambda: subprocess.run([*enter(self), 'corosync-quorumtool', '-s'], capture_output=True,
                                                                                           check=False).returncode in (0, 2))
        self.run_below('sh', '-c', 'PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_ipc_type=socket setsid pacemakerd </dev/null >/var/log/pacemakerd.out 2>&1 &')

    def log(self):
        with contextlib.suppress(OSError), open(self.path('log/pacemaker/pacemaker.log'), encoding='utf-8', errors='replace') as f:
            return f.read()
        return ''

    def tool(self, *argv):
        """The command of what talks with Pacemaker there."""
        return [*enter(self), 'env', 'PCMK_ipc_type=socket', *argv]

    def ask(self, *argv):
        """A tool of Pacemaker's: what it prints, '' when it fails."""
        r = subprocess.run(self.tool(*argv), capture_output=True, text=True, check=False)
        return r.stdout if r.returncode == 0 else ''

    def status(self):
        """crm_mon's XML, or None while there is none."""
        text = self.ask('crm_mon', '--output-as=xml', '-1')
        return ET.fromstring(text) if text else None


class NodeWithDaemon(Node):
    daemon = True


class Cluster(Hosts):
    def __init__(self, *names, kind=Node):
        super().__init__(*names, kind=kind)
        self.tree = call(os.path.join(TOP, 'tools/fetch-cluster')).strip()
        self.power = None

    def plug_switch(self):
        self.switch.ip('link', 'add', 'ring', 'type', 'bridge')
        self.switch.ip('link', 'set', 'ring', 'up')

    def build(self):
        super().build()
        self.power = Power(self)
        self.power.start()
        wait_until(lambda: f'the cluster does not come up: {self.all[0].log()[-800:]}', self.is_up)

    def is_up(self):
        """All are online in the view of each, and one coordinates."""
        return all(h.pid and self.online(h) == {x.hostname for x in self.all if x.pid} for h in self.all if h.pid)

    @staticmethod
    def online(host):
        status = host.status()
        if status is None or status.find('summary/current_dc[@present="true"]') is None:
            return set()
        return {n.get('name') for n in status.findall('nodes/node') if n.get('online') == 'true' and n.get('pending') == 'false'}

    def any(self):
        return next(h for h in self.all if h.pid)

    def others(self, host):
        return [h for h in self.all if h.pid and h is not host]

    def named(self, name):
        return next(h for h in self.all if h.name == name)

    def replace(self, scope, text, *options):
        call(*self.any().tool('cibadmin', '--replace', *options, '--scope', scope, '--xml-text', text))

    def configure(self, primitives, constraints='', options=CIB):
        fence = FENCE.format(socket=self.power.path, names=' '.join(h.hostname for h in self.all))
        for scope, text in (('crm_config', options), ('constraints', '<constraints/>'), ('resources', f'<resources>{fence}{primitives}</resources>'),
                            ('constraints', f'<constraints>{constraints}</constraints>')):
            self.replace(scope, text)

    def prefer(self, resource, host):
        """It runs there from now on, and nothing else is changed."""
        self.replace('constraints', f'<constraints><rsc_location id="{resource}-at" rsc="{resource}" node="{host.hostname}" score="INFINITY"/></constraints>')

    def clear(self):
        """Nothing is configured but what the cluster itself needs: what ran is stopped."""
        for scope, text in (('constraints', '<constraints/>'), ('resources', '<resources/>'), ('crm_config', CIB)):
            self.replace(scope, text, '--allow-create')

    def where(self, resource):
        """Names of the hosts where it is active, as the cluster believes."""
        status = self.any().status()
        if status is None:
            return None
        found = status.find(f'resources//resource[@id="{resource}"]')
        return [] if found is None else [n.get('name')[4:] for n in found.findall('node') if found.get('role') == 'Started']

    def unplug(self, host):
        self.switch.ip('link', 'set', f'ring-{host.name}', 'down')

    def end(self):
        if self.power:
            self.power.end()
        super().end()
