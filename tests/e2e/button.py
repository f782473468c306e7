# SPDX-License-Identifier: Apache-2.0
"""A guest that obeys the power button as Linux tells of it (the drivers button and evdev), and what `reboot` and `stop` make of it."""
import glob
import os
import re
import shutil
import stat
import subprocess

from patience import patient, wait_until

READY, OBEYS = 'e2e-button: ready', 'e2e-button: the power button was pressed'
INIT = '''#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
#define N 8
static int is_pressed(int fd)
{
        struct input_event e;
        return read(fd, &e, sizeof(e)) == sizeof(e) && e.type == EV_KEY && e.code == KEY_POWER && e.value == 1;
}
int main(void)
{
        static const char *const modules[] = {"/button.ko", "/evdev.ko"};
        struct pollfd p[N];
        for (int i = 0; i < 2; i++)
                if (syscall(SYS_finit_module, open(modules[i], O_RDONLY), "", 0))
                        printf("e2e-button: %s does not load\\n", modules[i]);
        mount("dev", "/dev", "devtmpfs", 0, "");
        for (int i = 0; i < N; i++) {
                char name[32];
                snprintf(name, sizeof(name), "/dev/input/event%d", i);
                p[i] = (struct pollfd){.fd = open(name, O_RDONLY), .events = POLLIN};
        }
        puts("READY");
        for (;;)
                for (int i = poll(p, N, -1) > 0 ? 0 : N; i < N; i++)
                        if (p[i].revents && is_pressed(p[i].fd)) {
                                puts("OBEYS");
                                sync();
                                reboot(RB_POWER_OFF);
                        }
}'''.replace('READY', READY).replace('OBEYS', OBEYS)


def make_initrd(folder, kernel):
    """For a kernel whose modules lie beside it, otherwise None."""
    found = [glob.glob(f'{os.path.dirname(kernel)}/lib/modules/*/kernel/drivers/{m}.ko') for m in ('acpi/button', 'input/evdev')]
    if not all(found):
        return None
    tree = f'{folder}/button'
    os.makedirs(f'{tree}/dev')
    subprocess.run(['cc', '-static', '-O2', '-xc', '-', '-o', f'{tree}/init'], input=INIT, text=True, check=True)
    os.mknod(f'{tree}/dev/console', 0o600 | stat.S_IFCHR, os.makedev(5, 1))
    for module, in found:
        shutil.copy(module, tree)
    names = b'init\ndev\ndev/console\nbutton.ko\nevdev.ko\n'
    with open(f'{folder}/button.initrd', 'wb') as out:
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=names, stdout=out, cwd=tree, check=True)
    return f'{folder}/button.initrd'


def command(guest, *args):
    return subprocess.run([guest.vm, *args], capture_output=True, text=True, check=False)


def console(guest):
    return command(guest, 'console', '--log', guest.name).stdout


def await_ready(guest):
    wait_until(lambda: 'the guest never listened to its power button: ' + console(guest)[-800:], lambda: READY in console(guest), 120)


def check_obedient(guest):
    """Asked to shut down it does, is launched again as a new QEMU, and the next time stays down."""
    await_ready(guest)
    before = guest.processes()['qemu']
    r = command(guest, 'reboot', guest.name, '--timeout', str(int(patient(60))))
    assert r.returncode == 0 and re.search('the guest reboots: it is launched and attested again', r.stderr), (r, console(guest)[-500:])
    assert guest.processes()['qemu'] != before, 'the same QEMU still runs'
    await_ready(guest)
    # a paused guest hears nothing: it goes on to be asked
    r = command(guest, 'pause', guest.name)
    assert (r.returncode, r.stdout) == (0, f'guest {guest.name}: paused\n'), r
    r = command(guest, 'stop', guest.name, '--timeout', str(int(patient(60))))
    assert (r.returncode, r.stdout) == (0, f'guest {guest.name}: stopped\n') and OBEYS in console(guest), (r, console(guest)[-500:])


def check_deaf(guest):
    """A guest that does not listen is waited for, is then still there, and is ended only with --force."""
    before = guest.processes()
    for verb, check in (('reboot', 'reboot.timeout'), ('stop', 'stop.timeout')):
        r = command(guest, verb, guest.name, '--timeout', '2')
        assert r.returncode == 3 and check in r.stderr, r
        assert guest.processes() == before, f'{verb} took the guest down'
    r = command(guest, 'stop', guest.name, '--timeout', '1', '--force')
    assert r.returncode == 0, r
